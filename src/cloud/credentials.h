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
    /// Credentials that are good for at least some minutes, where their source gives such: cached, and
    /// fetched anew before they expire (it is tried once a minute from 15 minutes before that on, and must
    /// succeed from 10 minutes on). Other threads wait meanwhile. Throws Error{denied} that says where they
    /// were looked for, Error{transient} when a service that hands them out does not answer.
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

/// Everything that an AWS user expects, in the order of botocore (which the AWS command line uses):
/// environment; the profile: role by web identity (also of the environment), keys in the credentials file,
/// credential_process, keys in the config file; container; instance metadata (IMDSv2). A source that is
/// configured but fails is an error; one that is not there is passed over. `clock` must outlive it. Nothing
/// is read before the first get().
///
/// Unlike botocore: AWS_PROFILE comes before AWS_DEFAULT_PROFILE; a profile that takes its role by
/// source_profile or credential_source, or signs in (sso_*, login_session), needs its credential_process,
/// which then counts before all else of it; keys in Boto 2's files do not count.
std::unique_ptr<CredentialsSource> make_credentials_chain(CredentialsOptions options, const Clock& clock);

/// The region of AWS_REGION, AWS_DEFAULT_REGION or the profile; empty if none says. Throws Error: denied if
/// the profile is not there, invalid for AWS files that cannot be read.
std::string configured_region(const CredentialsOptions& options);

}  // namespace icecore::cloud
