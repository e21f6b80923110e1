#include "cloud/aws_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/backoff.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/units.h"

namespace icecore::cloud {
namespace {

using Kind = Error::Kind;

constexpr std::int64_t kClockOffSecMax = 240;
/// A service that wants to be left alone for longer is not waited for.
constexpr std::int64_t kRetryAfterSecMax = 900;
/// How often a wait looks whether it is cancelled.
constexpr std::int64_t kWaitSliceNs = 250'000'000;
/// So much of a session token gives it away in an answer that quotes the request.
constexpr std::size_t kTokenStartBytes = 16;

/// Where something else than the service answers.
constexpr const char* kForeignHint = "is the endpoint right, and is there a proxy in between?";

/// What the codes that the services have in common ask for. Others are told by their status.
enum class Meaning : std::uint8_t {
    by_status,
    transient,
    expired,      ///< the credentials are
    signature,    ///< it is not what the service computes
    unknown_key,  ///< the service does not know the access key
    clock,
    denied,
    not_found,
    retired,  ///< the vault service does not take this account
    later,    ///< trying again at once is of no use
};

Meaning meaning_of(std::string_view code) {
    using Entry = std::pair<std::string_view, Meaning>;
    static constexpr std::array kCodes = {
        Entry{"Throttling", Meaning::transient},
        Entry{"ThrottlingException", Meaning::transient},
        Entry{"ThrottledException", Meaning::transient},
        Entry{"RequestThrottled", Meaning::transient},
        Entry{"RequestThrottledException", Meaning::transient},
        Entry{"TooManyRequestsException", Meaning::transient},
        Entry{"RequestLimitExceeded", Meaning::transient},
        Entry{"BandwidthLimitExceeded", Meaning::transient},
        Entry{"SlowDown", Meaning::transient},
        Entry{"RequestTimeout", Meaning::transient},
        Entry{"RequestTimeoutException", Meaning::transient},
        Entry{"ServiceUnavailableException", Meaning::transient},
        Entry{"InsufficientCapacityException", Meaning::transient},
        Entry{"OperationAborted", Meaning::transient},
        Entry{"ConditionalRequestConflict", Meaning::transient},
        Entry{"InternalError", Meaning::transient},
        Entry{"ServiceUnavailable", Meaning::transient},
        Entry{"ExpiredToken", Meaning::expired},
        Entry{"ExpiredTokenException", Meaning::expired},
        Entry{"SignatureDoesNotMatch", Meaning::signature},
        Entry{"InvalidSignature", Meaning::signature},
        Entry{"InvalidSignatureException", Meaning::signature},
        Entry{"UnrecognizedClientException", Meaning::unknown_key},
        Entry{"InvalidAccessKeyId", Meaning::unknown_key},
        Entry{"InvalidClientTokenId", Meaning::unknown_key},
        Entry{"RequestTimeTooSkewed", Meaning::clock},
        Entry{"RequestExpired", Meaning::clock},
        Entry{"AccessDenied", Meaning::denied},
        Entry{"AccessDeniedException", Meaning::denied},
        Entry{"ResourceNotFoundException", Meaning::not_found},
        Entry{"NoSuchKey", Meaning::not_found},
        Entry{"NoSuchBucket", Meaning::not_found},
        Entry{"NoSuchUpload", Meaning::not_found},
        Entry{"NoLongerSupportedException", Meaning::retired},
        Entry{"GlacierExpeditedRetrievalNotAvailable", Meaning::later},
    };
    const auto* found =
        std::find_if(kCodes.begin(), kCodes.end(), [&](const Entry& entry) { return entry.first == code; });
    return found == kCodes.end() ? Meaning::by_status : found->second;
}

Kind kind_of_status(int status) {
    if (status == 408 || status == 429) return Kind::transient;
    if (status == 501 || status == 405) return Kind::unsupported;
    if (status >= 500) return Kind::transient;
    if (status == 401 || status == 403 || status == 407) return Kind::denied;
    if (status == 404) return Kind::not_found;
    return Kind::invalid;
}

Kind kind_of(Meaning meaning, int status) {
    switch (meaning) {
        case Meaning::by_status:
            return kind_of_status(status);
        case Meaning::transient:
            return Kind::transient;
        case Meaning::not_found:
            return Kind::not_found;
        case Meaning::later:
            return Kind::not_ready;
        default:
            return Kind::denied;
    }
}

/// Seconds of Retry-After (RFC 9110, 10.2.3), which is a number or a date; 0 if there is none.
std::int64_t retry_after_sec(const HttpResponse& response, Timestamp now) {
    const std::string* value = response.header("Retry-After");
    if (!value || value->empty()) return 0;
    if (std::all_of(value->begin(), value->end(), [](char c) { return c >= '0' && c <= '9'; }))
        return value->size() > 9 ? 1'000'000'000 : std::strtoll(value->c_str(), nullptr, 10);
    return std::max<std::int64_t>(0, parse_http_date(*value).value_or(now).sec - now.sec);
}

/// What the service calls the request, for its support; empty if it does not say.
std::string request_id(const HttpResponse& response) {
    for (const char* name : {"x-amzn-RequestId", "x-amz-request-id"})
        if (const std::string* id = response.header(name)) return quotable(*id);
    return "";
}

/// " (SlowDown, status 503, request 4A9…)"
std::string in_parentheses(std::string_view code, const HttpResponse& response) {
    std::string id = request_id(response);
    return format(" ({}{}status {}{}{})", quotable(code), code.empty() ? "" : ", ", response.status,
                  id.empty() ? "" : ", request ", id);
}

/// By how much our clock differs from the service's, for people; empty if it hardly does.
std::string clock_complaint(const HttpResponse& response, Timestamp now) {
    const std::string* date = response.header("Date");
    std::optional<Timestamp> theirs = date ? parse_http_date(*date) : std::nullopt;
    if (!theirs) return "";
    std::int64_t ahead_sec = now.sec - theirs->sec;
    if (std::abs(ahead_sec) <= kClockOffSecMax) return "";
    return format("this machine's clock is {} {} the service's",
                  format_duration(static_cast<double>(std::abs(ahead_sec))),
                  ahead_sec > 0 ? "ahead of" : "behind");
}

}  // namespace

struct AwsClient::State {
    /// What happened on one try.
    struct Failure {
        ServiceError error;
        bool expired = false;  ///< with fresh credentials it may work
        std::int64_t retry_after_sec = 0;
    };

    AwsOptions options;
    ParseError parse_error;
    Url endpoint;
    std::unique_ptr<HttpClient> client;
    std::string token_start;  ///< of the session token that was used last

    /// Asks once. Returns nothing but a 2xx; throws Failure or what HttpClient::send does.
    HttpResponse ask(const AwsRequest& request, const std::string& payload_hash, const BodySink& sink) {
        HttpRequest out;
        out.method = request.method;
        out.url = format("{}://{}{}", endpoint.scheme, endpoint.host, request.path);
        if (!request.query.empty()) out.url += "?" + request.query;
        out.headers = request.headers;
        out.headers.push_back({"x-amz-content-sha256", payload_hash});
        out.body = request.body;
        out.content = request.content;
        out.content_offset = request.content_offset;
        out.content_bytes = request.content_bytes;
        out.repeatable = request.repeatable;
        Credentials credentials = options.credentials->get();
        token_start = credentials.session_token.substr(0, kTokenStartBytes);
        sign(out, payload_hash, options.scope, credentials, options.clock->now());
        HttpResponse response = client->send(out, sink);
        if (response.status < 200 || response.status > 299) throw failure(response, request);
        if (response.cut)
            throw Error(Kind::corrupt, format("the answer has more than {} MiB", kHttpBodyBytesMax >> 20),
                        kForeignHint);
        if (request.fails_with_success && !reply_of(response).code.empty()) throw failure(response, request);
        return response;
    }

    /// What the peer said, unless it says again what is secret in the request.
    std::string quoted(std::string_view text) const {
        bool secret = text.find("Signature=") != std::string_view::npos ||
                      (!token_start.empty() && text.find(token_start) != std::string_view::npos);
        if (secret) return "(it quotes the signed request, and is not shown)";
        return quotable(text);
    }

    ErrorReply reply_of(const HttpResponse& response) const {
        try {
            return parse_error(response);
        } catch (const Error&) {
            return {};  // it is no error of the service's
        }
    }

    Failure failure(const HttpResponse& response, const AwsRequest& request) const {
        ErrorReply reply = reply_of(response);
        std::int64_t wait_sec = retry_after_sec(response, options.clock->now());
        bool bare = response.body.empty() && request.method == "HEAD";
        if (reply.code.empty() && !bare) return {foreign(response), false, wait_sec};
        Meaning meaning = meaning_of(reply.code);
        std::string hint;
        std::string message = explain(reply, meaning, response, hint);
        message += in_parentheses(reply.code, response);
        ServiceError error(kind_of(meaning, response.status), response.status, reply.code, std::move(message),
                           std::move(hint));
        return {std::move(error), meaning == Meaning::expired, wait_sec};
    }

    /// The answer of something else than the service: a proxy, another web server.
    ServiceError foreign(const HttpResponse& response) const {
        Kind kind = kind_of_status(response.status);
        if (kind == Kind::not_found) kind = Kind::invalid;  // nothing is said of what was asked for
        std::string page = quoted(response.body);
        std::string message = endpoint.host + " does not answer as the service does";
        message += page.empty() ? ", and gives no reason" : format(": \"{}\"", page);
        message += in_parentheses("", response);
        return {kind, response.status, "", std::move(message), kForeignHint};
    }

    /// What went wrong in words, and what can be done. What the service says of a signature may be the whole
    /// canonical request, with the session token.
    std::string explain(const ErrorReply& reply, Meaning meaning, const HttpResponse& response,
                        std::string& hint) const {
        bool timely =
            meaning == Meaning::clock || meaning == Meaning::signature || meaning == Meaning::expired;
        std::string clock = timely ? clock_complaint(response, options.clock->now()) : "";
        if (!clock.empty()) {
            hint = "set the clock, and keep it right with NTP; requests are signed with the time";
            return clock;
        }
        switch (meaning) {
            case Meaning::signature:
                hint = format(
                    "is the secret access key the one of this access key, and \"{}\" the right region?",
                    options.scope.region);
                return "the service does not accept the signature";
            case Meaning::unknown_key:
                hint =
                    "is it active, of this partition, and has it its session token if it is a temporary one?";
                return "the service does not know the access key";
            case Meaning::expired:
                hint = "renew the session token, or let a role or credential_process do so";
                return "the credentials have expired";
            case Meaning::retired:
                hint = "use S3's Glacier storage classes instead: a target with type = \"s3\"";
                return "Amazon Glacier vaults are only for accounts that had some before, which this one had "
                       "not";
            case Meaning::clock:
                hint = "is this machine's clock right?";
                break;
            case Meaning::denied:
                hint = "let a policy of the user or role allow that action";
                break;
            default:
                break;
        }
        std::string words = quoted(reply.message);
        return words.empty() ? format("{} refused", endpoint.host) : words;
    }

    /// Waits at least `ns`, unless it is cancelled.
    void wait(std::int64_t ns) const {
        if (!options.http.cancelled) return options.sleep_ns(ns);
        do {
            if (options.http.cancelled())
                throw Error(Kind::cancelled, "cancelled while waiting to try again");
            std::int64_t slice_ns = std::min(ns, kWaitSliceNs);
            options.sleep_ns(slice_ns);
            ns -= slice_ns;
        } while (ns > 0);
    }

    void wait_for_try(unsigned attempt, std::int64_t retry_after_sec) const {
        wait(retry_after_sec * 1'000'000'000 + backoff_ns(options.backoff, attempt, options.random()));
    }
};

AwsClient::AwsClient(AwsOptions options, ParseError parse_error) : state_(std::make_unique<State>()) {
    CHECK(options.clock && options.credentials && options.sleep_ns && options.random && parse_error);
    CHECK(options.attempts_max > 0);
    state_->endpoint = parse_url(options.endpoint);
    if (state_->endpoint.path != "/" || !state_->endpoint.query.empty())
        throw Error(Kind::invalid, format("the endpoint \"{}\" has a path", options.endpoint),
                    "expected https://HOST[:PORT]");
    state_->client = make_http_client(options.http);
    state_->options = std::move(options);
    state_->parse_error = std::move(parse_error);
}

AwsClient::~AwsClient() = default;
AwsClient::AwsClient(AwsClient&&) noexcept = default;

const AwsOptions& AwsClient::options() const {
    return state_->options;
}

HttpResponse AwsClient::call(const AwsRequest& request, const BodySink& sink) {
    CHECK(!request.content || !request.payload_hash.empty());
    const AwsOptions& options = state_->options;
    std::string hash = request.payload_hash.empty() ? sha256(request.body).hex() : request.payload_hash;
    bool sink_used = false;
    BodySink watched;
    if (sink)
        watched = [&](std::string_view piece) {
            sink_used = true;
            sink(piece);
        };
    bool renewed = false;
    for (unsigned attempt = 1;; ++attempt) {
        std::string message;
        std::int64_t retry_after_sec = 0;
        // Tells the caller, unless the try can be repeated.
        auto give_up = [&](Error& error) {
            message = error.message();
            bool again = error.kind() == Kind::transient && !sink_used && attempt < options.attempts_max &&
                         retry_after_sec <= kRetryAfterSecMax;
            if (again) return false;
            if (retry_after_sec > kRetryAfterSecMax)
                error.set_hint(format("the service asks to be left alone for {}",
                                      format_duration(static_cast<double>(retry_after_sec))));
            if (attempt > 1) error.add_context(format("after {} attempts", attempt));
            if (!request.doing.empty()) error.add_context(request.doing);
            return true;
        };
        try {
            return state_->ask(request, hash, watched);
        } catch (State::Failure& failure) {
            if (failure.expired && !std::exchange(renewed, true)) {
                options.credentials->forget();
                --attempt;
                continue;
            }
            retry_after_sec = failure.retry_after_sec;
            if (give_up(failure.error)) throw failure.error;
        } catch (Error& error) {
            // Nobody knows whether the request arrived.
            if (!request.repeatable) {
                error.add_context(request.doing);
                throw;
            }
            if (give_up(error)) throw;
        }
        if (options.on_retry) options.on_retry(message, attempt);
        state_->wait_for_try(attempt, retry_after_sec);
    }
}

}  // namespace icecore::cloud
