#include "engine/aws_connection.h"

#include <memory>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"

namespace icecore::engine {
namespace {

std::string variable(const Environment& env, const std::string& name) {
    return env.variable(name).value_or("");
}

/// AWS_ENDPOINT_URL_GLACIER before AWS_ENDPOINT_URL, as AWS's own tools have it.
std::string endpoint(const Environment& env, const AwsSettings& settings, const std::string& region,
                     std::string_view service) {
    if (!settings.endpoint.empty()) return settings.endpoint;
    std::string upper(service);
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    for (const std::string& name : {"AWS_ENDPOINT_URL_" + upper, std::string("AWS_ENDPOINT_URL")}) {
        std::string value = variable(env, name);
        if (value.empty()) continue;
        cloud::Url url = cloud::parse_url(value);
        return format("{}://{}", url.scheme, url.host);
    }
    return cloud::service_endpoint(service, region);
}

}  // namespace

cloud::AwsOptions aws_options(const Environment& env, const AwsSettings& settings, std::string_view service,
                              OnRetry on_retry) {
    CHECK(env.sleep_ns && env.random && env.variable);
    cloud::CredentialsOptions credentials;
    credentials.profile = settings.profile;
    credentials.environment = env.variable;
    credentials.user_agent = "icecore/" + env.program_version;
    cloud::AwsOptions aws;
    std::string region = settings.region.empty() ? cloud::configured_region(credentials) : settings.region;
    if (region.empty())
        throw Error(Error::Kind::invalid, "no region is configured",
                    "set `region` in [set.target], or AWS_REGION, or `region` in the AWS config file");
    aws.endpoint = endpoint(env, settings, region, service);
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

}  // namespace icecore::engine
