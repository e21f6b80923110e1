#pragma once

#include <exception>
#include <string>
#include <utility>

namespace icecore::sim {

/// A request that is answered with an error of the service's. The service puts it in its own format.
class ApiError : public std::exception {
  public:
    ApiError(int status, std::string code, std::string message)
        : status_(status), code_(std::move(code)), message_(std::move(message)) {}
    const char* what() const noexcept override { return message_.c_str(); }
    int status() const { return status_; }
    /// "InvalidSignatureException".
    const std::string& code() const { return code_; }
    const std::string& message() const { return message_; }

  private:
    int status_;
    std::string code_;
    std::string message_;
};

}  // namespace icecore::sim
