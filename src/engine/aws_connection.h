#pragma once

#include <functional>
#include <string_view>

#include "cloud/aws_client.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Told before a request is tried again: what failed, and the number of the try. Any thread.
using OnRetry = std::function<void(std::string_view message, unsigned attempt)>;

/// How `service` ("glacier") is reached as the settings, the environment and the AWS files say. Reads nothing
/// but the environment and the AWS config file; credentials are looked for when the first request is signed.
/// `env` must outlive what is made of it. Throws Error{invalid} if nothing says which region.
cloud::AwsOptions aws_options(const Environment& env, const AwsSettings& settings, std::string_view service,
                              OnRetry on_retry);

}  // namespace icecore::engine
