#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cloud/http.h"

namespace icecore::cloud {

/// AWS credentials. Never to be logged.
struct Credentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;         ///< empty for long-term keys
    std::optional<Timestamp> expires;  ///< none: never
};

/// Where credentials come from. Thread-safe.
class CredentialsSource {
  public:
    virtual ~CredentialsSource() = default;
    /// Credentials that are good for at least some minutes: cached, and fetched anew before they expire.
    /// Throws Error{denied} with a hint that says where they were looked for, Error{transient} when a
    /// service that hands them out does not answer.
    virtual Credentials get() = 0;
    /// The service refused the last ones as expired: the next get() fetches anew.
    virtual void forget() = 0;
};

/// The same ones always (tests).
std::unique_ptr<CredentialsSource> make_static_credentials(Credentials credentials);

/// What the chain looks at.
struct CredentialsOptions {
    /// A profile of the AWS files that was chosen on purpose: then the keys in the environment do not count.
    std::string profile;
    std::function<std::optional<std::string>(const std::string&)> environment;
    /// Makes a client for credential services (short timeouts, no proxy for link-local addresses).
    std::function<std::unique_ptr<HttpClient>(HttpOptions)> make_client = make_http_client;
    std::string user_agent;
    /// Where the instance metadata service listens; tests give another.
    std::string instance_metadata_url = "http://169.254.169.254";
    /// Where STS listens; empty: the region's own.
    std::string sts_url;
};

/// Everything that an AWS user expects, in the usual order: environment, profile of the shared credentials
/// and config files (static keys, credential_process, assumed by web identity), web identity of the
/// environment, container, instance metadata (IMDSv2). `clock` must outlive it. A source that is configured
/// but fails is an error; one that is not there is passed over. Nothing is read before the first get().
std::unique_ptr<CredentialsSource> make_credentials_chain(CredentialsOptions options, const Clock& clock);

/// The region of AWS_REGION, AWS_DEFAULT_REGION or the profile; empty if none says.
std::string configured_region(const CredentialsOptions& options);

}  // namespace icecore::cloud
