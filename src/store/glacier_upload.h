#pragma once

#include <functional>
#include <string>

#include "store/glacier_target.h"

namespace icecore::store {

/// Stores `source` as an archive of the vault and returns its id; Target::put() of a vault.
std::string upload_to_vault(const GlacierTargetOptions& options, const std::string& description,
                            const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                            const std::function<void(std::uint64_t)>& sent);

}  // namespace icecore::store
