#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/catalog.h"
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

/// How many of a list are told.
constexpr std::size_t kNamesMax = 3;

/// "a, b, c and 4 more".
inline std::string some_of(const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), kNamesMax); ++i)
        out += (i == 0 ? "" : ", ") + escape_path(names[i]);
    if (names.size() > kNamesMax) out += format(" and {} more", names.size() - kNamesMax);
    return out;
}

/// A named check. What it throws as an Error is a problem.
template <typename Subject>
struct DoctorCheck {
    const char* name;
    Diagnosis (*examine)(const Subject& subject);
};

template <typename Subject>
Diagnosis examined(const DoctorCheck<Subject>& check, const Subject& subject) {
    Diagnosis diagnosis;
    try {
        diagnosis = check.examine(subject);
    } catch (const Error& e) {
        diagnosis = problem(e.message(), e.hint());
    }
    diagnosis.check = check.name;
    return diagnosis;
}

/// Does the checks in order.
template <typename Subject>
void examine_all(std::span<const DoctorCheck<Subject>> checks, const Subject& subject,
                 std::vector<Diagnosis>& out) {
    for (const DoctorCheck<Subject>& check : checks) out.push_back(examined(check, subject));
}

/// Looks at the set's target, and at what else is set up there if it answers. `runs` are the catalogue's.
void examine_target(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs,
                    std::vector<Diagnosis>& out);

}  // namespace icecore::engine
