#pragma once

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

/// Checks signatures of version 4, as strictly as AWS does. Thread-safe.
class Authenticator {
  public:
    /// How far the time of a signature may be off.
    static constexpr std::int64_t kSkewMaxSec = 300;

    /// `clock` (the real time, whatever the virtual clock says) must outlive it.
    Authenticator(std::vector<AccessKey> keys, std::string region, const Clock& clock);

    /// Throws ApiError unless one of the keys signed `request` for `service`. `payload_hash` is the hex
    /// SHA-256 that the signature covers: x-amz-content-sha256, or that of the body itself.
    void check(const Request& request, std::string_view service, std::string_view payload_hash) const;

  private:
    const AccessKey& find_key(std::string_view id) const;
    void check_time(std::string_view amz_date) const;
    void check_token(const Request& request, const AccessKey& key) const;

    std::vector<AccessKey> keys_;
    std::string region_;
    const Clock& clock_;
};

}  // namespace icecore::sim
