#pragma once

#include <optional>

#include "sim/faults.h"
#include "sim/server.h"

namespace icecore::sim {

/// The answer of a fault that keeps the request from having an effect; nullopt for one of another kind.
/// Throws ApiError for an error on order.
std::optional<Answer> answer_instead(const Fault& fault);

/// Does to the answer what the fault says.
void spoil(const Fault& fault, Answer& answer);

}  // namespace icecore::sim
