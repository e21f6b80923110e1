#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "cli/program.h"

namespace icecore::cli {

/// A fault of the simulator that does not end, and what icecore says of it.
struct LastingFault {
    const char* name;
    const char* operation;
    const char* fault;
    int status;
    const char* message;
    const char* hint;
    friend void PrintTo(const LastingFault& fault, std::ostream* out) { *out << fault.name; }
};

/// Of both services.
constexpr const char* kHtml = R"("kind":"html","status":200)";
constexpr const char* kProxy = R"("kind":"html","status":502)";
constexpr const char* kEndless = R"("kind":"endless")";
constexpr const char* kTruncated = R"("kind":"truncate")";
constexpr const char* kLost = R"("kind":"drop-after")";
constexpr const char* kCut = R"("kind":"drop-before")";
constexpr const char* kDamaged = R"("kind":"corrupt","offset":70000)";

/// Tests of `Program` (sim_program.h) under each of the faults.
template <typename Program>
class UnderLastingFault : public Program, public ::testing::WithParamInterface<LastingFault> {
  protected:
    void break_it() { this->always(this->GetParam().operation, this->GetParam().fault); }
};

inline std::string name_of_fault(const ::testing::TestParamInfo<LastingFault>& info) {
    return info.param.name;
}

}  // namespace icecore::cli
