#pragma once

#include <string>

#include "engine/environment.h"

namespace icecore::engine {

/// What is left of an upload is paid for until it is given up: an S3 bucket does that by itself by a rule.
constexpr unsigned kAbortDays = 7;

/// The rule's configuration for `target`, as `aws s3api put-bucket-lifecycle-configuration` takes it,
/// indented.
std::string abort_rule_json(const TargetOptions& target);

/// That command, with endpoint, region and profile as configured; it reads abort_rule_json() from `file`. It
/// replaces all other rules of the bucket.
std::string abort_rule_command(const Environment& env, const TargetOptions& target, const std::string& file);

/// Adds the rule to the bucket's; others stay, and one of ours is brought up to date. Not safe against
/// somebody who changes the rules in the same second. Throws Error.
void add_abort_rule(const Environment& env, const TargetOptions& target, Observer& observer);

}  // namespace icecore::engine
