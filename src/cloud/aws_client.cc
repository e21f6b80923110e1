#include "cloud/aws_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "cloud/http_date.h"

namespace icecore::cloud {
namespace {

constexpr std::int64_t kSkewSecondsMax = 4 * 60;  // the services refuse from 5 minutes on
constexpr std::int64_t kRetryAfterSecondsMax = 300;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<std::string_view, 13> kTransientCodes = {"ThrottlingException",
                                                              "Throttling",
                                                              "ThrottledException",
                                                              "RequestThrottled",
                                                              "RequestThrottledException",
                                                              "TooManyRequestsException",
                                                              "SlowDown",
                                                              "BandwidthLimitExceeded",
                                                              "RequestLimitExceeded",
                                                              "RequestTimeout",
                                                              "RequestTimeoutException",
                                                              "OperationAborted",
                                                              "PriorRequestNotComplete"};
constexpr std::array<std::string_view, 4> kExpiredCodes = {"ExpiredTokenException", "ExpiredToken",
                                                           "TokenRefreshRequired", "RequestExpired"};
constexpr std::array<std::string_view, 2> kClockCodes = {"RequestTimeTooSkewed", "RequestInTheFuture"};
constexpr std::array<std::string_view, 3> kUnknownKeyCodes = {"UnrecognizedClientException",
                                                              "InvalidAccessKeyId", "InvalidClientTokenId"};
constexpr std::array<std::string_view, 3> kSignatureCodes = {"InvalidSignatureException",
                                                             "SignatureDoesNotMatch", "IncompleteSignature"};

/// "17 minutes ahead of".
std::string skew_text(std::int64_t seconds) {
    std::int64_t size = std::abs(seconds);
    std::string span = size >= 2 * 3600 ? format("{} hours", size / 3600)
                       : size >= 120    ? format("{} minutes", size / 60)
                                        : format("{} seconds", size);
    return format("{} {}", span, seconds > 0 ? "ahead of" : "behind");
}

/// "Retry-After: 30", in seconds; what is longer than five minutes is not believed.
std::int64_t retry_after_ns(const HttpResponse& response) {
    const std::string* value = response.header("Retry-After");
    std::int64_t seconds = 0;
    if (value == nullptr) return 0;
    std::from_chars(value->data(), value->data() + value->size(), seconds);
    return std::clamp<std::int64_t>(seconds, 0, kRetryAfterSecondsMax) * kNsPerSecond;
}

std::string id_text(const HttpResponse& response) {
    for (std::string_view name : {"x-amzn-RequestId", "x-amz-request-id"})
        if (const std::string* id = response.header(name); id != nullptr && !id->empty())
            return format(" (request {})", id->substr(0, 100));
    return {};
}

/// The first line of what the service says. After it, some quote the request as it should have been signed,
/// with the session token in it.
std::string said(const ErrorReply& reply) {
    return quotable(std::string_view(reply.message).substr(0, reply.message.find('\n')));
}

}  // namespace

struct AwsClient::State {
    AwsOptions options;
    ParseError parse_error;
    std::unique_ptr<HttpClient> http;

    HttpResponse attempt(const AwsRequest& request, const BodySink& sink);
    HttpRequest prepare(const AwsRequest& request);
    ServiceError error_of(const HttpResponse& response) const;
    ServiceError denied(const HttpResponse& response, const ErrorReply& reply) const;
    std::int64_t skew_seconds(const HttpResponse& response) const;
    void wait(unsigned attempt, std::int64_t at_least_ns) const;
};

HttpRequest AwsClient::State::prepare(const AwsRequest& request) {
    HttpRequest out;
    out.method = request.method;
    out.url = options.endpoint + request.path + (request.query.empty() ? "" : "?" + request.query);
    out.headers = request.headers;
    out.body = request.body;
    out.content = request.content;
    out.content_offset = request.content_offset;
    out.content_bytes = request.content_bytes;
    out.repeatable = request.repeatable;
    CHECK(request.content == nullptr || !request.payload_hash.empty());
    std::string hash = request.payload_hash.empty() ? sha256(request.body).hex() : request.payload_hash;
    out.headers.push_back({"x-amz-content-sha256", hash});
    sign(out, hash, options.scope, options.credentials->get(), options.clock->now());
    return out;
}

/// How far our clock is ahead of the service's; 0 if it does not say.
std::int64_t AwsClient::State::skew_seconds(const HttpResponse& response) const {
    const std::string* date = response.header("Date");
    std::optional<Timestamp> theirs = date == nullptr ? std::nullopt : parse_http_date(*date);
    return theirs ? options.clock->now().sec - theirs->sec : 0;
}

ServiceError AwsClient::State::denied(const HttpResponse& response, const ErrorReply& reply) const {
    using Kind = Error::Kind;
    int status = response.status;
    std::int64_t skew = skew_seconds(response);
    bool about_time = is_one_of(reply.code, kClockCodes) || is_one_of(reply.code, kSignatureCodes) ||
                      is_one_of(reply.code, kExpiredCodes);
    if (about_time && std::abs(skew) > kSkewSecondsMax)
        return {Kind::denied, status, reply.code,
                format("this machine's clock is {} the service's", skew_text(skew)),
                "set the clock (timedatectl set-ntp true); requests are refused when it is off by more than "
                "5 minutes"};
    std::string message = said(reply) + id_text(response);
    if (is_one_of(reply.code, kExpiredCodes))
        return {Kind::denied, status, reply.code, "the credentials have expired: " + message,
                "get new ones; credential_process or a role renews them by itself"};
    if (is_one_of(reply.code, kUnknownKeyCodes))
        return {Kind::denied, status, reply.code, "the service does not know the access key: " + message,
                "check AWS_ACCESS_KEY_ID, the profile, and whether the key was deleted"};
    if (is_one_of(reply.code, kSignatureCodes))
        return {Kind::denied, status, reply.code, "the service does not accept the signature: " + message,
                format("is the secret access key right, and \"{}\" the right region?", options.scope.region)};
    return {Kind::denied, status, reply.code, (reply.code.empty() ? "" : reply.code + ": ") + message,
            "the credentials lack the permission for this"};
}

ServiceError AwsClient::State::error_of(const HttpResponse& response) const {
    using Kind = Error::Kind;
    int status = response.status;
    ErrorReply reply;
    try {
        reply = parse_error(response);
    } catch (const Error&) {
        // not the service's: told below
    }
    if (status >= 300 && status < 400 && reply.code.empty())
        return {Kind::denied, status, "",
                format("{} sends the request elsewhere (status {})", options.endpoint, status),
                "is the endpoint right? A signed request is not carried on"};
    if (reply.code.empty() && !response.body.empty()) {
        std::string piece = quotable(response.body, 80);
        return {status >= 500 ? Kind::transient : Kind::corrupt, status, "",
                format("{} answered with status {} and what is not the service's: \"{}\"", options.endpoint,
                       status, piece),
                "is the endpoint right, is there a proxy between?"};
    }
    if (status == 403 || status == 401 || is_one_of(reply.code, kUnknownKeyCodes) ||
        is_one_of(reply.code, kExpiredCodes) || is_one_of(reply.code, kSignatureCodes) ||
        is_one_of(reply.code, kClockCodes) || reply.code == "AccessDeniedException")
        return denied(response, reply);
    std::string message = (reply.code.empty() ? format("status {}", status) : reply.code) +
                          (reply.message.empty() ? "" : ": " + said(reply)) + id_text(response);
    if (is_one_of(reply.code, kTransientCodes) || status == 408 || status == 429 || status >= 500)
        return {Kind::transient, status, reply.code, message, ""};
    if (reply.code == "NoLongerSupportedException")
        return {Kind::unsupported, status, reply.code, message,
                "AWS opens no new accounts for vaults; type = \"s3\" stores in the S3 Glacier classes"};
    if (status == 404) return {Kind::not_found, status, reply.code, message, ""};
    return {Kind::invalid, status, reply.code, message, ""};
}

HttpResponse AwsClient::State::attempt(const AwsRequest& request, const BodySink& sink) {
    HttpResponse response = http->send(prepare(request), sink);
    if (response.status >= 200 && response.status < 300) return response;
    throw error_of(response).set_retry_after_ns(retry_after_ns(response));
}

void AwsClient::State::wait(unsigned attempt, std::int64_t at_least_ns) const {
    std::int64_t left_ns = std::max(at_least_ns, options.backoff.wait_ns(attempt, options.random()));
    while (left_ns > 0) {
        if (options.http.cancelled && options.http.cancelled())
            throw Error(Error::Kind::cancelled, "the transfer was stopped");
        std::int64_t slice_ns = std::min(left_ns, kNsPerSecond);
        options.sleep_ns(slice_ns);
        left_ns -= slice_ns;
    }
}

AwsClient::AwsClient(AwsOptions options, ParseError parse_error)
    : state_(new State{std::move(options), std::move(parse_error), nullptr}) {
    const AwsOptions& given = state_->options;
    CHECK(given.credentials && given.clock != nullptr && given.attempts_max > 0 && given.sleep_ns &&
          given.random);
    state_->http = make_http_client(given.http);
}
AwsClient::~AwsClient() = default;
AwsClient::AwsClient(AwsClient&&) noexcept = default;

const AwsOptions& AwsClient::options() const {
    return state_->options;
}

HttpResponse AwsClient::call(const AwsRequest& request, const BodySink& sink) {
    bool sink_had_bytes = false;
    BodySink watched = !sink ? BodySink() : [&](std::string_view piece) {
        sink_had_bytes = true;
        sink(piece);
    };
    bool renewed = false;
    for (unsigned attempt = 1;; ++attempt) {
        std::string message;
        std::int64_t at_least_ns = 0;
        try {
            return state_->attempt(request, watched);
        } catch (ServiceError& e) {
            if (!renewed && is_one_of(e.code(), kExpiredCodes)) {
                renewed = true;
                state_->options.credentials->forget();
                continue;
            }
            if (e.kind() != Error::Kind::transient || attempt >= state_->options.attempts_max) {
                if (!request.doing.empty()) e.add_context(request.doing);
                throw;
            }
            message = e.message();
            at_least_ns = e.retry_after_ns();
        } catch (Error& e) {
            bool again = e.kind() == Error::Kind::transient && !sink_had_bytes && request.repeatable;
            if (!again || attempt >= state_->options.attempts_max) {
                if (!request.doing.empty()) e.add_context(request.doing);
                throw;
            }
            message = e.message();
        }
        const auto& on_retry = state_->options.on_retry;
        if (on_retry)
            on_retry(request.doing.empty() ? message : format("{}: {}", request.doing, message), attempt);
        state_->wait(attempt, at_least_ns);
    }
}

}  // namespace icecore::cloud
