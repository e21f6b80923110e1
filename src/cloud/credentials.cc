#include "cloud/credentials.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "cloud/credential_lookup.h"

namespace icecore::cloud {
namespace {

/// New ones are fetched so long before the old ones expire; the old ones do for want of new ones until the
/// second moment.
constexpr std::int64_t kRefreshSeconds = 15 * 60;
constexpr std::int64_t kMandatorySeconds = 10 * 60;
/// Where new ones cannot be had, or are no better, they are asked for again so much later.
constexpr std::int64_t kAgainSeconds = 60;

class StaticCredentials final : public CredentialsSource {
  public:
    explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
    Credentials get() override { return credentials_; }
    void forget() override {}

  private:
    Credentials credentials_;
};

/// They go into headers: nothing that can end a line may be in them.
void check_usable(const FoundCredentials& found, Timestamp now) {
    auto check = [&](std::string_view value, std::string_view what) {
        if (std::any_of(value.begin(), value.end(), [](char c) { return c <= ' ' || c > '~'; }))
            throw Error(Error::Kind::denied, format("the {} of {} holds a blank or another character that "
                                                    "cannot be in one",
                                                    what, found.source));
    };
    const Credentials& credentials = found.credentials;
    check(credentials.access_key_id, "access key id");
    check(credentials.secret_access_key, "secret access key");
    check(credentials.session_token, "session token");
    // The instance's role is good for longer than it says when its service has trouble (AWS: static
    // stability).
    if (credentials.expires && *credentials.expires <= now && !found.of_instance)
        throw Error(
            Error::Kind::denied,
            format("the credentials of {} expired at {}", found.source, format_iso_utc(*credentials.expires)),
            "renew them; is this machine's clock right?");
}

class Chain final : public CredentialsSource {
  public:
    Chain(CredentialsOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {
        CHECK(options_.environment && options_.make_client);
    }

    Credentials get() override {
        std::lock_guard lock(mutex_);
        Timestamp now = clock_.now();
        if (known_ && now.sec < fetch_at_sec_) return *known_;
        try {
            fetch(now);
        } catch (const Error&) {
            std::int64_t mandatory_sec =
                known_ && known_->expires ? known_->expires->sec - kMandatorySeconds : 0;
            if (now.sec >= mandatory_sec) throw;
            fetch_at_sec_ = std::min(now.sec + kAgainSeconds, mandatory_sec);
        }
        return *known_;
    }

    void forget() override {
        std::lock_guard lock(mutex_);
        known_.reset();
    }

  private:
    void fetch(Timestamp now) {
        FoundCredentials found;
        try {
            found = find_credentials(options_);
        } catch (const Error& e) {
            // An instance does not lose its role from one moment to the next.
            if (!of_instance_ || e.kind() != Error::Kind::denied) throw;
            throw Error(Error::Kind::transient,
                        "the instance metadata service gives no credentials any more");
        }
        check_usable(found, now);
        known_ = std::move(found.credentials);
        of_instance_ = found.of_instance;
        fetch_at_sec_ = known_->expires
                            ? std::max(known_->expires->sec - kRefreshSeconds, now.sec + kAgainSeconds)
                            : std::numeric_limits<std::int64_t>::max();
    }

    CredentialsOptions options_;
    const Clock& clock_;
    std::mutex mutex_;  // guards what follows
    std::optional<Credentials> known_;
    std::int64_t fetch_at_sec_ = 0;  ///< when known_ is not good enough any more
    bool of_instance_ = false;       ///< where the last ones were from
};

}  // namespace

std::unique_ptr<CredentialsSource> make_static_credentials(Credentials credentials) {
    return std::make_unique<StaticCredentials>(std::move(credentials));
}

std::unique_ptr<CredentialsSource> make_credentials_chain(CredentialsOptions options, const Clock& clock) {
    return std::make_unique<Chain>(std::move(options), clock);
}

}  // namespace icecore::cloud
