#include "engine/bucket_setup.h"

#include "base/format.h"
#include "base/json.h"
#include "base/shell.h"
#include "cloud/s3_client.h"
#include "engine/aws_connection.h"

namespace icecore::engine {
namespace {

std::string rule_prefix(const TargetOptions& target) {
    return target.prefix.empty() ? "" : target.prefix + "/";
}

/// Two machines may store below prefixes of their own in one bucket.
std::string rule_id(const TargetOptions& target) {
    return "icecore-unfinished-uploads" + (target.prefix.empty() ? "" : "-" + target.prefix);
}

std::string quoted(std::string_view text) {
    std::string out;
    JsonWriter(out).string(text);
    return out;
}

}  // namespace

std::string abort_rule_json(const TargetOptions& target) {
    return format(
        "{{\n  \"Rules\": [\n    {{\n      \"ID\": {},\n      \"Filter\": {{ \"Prefix\": {} }},\n"
        "      \"Status\": \"Enabled\",\n"
        "      \"AbortIncompleteMultipartUpload\": {{ \"DaysAfterInitiation\": {} }}\n    }}\n  ]\n}}\n",
        quoted(rule_id(target)), quoted(rule_prefix(target)), kAbortDays);
}

std::string abort_rule_command(const Environment& env, const TargetOptions& target, const std::string& file) {
    return format(
        "{} s3api put-bucket-lifecycle-configuration --bucket {} \\\n    --lifecycle-configuration {}",
        aws_command(env, target.aws, "s3"), shell_quoted(target.bucket), shell_quoted("file://" + file));
}

void add_abort_rule(const Environment& env, const TargetOptions& target, Observer& observer) {
    OnRetry on_retry = [&observer](std::string_view message, unsigned attempt) {
        observer.warning(format("{}; trying again (try {} failed)", message, attempt));
    };
    cloud::S3Client client(
        bucket_options(env, target, std::move(on_retry),
                       [&observer](const std::string& notice) { observer.warning(notice); }));
    client.add_abort_rule(rule_id(target), rule_prefix(target), kAbortDays);
}

}  // namespace icecore::engine
