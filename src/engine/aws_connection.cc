#include "engine/aws_connection.h"

#include <memory>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/shell.h"

namespace icecore::engine {
namespace {

std::string variable(const Environment& env, const std::string& name) {
    return env.variable(name).value_or("");
}

cloud::CredentialsOptions credentials_options(const Environment& env, const AwsSettings& settings) {
    cloud::CredentialsOptions credentials;
    credentials.profile = settings.profile;
    credentials.environment = env.variable;
    credentials.user_agent = "icecore/" + env.program_version;
    return credentials;
}

}  // namespace

/// AWS_ENDPOINT_URL_GLACIER before AWS_ENDPOINT_URL, as AWS's own tools have it.
std::string named_endpoint(const Environment& env, const AwsSettings& settings, std::string_view service) {
    if (!settings.endpoint.empty()) return settings.endpoint;
    std::string upper(service);
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    for (const std::string& name : {"AWS_ENDPOINT_URL_" + upper, std::string("AWS_ENDPOINT_URL")}) {
        std::string value = variable(env, name);
        if (value.empty()) continue;
        try {
            cloud::Url url = cloud::parse_url(value);
            return format("{}://{}", url.scheme, url.host);
        } catch (Error& error) {
            error.add_context(name);
            throw;
        }
    }
    return "";
}

std::string named_region(const Environment& env, const AwsSettings& settings) {
    if (!settings.region.empty()) return settings.region;
    return cloud::configured_region(credentials_options(env, settings));
}

std::string aws_command(const Environment& env, const AwsSettings& settings, std::string_view service) {
    std::string command = "aws";
    std::string endpoint = named_endpoint(env, settings, service);
    if (!endpoint.empty()) command += " --endpoint-url " + shell_quoted(endpoint);
    std::string region = named_region(env, settings);
    if (region.empty() && !endpoint.empty()) region = "us-east-1";
    if (!region.empty()) command += " --region " + shell_quoted(region);
    std::string profile = settings.profile.empty() ? variable(env, "AWS_PROFILE") : settings.profile;
    if (!profile.empty()) command += " --profile " + shell_quoted(profile);
    return command;
}

cloud::AwsOptions aws_options(const Environment& env, const AwsSettings& settings, std::string_view service,
                              OnRetry on_retry) {
    CHECK(env.sleep_ns && env.random && env.variable);
    cloud::CredentialsOptions credentials = credentials_options(env, settings);
    cloud::AwsOptions aws;
    std::string endpoint = named_endpoint(env, settings, service);
    std::string region = named_region(env, settings);
    // Stores that are not Amazon's mostly have no regions, and expect this one in signatures.
    if (region.empty() && !endpoint.empty()) region = "us-east-1";
    if (region.empty())
        throw Error(Error::Kind::invalid, "no region is configured",
                    "set `region` in [set.target], or AWS_REGION, or `region` in the AWS config file");
    aws.endpoint = endpoint.empty() ? cloud::service_endpoint(service, region) : endpoint;
    aws.scope = {region, std::string(service)};
    aws.http.user_agent = credentials.user_agent;
    aws.http.ca_bundle = variable(env, "AWS_CA_BUNDLE");
    aws.credentials = cloud::make_credentials_chain(std::move(credentials), env.clock);
    aws.clock = &env.clock;
    aws.sleep_ns = env.sleep_ns;
    aws.random = [&env, mutex = std::make_shared<std::mutex>()] {
        std::lock_guard lock(*mutex);
        return env.random();
    };
    aws.on_retry = std::move(on_retry);
    return aws;
}

cloud::S3Options bucket_options(const Environment& env, const TargetOptions& target, OnRetry on_retry,
                                OnNotice on_notice) {
    cloud::S3Options options;
    options.aws = aws_options(env, target.aws, "s3", std::move(on_retry));
    options.bucket = target.bucket;
    if (target.path_style)
        options.addressing =
            *target.path_style ? cloud::S3Addressing::path : cloud::S3Addressing::virtual_host;
    options.on_notice = std::move(on_notice);
    return options;
}

}  // namespace icecore::engine
