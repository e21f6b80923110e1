#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "cloud/credentials.h"
#include "cloud/http.h"
#include "cloud/sigv4.h"

namespace icecore::cloud {

/// A request that the service answered with an error.
class ServiceError : public Error {
  public:
    ServiceError(Kind kind, int status, std::string code, std::string message, std::string hint)
        : Error(kind, std::move(message), std::move(hint)), status_(status), code_(std::move(code)) {}
    int status() const { return status_; }
    /// As the service names it: "ResourceNotFoundException", "NoSuchKey"; empty if the answer was not the
    /// service's.
    const std::string& code() const { return code_; }

  private:
    int status_;
    std::string code_;
};

/// What an error response says, in a service's own format.
struct ErrorReply {
    std::string code;
    std::string message;
};

/// How a service is reached. Everything referred to must outlive the clients.
struct AwsOptions {
    std::string endpoint;  ///< "https://glacier.us-east-1.amazonaws.com", without a path
    SigningScope scope;
    std::shared_ptr<CredentialsSource> credentials;
    const Clock* clock = nullptr;
    HttpOptions http;
    unsigned attempts_max = 8;
    Backoff backoff = {};
    std::function<void(std::int64_t)> sleep_ns;  ///< waits that long; any thread
    std::function<double()> random;              ///< in [0, 1); any thread
    /// Told before each wait: what failed, and the number of the try. Any thread.
    std::function<void(std::string_view message, unsigned attempt)> on_retry = {};
};

/// What a request is besides its path.
struct AwsRequest {
    std::string method;
    std::string path;        ///< percent-encoded, from "/" on
    std::string query = {};  ///< percent-encoded, sorted, each key with '='; without '?'
    std::vector<HttpHeader> headers = {};
    std::string body = {};
    RandomAccessSource* content = nullptr;  ///< as in HttpRequest; then `payload_hash` must be given
    std::uint64_t content_offset = 0;
    std::uint64_t content_bytes = 0;
    std::string payload_hash = {};  ///< hex SHA-256 of what is sent; empty: computed from `body`
    /// What is being done, for messages: "uploading part 3 of a.tar.zst".
    std::string doing = {};
    /// False: what it does must not be done twice, so it is not sent again when its reply was lost (but is
    /// when the service refused it).
    bool repeatable = true;
    /// True: the service may say 200 before it knows, and then put an error into the body
    /// (CompleteMultipartUpload of S3).
    bool fails_with_success = false;
};

/// Sends signed requests and tells errors apart: what all AWS services have in common. What is transient
/// (connection, timeout, 5xx, 408, throttling by any of its names and statuses) is tried again, with full
/// jitter after no less than Retry-After (unless that is over 15 minutes: then the error is thrown at once);
/// expired credentials are fetched anew once; nothing else is repeated. A wait ends with Error{cancelled}
/// when `http.cancelled` says so. One thread at a time.
class AwsClient {
  public:
    using ParseError = std::function<ErrorReply(const HttpResponse&)>;

    AwsClient(AwsOptions options, ParseError parse_error);
    ~AwsClient();
    AwsClient(AwsClient&&) noexcept;

    /// Returns a response of status 2xx, whose body is whole: longer than is kept is Error{corrupt}. `sink`
    /// as in HttpClient::send; once it has had bytes, a broken response is not asked for again but
    /// Error{transient}. Throws ServiceError, or Error as HttpClient::send. Kinds: denied (keys, permissions,
    /// clock: a clock that is off by more than four minutes is told with by how much), not_found, transient,
    /// invalid, unsupported. A body that is no service's (an HTML page of a proxy) is told as that.
    HttpResponse call(const AwsRequest& request, const BodySink& sink = {});

    const AwsOptions& options() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::cloud
