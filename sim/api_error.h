#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace icecore::sim {

/// A request that is answered with an error of the service's. The service puts it in its own format.
class ApiError : public std::exception {
  public:
    /// More that the answer tells: "StorageClass" and its value.
    using Details = std::vector<std::pair<std::string, std::string>>;

    ApiError(int status, std::string code, std::string message, Details details = {})
        : status_(status),
          code_(std::move(code)),
          message_(std::move(message)),
          details_(std::move(details)) {}
    const char* what() const noexcept override { return message_.c_str(); }
    int status() const { return status_; }
    /// "InvalidSignatureException".
    const std::string& code() const { return code_; }
    const std::string& message() const { return message_; }
    const Details& details() const { return details_; }

  private:
    int status_;
    std::string code_;
    std::string message_;
    Details details_;
};

}  // namespace icecore::sim
