#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "sim/http_message.h"

namespace icecore::sim {

/// A key pair that may sign requests.
struct AccessKey {
    std::string id;
    std::string secret;
    std::string session_token = {};                   ///< of temporary keys
    std::optional<Timestamp> expires = std::nullopt;  ///< with a session token only
};

/// "KEY:SECRET", "KEY:SECRET:TOKEN" or "KEY:SECRET:TOKEN:20261122T031500Z" (when it expires). Throws
/// Error{invalid} that does not repeat it.
AccessKey parse_access_key(std::string_view text);

/// What a request says of its signature: in its Authorization header, or in the query of a presigned one.
struct SignatureClaim {
    std::string key_id;
    std::string date;  ///< of the scope, YYYYMMDD
    std::string region;
    std::string service;
    std::vector<std::string> signed_headers;
    std::string signature;
    std::string amz_date;
    std::string token = {};
    std::optional<std::uint64_t> expires_sec = std::nullopt;  ///< of a presigned request, from amz_date on
};

/// A request that nobody who may has signed. A service makes an ApiError of it, in its own words.
class SignatureRefused : public std::exception {
  public:
    enum class Reason : std::uint8_t {
        missing,    ///< it is not signed
        malformed,  ///< what is said of the signature cannot be understood
        unknown_key,
        wrong_token,
        expired_token,
        expired,      ///< the time of a presigned request is over
        skewed,       ///< the client's clock is off
        wrong_scope,  ///< another date, region or service
        unsigned_header,
        mismatch,
    };
    SignatureRefused(Reason reason, std::string message) : reason_(reason), message_(std::move(message)) {}
    const char* what() const noexcept override { return message_.c_str(); }
    Reason reason() const { return reason_; }

  private:
    Reason reason_;
    std::string message_;
};

/// Checks signatures of version 4, as strictly as AWS does. Thread-safe.
class Authenticator {
  public:
    /// How far the time of a signature may be off, for vaults.
    static constexpr std::int64_t kSkewMaxSec = 300;

    /// What a signature must be good for.
    struct Expected {
        std::string region;
        std::string service;
        std::string payload_hash;
        std::int64_t skew_max_sec = kSkewMaxSec;
    };

    /// `clock` (the real time, whatever the virtual clock says) must outlive it.
    Authenticator(std::vector<AccessKey> keys, std::string region, const Clock& clock);

    /// Throws ApiError unless one of the keys signed `request` for `service`. `payload_hash` is the hex
    /// SHA-256 that the signature covers: x-amz-content-sha256, or that of the body itself.
    void check(const Request& request, std::string_view service, std::string_view payload_hash) const;

    /// Throws SignatureRefused.
    static SignatureClaim claim(const Request& request);
    /// The key that `request` was signed with. Throws SignatureRefused unless that holds.
    const AccessKey& prove(const SignatureClaim& claim, const Request& request,
                           const Expected& expected) const;

  private:
    const AccessKey& find_key(std::string_view id) const;
    void check_time(const SignatureClaim& claim, std::int64_t skew_max_sec) const;
    void check_token(const SignatureClaim& claim, const AccessKey& key) const;

    std::vector<AccessKey> keys_;
    std::string region_;
    const Clock& clock_;
};

}  // namespace icecore::sim
