#pragma once

#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "engine/doctor.h"

// How checks are written; private to doctor*.cc.

namespace icecore::engine {

inline Diagnosis fine(std::string message) {
    return {Diagnosis::Status::ok, "", std::move(message), ""};
}
inline Diagnosis warning(std::string message, std::string hint = {}) {
    return {Diagnosis::Status::warning, "", std::move(message), std::move(hint)};
}
inline Diagnosis problem(std::string message, std::string hint = {}) {
    return {Diagnosis::Status::problem, "", std::move(message), std::move(hint)};
}

/// A named check. What it throws as an Error is a problem.
template <typename Subject>
struct DoctorCheck {
    const char* name;
    Diagnosis (*examine)(const Subject& subject);
};

/// Does the checks in order.
template <typename Subject>
void examine_all(std::span<const DoctorCheck<Subject>> checks, const Subject& subject,
                 std::vector<Diagnosis>& out) {
    for (const DoctorCheck<Subject>& check : checks) {
        Diagnosis diagnosis;
        try {
            diagnosis = check.examine(subject);
        } catch (const Error& e) {
            diagnosis = problem(e.message(), e.hint());
        }
        diagnosis.check = check.name;
        out.push_back(std::move(diagnosis));
    }
}

}  // namespace icecore::engine
