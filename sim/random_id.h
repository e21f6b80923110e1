#pragma once

#include <cstddef>
#include <string>

namespace icecore::sim {

/// `length` characters of A-Z, a-z, 0-9, '-' and '_', as the service's ids have them: not to be guessed, and
/// one may begin with '-'. Any thread.
std::string random_id(std::size_t length);

}  // namespace icecore::sim
