#pragma once

#include <optional>
#include <string_view>

#include "sim/faults.h"
#include "sim/server.h"

namespace icecore::sim {

/// The answer of a fault that keeps the request from having an effect; nullopt for one of another kind.
/// Throws ApiError for an error on order, with `code` where none was ordered.
std::optional<Answer> answer_instead(const Fault& fault, std::string_view code);

/// Does to the answer what the fault says.
void spoil(const Fault& fault, Answer& answer);

}  // namespace icecore::sim
