#include "cloud/credential_lookup.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "cloud/aws_files.h"
#include "cloud/credential_process.h"
#include "cloud/credential_reply.h"
#include "cloud/credential_services.h"

namespace icecore::cloud {
namespace {

/// The value of the first of `names` that is set and not empty, or "".
std::string first_variable(const CredentialsOptions& options, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (auto value = options.environment(name); value && !value->empty()) return *value;
    return {};
}

std::string first_of(const AwsSection& section, std::initializer_list<const char*> keys) {
    for (const char* key : keys)
        if (auto found = section.find(key); found != section.end() && !found->second.empty())
            return found->second;
    return {};
}

/// Empty if none was chosen.
std::string chosen_profile(const CredentialsOptions& options) {
    return options.profile.empty() ? first_variable(options, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"})
                                   : options.profile;
}

/// The profile `chosen`, or the default one, which need not be there.
AwsProfile profile_of(const AwsFiles& files, const std::string& chosen) {
    const AwsProfile* found = files.find(chosen.empty() ? "default" : chosen);
    if (found != nullptr) return *found;
    if (chosen.empty()) return {"default", {}, {}};
    std::string known;
    for (const std::string& name : files.names()) known += (known.empty() ? "" : ", ") + name;
    throw Error(Error::Kind::denied, format("there is no AWS profile \"{}\" in {}", chosen, files.where()),
                known.empty() ? "there are no profiles at all; is HOME right?" : "there are: " + known);
}

std::string region_of(const CredentialsOptions& options, const AwsProfile& profile) {
    std::string region = first_variable(options, {"AWS_REGION", "AWS_DEFAULT_REGION"});
    return region.empty() ? profile.get("region") : region;
}

std::optional<Credentials> of_environment(const CredentialsOptions& options) {
    Credentials out;
    out.access_key_id = first_variable(options, {"AWS_ACCESS_KEY_ID"});
    if (out.access_key_id.empty()) return std::nullopt;
    out.secret_access_key = first_variable(options, {"AWS_SECRET_ACCESS_KEY"});
    if (out.secret_access_key.empty())
        throw Error(Error::Kind::denied, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    out.session_token = first_variable(options, {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"});
    std::string expires = first_variable(options, {"AWS_CREDENTIAL_EXPIRATION"});
    if (!expires.empty()) out.expires = parse_expiration(expires);
    if (!expires.empty() && !out.expires)
        throw Error(Error::Kind::denied, "AWS_CREDENTIAL_EXPIRATION is not a time",
                    "it looks like 2026-11-22T03:15:00Z, or is not set");
    return out;
}

/// Both keys and the token are of one file: those of two do not belong together.
std::optional<Credentials> static_keys(const AwsProfile& profile, const AwsSection& section,
                                       std::string_view file) {
    Credentials out;
    out.access_key_id = first_of(section, {"aws_access_key_id"});
    if (out.access_key_id.empty()) return std::nullopt;
    out.secret_access_key = first_of(section, {"aws_secret_access_key"});
    if (out.secret_access_key.empty())
        throw Error(Error::Kind::denied, format("AWS profile {} has an aws_access_key_id, but no "
                                                "aws_secret_access_key in the {} file",
                                                profile.name, file));
    out.session_token = first_of(section, {"aws_session_token", "aws_security_token"});
    return out;
}

/// What a profile may ask for that takes the AWS command line to do.
Credentials by_other_program(const AwsProfile& profile, std::string_view key) {
    if (std::string command = profile.get("credential_process"); !command.empty())
        return run_credential_process(command);
    throw Error(
        Error::Kind::denied, format("AWS profile {} needs the AWS command line ({})", profile.name, key),
        format("add to the profile: credential_process = aws configure export-credentials --profile {} "
               "--format process (version 2 of the AWS command line)",
               profile.name));
}

std::optional<Credentials> by_web_identity(const CredentialsOptions& options, const AwsProfile& profile) {
    auto setting = [&](const char* variable, const char* key) {
        std::string value = options.profile.empty() ? first_variable(options, {variable}) : "";
        return value.empty() ? profile.get(key) : value;
    };
    WebIdentity identity{setting("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
                         setting("AWS_ROLE_ARN", "role_arn"),
                         setting("AWS_ROLE_SESSION_NAME", "role_session_name")};
    if (identity.token_file.empty()) return std::nullopt;
    if (identity.role_arn.empty())
        throw Error(
            Error::Kind::denied,
            format("there is a web identity token ({}), but no role to take with it", identity.token_file),
            "set AWS_ROLE_ARN, or role_arn in the profile");
    return assume_web_identity(options, identity, region_of(options, profile));
}

std::optional<Credentials> of_profile(const CredentialsOptions& options, const AwsProfile& profile) {
    if (!profile.get("role_arn").empty() && profile.get("web_identity_token_file").empty())
        return by_other_program(profile, "role_arn");
    if (auto found = by_web_identity(options, profile)) return found;
    for (const char* key : {"sso_account_id", "sso_role_name"})
        if (!profile.get(key).empty()) return by_other_program(profile, key);
    if (auto found = static_keys(profile, profile.credentials, "credentials")) return found;
    if (!profile.get("login_session").empty()) return by_other_program(profile, "login_session");
    if (std::string command = profile.get("credential_process"); !command.empty())
        return run_credential_process(command);
    return static_keys(profile, profile.config, "config");
}

}  // namespace

FoundCredentials find_credentials(const CredentialsOptions& options) {
    std::string chosen = chosen_profile(options);
    // A profile that is named must be there, even where it does not matter.
    if (chosen.empty())
        if (auto found = of_environment(options)) return {*found, "the environment"};
    AwsFiles files(options.environment);
    AwsProfile profile = profile_of(files, chosen);
    if (options.profile.empty())
        if (auto found = of_environment(options)) return {*found, "the environment"};
    if (auto found = of_profile(options, profile)) return {*found, "AWS profile " + profile.name};
    if (auto found = container_credentials(options)) return {*found, "the container's service"};
    if (auto found = instance_credentials(options)) return {*found, "the instance's role", true};
    throw Error(
        Error::Kind::denied,
        format("no AWS credentials were found: not in the environment{}, not in profile {} of {}, and "
               "there is no role of a container or an instance",
               options.profile.empty() ? "" : " (which a chosen profile rules out)", profile.name,
               files.where()),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`");
}

std::string configured_region(const CredentialsOptions& options) {
    std::string chosen = chosen_profile(options);
    if (chosen.empty())
        if (std::string region = region_of(options, {}); !region.empty()) return region;
    return region_of(options, profile_of(AwsFiles(options.environment), chosen));
}

}  // namespace icecore::cloud
