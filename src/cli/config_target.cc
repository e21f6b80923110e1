#include "cli/config_target.h"

#include <algorithm>
#include <string>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cloud/glacier_client.h"
#include "cloud/http.h"
#include "cloud/s3_client.h"

namespace icecore::cli {
namespace {

constexpr std::int64_t kConnectionsMax = 64;
constexpr std::size_t kPrefixBytesMax = 500;
constexpr std::uint64_t kS3PartBytesMin = 8 << 20;
constexpr std::uint64_t kS3PartBytesMax = std::uint64_t{4} << 30;
constexpr unsigned kLockDaysMax = 36'500;
constexpr unsigned kThawDaysMax = 365;

void refuse_nested(const ConfigTable& table, const std::string& path, std::string_view key,
                   const std::string& other) {
    if (!is_below(path, other) && !is_below(other, path) && path != "/" && other != "/") return;
    table.fail("path",
               format("\"{}\" and the set's {} directory \"{}\" lie inside each other", path, key, other),
               "choose a directory of its own, best on another disk or machine");
}

/// What can be a directory's name and a part of an archive's description.
std::string host_name_fault(std::string_view name) {
    bool good = name != "." && name != ".." && name.size() <= 253 &&
                std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/'; });
    return good ? "" : "expected the name of a machine";
}

engine::AwsSettings read_aws(ConfigTable& table) {
    engine::AwsSettings aws;
    aws.region = table.text("region").value_or("");
    aws.profile = table.text("profile").value_or("");
    aws.endpoint = table.text("endpoint").value_or("");
    if (aws.endpoint.empty()) return aws;
    try {
        cloud::Url url = cloud::parse_url(aws.endpoint);
        if (url.path != "/" || !url.query.empty())
            table.fail("endpoint", "expected a URL without a path, such as \"https://127.0.0.1:9000\"");
        aws.endpoint = format("{}://{}", url.scheme, url.host);
    } catch (const Error& error) {
        table.fail("endpoint", error.message(), error.hint());
    }
    return aws;
}

void read_vault(ConfigTable& table, engine::TargetOptions& target) {
    target.vault = table.required_text("vault");
    try {
        cloud::GlacierClient::check_vault_name(target.vault);
    } catch (const Error& error) {
        table.fail("vault", error.message(), error.hint());
    }
    target.account = table.text("account").value_or(target.account);
    bool digits =
        target.account.size() == 12 && target.account.find_first_not_of("0123456789") == std::string::npos;
    if (target.account != "-" && !digits) table.fail("account", "expected 12 digits, or \"-\"");
    target.aws = read_aws(table);
    if (auto size = table.size_bytes("part_size")) {
        bool power = *size >= cloud::GlacierClient::kMegabyte &&
                     *size <= cloud::GlacierClient::kPartBytesMax && (*size & (*size - 1)) == 0;
        if (!power) table.fail("part_size", "expected 1MiB, 2MiB, 4MiB and so on up to 4GiB");
        target.part_bytes_min = *size;
    }
    target.connections =
        static_cast<unsigned>(table.number("connections", 1, kConnectionsMax).value_or(target.connections));
}

engine::TargetOptions::ObjectLock read_object_lock(ConfigTable table) {
    using Mode = engine::TargetOptions::ObjectLock::Mode;
    engine::TargetOptions::ObjectLock lock;
    std::string mode = table.required_text("mode");
    if (mode != "governance" && mode != "compliance")
        table.fail("mode", format("expected \"governance\" or \"compliance\", not \"{}\"", mode),
                   "in compliance mode nobody can delete anything before its time, not even the account's "
                   "owner");
    lock.mode = mode == "governance" ? Mode::governance : Mode::compliance;
    auto days = table.number("days", 1, kLockDaysMax);
    if (!days) table.fail("", "\"days\" is missing");
    lock.days = static_cast<unsigned>(*days);
    table.finish();
    return lock;
}

/// A storage class in the service's words. Stores have classes of their own, so only its form is checked.
std::optional<std::string> read_class(ConfigTable& table, std::string_view key) {
    auto name = table.text(key);
    bool good = !name || std::all_of(name->begin(), name->end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!good)
        table.fail(key, format("expected a storage class such as \"DEEP_ARCHIVE\", not \"{}\"", *name));
    return name;
}

void read_classes(ConfigTable& table, engine::TargetOptions& target) {
    target.storage_class = read_class(table, "storage_class");
    target.hot_class = read_class(table, "hot_class");
    for (std::string_view cold : {"GLACIER", "DEEP_ARCHIVE"})
        if (target.hot_class && *target.hot_class == cold)
            table.fail("hot_class",
                       format("manifests and logs must be readable at once, and {} is not", cold),
                       "leave it out, or \"STANDARD\"");
}

bool stands_in_key_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == ':';
}

void read_sse(ConfigTable& table, engine::TargetOptions& target) {
    std::string sse = table.text("sse").value_or("");
    constexpr std::string_view kKms = "aws:kms";
    if (sse.starts_with(kKms) && (sse.size() == kKms.size() || sse[kKms.size()] == ':')) {
        target.sse = kKms;
        target.kms_key = sse.size() > kKms.size() ? sse.substr(kKms.size() + 1) : "";
        if (!std::all_of(target.kms_key.begin(), target.kms_key.end(), stands_in_key_name))
            table.fail("sse", format("\"{}\" cannot be a key's name", quotable(target.kms_key)),
                       "expected its id, \"alias/NAME\", or its ARN");
        if (!target.kms_key.empty() || sse == kKms) return;
    }
    if (!sse.empty() && sse != "AES256")
        table.fail("sse", format("expected \"AES256\", \"aws:kms\" or \"aws:kms:KEY\", not \"{}\"", sse));
    target.sse = sse;
}

void read_bucket(ConfigTable& table, engine::TargetOptions& target) {
    target.bucket = table.required_text("bucket");
    try {
        cloud::check_bucket_name(target.bucket);
    } catch (const Error& error) {
        table.fail("bucket", error.message(), error.hint());
    }
    std::string prefix = table.text("prefix").value_or("");
    while (prefix.ends_with('/')) prefix.pop_back();
    if (prefix.starts_with('/')) table.fail("prefix", "expected no slash at the beginning");
    if (prefix.size() > kPrefixBytesMax || prefix.find("//") != std::string::npos ||
        std::any_of(prefix.begin(), prefix.end(), [](char c) { return c < ' ' || c == 0x7f; }))
        table.fail("prefix", "expected names with single slashes between them, such as \"backups/attic\"");
    target.prefix = prefix;
    target.aws = read_aws(table);
    if (auto text = table.text_or_flag("path_style"); text && *text != "auto") {
        if (*text != "true" && *text != "false")
            table.fail("path_style", format("expected \"auto\", true or false, not \"{}\"", *text));
        target.path_style = *text == "true";
    }
    read_classes(table, target);
    read_sse(table, target);
    if (auto lock = table.table("object_lock")) target.object_lock = read_object_lock(*lock);
    if (auto size = table.size_bytes("part_size")) {
        bool power = *size >= kS3PartBytesMin && *size <= kS3PartBytesMax && (*size & (*size - 1)) == 0;
        if (!power) table.fail("part_size", "expected 8MiB, 16MiB, 32MiB and so on up to 4GiB");
        target.part_bytes_min = *size;
    }
    target.connections =
        static_cast<unsigned>(table.number("connections", 1, kConnectionsMax).value_or(target.connections));
    target.thaw_days =
        static_cast<unsigned>(table.number("thaw_days", 1, kThawDaysMax).value_or(target.thaw_days));
}

}  // namespace

engine::TargetOptions read_target(ConfigTable& table, const engine::SetOptions& set) {
    using Type = engine::TargetOptions::Type;
    engine::TargetOptions target;
    std::string type = table.required_text("type");
    if (type == "dir") {
        target.type = Type::dir;
        target.directory = table.required_path("path");
        refuse_nested(table, target.directory, "data", set.data_dir);
        refuse_nested(table, target.directory, "backup", set.backup_dir);
    } else if (type == "s3") {
        target.type = Type::s3;
        read_bucket(table, target);
    } else if (type == "glacier") {
        target.type = Type::glacier;
        read_vault(table, target);
    } else if (type != "none") {
        table.fail("type", format("expected \"s3\", \"dir\", \"glacier\" or \"none\", not \"{}\"", type));
    }
    if (target.type != Type::none) {
        target.host = table.text("host").value_or("");
        if (std::string fault = target.host.empty() ? "" : host_name_fault(target.host); !fault.empty())
            table.fail("host", fault);
        target.poll_seconds = table.span_seconds("poll_interval", INT64_MAX, "a span such as \"15m\"")
                                  .value_or(target.poll_seconds);
        if (auto limit = table.size_bytes("upload_limit")) {
            if (*limit == 0) table.fail("upload_limit", "expected bytes a second, such as \"2MiB\", not 0");
            target.upload_bytes_per_second = *limit;
        }
    }
    table.finish();
    return target;
}

std::vector<std::string> target_keys(std::string_view type) {
    std::string_view required = type == "s3" ? "bucket" : type == "glacier" ? "vault" : "path";
    toml::table any{{"type", std::string(type)}};
    any.insert(required, type == "dir" ? "/dev/null/path" : "any");
    ConfigTable table(any, "", "");
    engine::SetOptions set;
    set.data_dir = "/dev/null/data";
    set.backup_dir = "/dev/null/backup";
    read_target(table, set);
    return table.known();
}

}  // namespace icecore::cli
