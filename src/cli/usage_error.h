#pragma once

#include <string>
#include <utility>

#include "base/error.h"

namespace icecore::cli {

/// A bad command line or configuration file: exit status 2.
class UsageError final : public Error {
  public:
    explicit UsageError(std::string message, std::string hint = {})
        : Error(Kind::invalid, std::move(message), std::move(hint)) {}
};

}  // namespace icecore::cli
