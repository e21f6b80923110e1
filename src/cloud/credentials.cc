#include "cloud/credentials.h"

#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "cloud/aws_files.h"
#include "cloud/credential_process.h"
#include "cloud/credential_services.h"

namespace icecore::cloud {
namespace {

/// New ones are fetched so long before the old ones expire; that long before, old ones do where new ones
/// cannot be had.
constexpr std::int64_t kRefreshSeconds = 15 * 60;
constexpr std::int64_t kMandatorySeconds = 10 * 60;

class StaticCredentials final : public CredentialsSource {
  public:
    explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
    Credentials get() override { return credentials_; }
    void forget() override {}

  private:
    Credentials credentials_;
};

class Chain final : public CredentialsSource {
  public:
    Chain(CredentialsOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {
        CHECK(options_.environment && options_.make_client);
    }

    Credentials get() override {
        std::lock_guard lock(mutex_);
        std::int64_t now = clock_.now().sec;
        if (known_ && (!known_->expires || known_->expires->sec - now > kRefreshSeconds)) return *known_;
        try {
            known_ = find();
        } catch (const Error&) {
            bool usable = known_ && known_->expires && known_->expires->sec - now > kMandatorySeconds;
            if (!usable) throw;
        }
        return *known_;
    }

    void forget() override {
        std::lock_guard lock(mutex_);
        known_.reset();
    }

  private:
    std::string variable(const std::string& name) const { return options_.environment(name).value_or(""); }

    std::string chosen_profile() const {
        for (const std::string& name :
             {options_.profile, variable("AWS_PROFILE"), variable("AWS_DEFAULT_PROFILE")})
            if (!name.empty()) return name;
        return {};
    }

    std::optional<Credentials> of_environment() const {
        Credentials out{variable("AWS_ACCESS_KEY_ID"),
                        variable("AWS_SECRET_ACCESS_KEY"),
                        variable("AWS_SESSION_TOKEN"),
                        {}};
        if (out.access_key_id.empty()) return std::nullopt;
        if (out.secret_access_key.empty())
            throw Error(Error::Kind::denied, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
        return out;
    }

    std::optional<Credentials> of_profile(const AwsProfile& profile) const {
        if (!profile.get("role_arn").empty() && !profile.get("web_identity_token_file").empty())
            return assume_web_identity(options_,
                                       {profile.get("web_identity_token_file"), profile.get("role_arn"),
                                        profile.get("role_session_name")},
                                       region(profile));
        if (!profile.get("aws_access_key_id").empty()) {
            if (profile.get("role_arn").empty()) {
                if (profile.get("aws_secret_access_key").empty())
                    throw Error(Error::Kind::denied,
                                format("profile {} has no aws_secret_access_key", profile.name));
                return Credentials{profile.get("aws_access_key_id"),
                                   profile.get("aws_secret_access_key"),
                                   profile.get("aws_session_token"),
                                   {}};
            }
        }
        if (!profile.get("credential_process").empty() && profile.get("role_arn").empty())
            return run_credential_process(profile.get("credential_process"));
        for (const char* key : {"role_arn", "sso_session", "sso_start_url", "login_session"})
            if (!profile.get(key).empty())
                throw Error(Error::Kind::denied,
                            format("profile {} needs another program ({})", profile.name, key),
                            format("make a profile with: credential_process = aws configure "
                                   "export-credentials --profile "
                                   "{} --format process",
                                   profile.name));
        return std::nullopt;
    }

    std::string region(const AwsProfile& profile) const {
        for (const std::string& name :
             {variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"), profile.get("region")})
            if (!name.empty()) return name;
        return {};
    }

    Credentials find() const {
        if (options_.profile.empty())
            if (auto found = of_environment()) return *found;
        AwsFiles files(options_.environment);
        std::string name = chosen_profile();
        const AwsProfile* profile = files.find(name.empty() ? "default" : name);
        if (profile == nullptr && !name.empty()) {
            std::string known;
            for (const std::string& other : files.names()) known += (known.empty() ? "" : ", ") + other;
            throw Error(Error::Kind::denied, format("there is no profile \"{}\" in {}", name, files.where()),
                        known.empty() ? "" : "there are: " + known);
        }
        WebIdentity identity{variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"),
                             variable("AWS_ROLE_SESSION_NAME")};
        if (options_.profile.empty() && !identity.token_file.empty() && !identity.role_arn.empty())
            return assume_web_identity(options_, identity,
                                       region(profile == nullptr ? AwsProfile{} : *profile));
        if (profile != nullptr)
            if (auto found = of_profile(*profile)) return *found;
        if (auto found = container_credentials(options_)) return *found;
        if (auto found = instance_credentials(options_)) return *found;
        throw Error(
            Error::Kind::denied,
            format("no AWS credentials were found: not in the environment, not in {}, and no container or "
                   "instance role",
                   files.where()),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`");
    }

    CredentialsOptions options_;
    const Clock& clock_;
    std::mutex mutex_;  // guards what follows
    std::optional<Credentials> known_;
};

}  // namespace

std::unique_ptr<CredentialsSource> make_static_credentials(Credentials credentials) {
    return std::make_unique<StaticCredentials>(std::move(credentials));
}

std::unique_ptr<CredentialsSource> make_credentials_chain(CredentialsOptions options, const Clock& clock) {
    return std::make_unique<Chain>(std::move(options), clock);
}

std::string configured_region(const CredentialsOptions& options) {
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (auto value = options.environment(name); value && !value->empty()) return *value;
    std::string profile = options.profile;
    for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"})
        if (profile.empty()) profile = options.environment(name).value_or("");
    AwsFiles files(options.environment);
    const AwsProfile* found = files.find(profile.empty() ? "default" : profile);
    return found == nullptr ? "" : found->get("region");
}

}  // namespace icecore::cloud
