#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cloud/aws_client.h"
#include "cloud/s3_client.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Told before a request is tried again: what failed, and the number of the try. Any thread.
using OnRetry = std::function<void(std::string_view message, unsigned attempt)>;

/// How `service` ("glacier") is reached as the settings, the environment and the AWS files say. Reads nothing
/// but the environment and the AWS config file; credentials are looked for when the first request is signed.
/// `env` must outlive what is made of it. Throws Error{invalid} if nothing says which region.
cloud::AwsOptions aws_options(const Environment& env, const AwsSettings& settings, std::string_view service,
                              OnRetry on_retry);

/// The endpoint that settings or environment name ("http://127.0.0.1:9000"); empty: Amazon's, of the region.
/// Throws Error{invalid} for a variable that is no URL.
std::string named_endpoint(const Environment& env, const AwsSettings& settings, std::string_view service);

/// The region that settings, environment or AWS files name; empty if none does.
std::string named_region(const Environment& env, const AwsSettings& settings);

/// "aws" with endpoint, region and profile as configured, for a shell.
std::string aws_command(const Environment& env, const AwsSettings& settings, std::string_view service);

/// Told what the user should know and nothing is wrong with. Any thread.
using OnNotice = std::function<void(const std::string&)>;

/// How the bucket of an S3 target is reached, likewise.
cloud::S3Options bucket_options(const Environment& env, const TargetOptions& target, OnRetry on_retry,
                                OnNotice on_notice);

}  // namespace icecore::engine
