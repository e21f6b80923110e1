#include "cli/config_template.h"

#include "base/format.h"

namespace icecore::cli {

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (byte < 0x20 || byte == 0x7f)
            out += format("\\u{:04x}", static_cast<unsigned>(byte));
        else
            out += c;
    }
    return out + "\"";
}

namespace {

constexpr std::string_view kDirText =
    R"(# Where copies of the archives go: a directory on another disk or machine. It must exist.
)";

constexpr std::string_view kNoTargetText =
    R"(# Where copies of the archives go: a directory on another disk or machine, an S3 bucket ("s3"), or an Amazon
# Glacier vault ("glacier"). It must exist. See icecore.toml(5) and doc/targets.md.
# [set.target]
# type = "dir"
# path = "/mnt/offsite"
)";

constexpr std::string_view kVaultText =
    R"(# Where copies of the archives go: an Amazon Glacier vault. It must exist.
)";

constexpr std::string_view kBucketText =
    R"(# Where copies of the archives go: an S3 bucket, of Amazon or of another store. It must exist.
# `icecore doctor` says whether it can be reached, and what about it may do harm.
)";

/// What is not set yet, explained.
constexpr std::string_view kBucketKeys = R"(# region = "us-east-1"
# Another store than Amazon's, by its URL.
# endpoint = "https://s3.example.org"
# A profile of ~/.aws/credentials and ~/.aws/config.
# profile = "backup"
# Of the archives. At Amazon, in USD a GB and month (us-east-1, 2026-09), with the least time that is paid for
# and what reading needs:
#   "DEEP_ARCHIVE"  0.00099  180 days  a thaw of 12 to 48 hours; the default at Amazon
#   "GLACIER"       0.0036    90 days  a thaw of minutes to 12 hours
#   "GLACIER_IR"    0.004     90 days  nothing, but 0.03 USD a GB
#   "STANDARD_IA"   0.0125    30 days  nothing, but 0.01 USD a GB
#   "STANDARD"      0.023         -    nothing
# Elsewhere the default is what the bucket gives.
# storage_class = "DEEP_ARCHIVE"
# Of manifests and logs, which must be readable at once.
# hot_class = "STANDARD"
# Encryption by the service: "AES256", "aws:kms", "aws:kms:KEY".
# sse = "AES256"
# Nobody can delete anything until so many days after the last run that needs it ("compliance": not even
# the account's owner). The bucket must have been made with Object Lock.
# object_lock = { mode = "governance", days = 30 }
# The bucket's name in the path of URLs instead of the host's name: "auto", true or false.
# path_style = "auto"
# Of uploads in parts: their size at least, and how many go out at a time.
# part_size = "16MiB"
# connections = 4
# How many days what was thawed can be read.
# thaw_days = 7
)";

/// `keys` without those that `lines` has; the comments above a key go with it.
std::string unset_keys(std::string_view keys, std::string_view lines) {
    std::string out;
    std::string comments;
    while (!keys.empty()) {
        std::size_t end = keys.find('\n') + 1;
        std::string_view one = keys.substr(0, end);
        keys.remove_prefix(end);
        comments += one;
        std::size_t equals = one.find(" = ");
        std::string_view name = one.substr(2, equals == std::string_view::npos ? 0 : equals - 2);
        bool is_key = !name.empty() && name.find(' ') == std::string_view::npos;
        if (!is_key) continue;
        bool set = lines.find(format("\n{} = ", name)) != std::string_view::npos;
        if (!set) out += comments;
        comments.clear();
    }
    return out;
}

std::string target_text(const std::string& lines) {
    std::string out = "\n";
    bool bucket = lines.starts_with("type = \"s3\"");
    if (lines.empty())
        out += kNoTargetText;
    else
        out += format("{}[set.target]\n{}",
                      bucket                                ? kBucketText
                      : lines.starts_with("type = \"dir\"") ? kDirText
                                                            : kVaultText,
                      lines);
    if (bucket) out += unset_keys(kBucketKeys, lines);
    if (lines.find("\nupload_limit = ") == std::string::npos)
        out += "# Bytes a second at most.\n# upload_limit = \"2MiB\"\n";
    return out;
}

constexpr std::string_view kNoReportText = R"(
# Who is told how it goes, by mail: after every 7 runs, and at once when something is wrong.
# [report]
# email = "admin@example.org"
)";

/// What is not set yet, explained.
constexpr std::string_view kReportKeys = R"(# every = 7
# smtp = "smtp://mail.example.org:587"
# For a server that wants a login (never without TLS, but on this machine); the file: chmod 600.
# user = "backup"
# password_file = "/etc/icecore/mail-password"
# Without smtp, the mail program of this machine.
# sendmail = "/usr/sbin/sendmail"
)";

std::string report_text(const std::string& lines) {
    std::string out(kNoReportText);
    if (!lines.empty()) out = out.substr(0, out.find("# [report]")) + "[report]\n" + lines;
    return out + unset_keys(kReportKeys, "\n" + lines);
}

}  // namespace

std::string config_template(const InitAnswers& answers) {
    std::string exclude;
    for (const std::string& pattern : answers.exclude) {
        exclude += (exclude.empty() ? "" : ", ") + toml_string(pattern);
    }
    return format(R"(# Configuration of icecore. icecore.toml(5) says more of every key.

[[set]]
# The name of the set: a part of the name of every archive.
name = {0}

# The directory to back up, and the directory for the archives.
data = {1}
backup = {2}

# Read a read-only snapshot instead, made for each run: "btrfs", "zfs", "lvm".
# snapshot = "btrfs"

# What is left out: patterns as in .gitignore; a leading slash means the data directory.
exclude = [{3}]
# Follow the patterns in .backupignore files, too.
ignore_files = true
# Leave out the content of directories with a CACHEDIR.TAG.
exclude_caches = true
# Leave out what carries the nodump attribute (chattr +d).
exclude_nodump = true
# Do not descend into other file systems.
one_file_system = false
# Leave out larger files.
# max_file_size = "10GiB"

# "zstd:1" to "zstd:19", "gzip:1" to "gzip:12", or "none".
compression = {4}
# An archive is cut into files of at most this size.
volume_size = {5}
# When to begin anew with a full archive: "never", "90d", "30 runs".
full_every = "never"
# How often a file that changes while it is read is read again.
retries = 3

# Commands before and after each backup: see icecore.toml(5), HOOKS.
# before = "pg_dumpall >/srv/data/databases.sql"
# after = "rm /srv/data/databases.sql"
# A service that says when no backup has come.
# ping = "https://hc-ping.com/UUID"
)",
                  toml_string(answers.name), toml_string(answers.data_dir), toml_string(answers.backup_dir),
                  exclude, toml_string(answers.compression), toml_string(answers.volume_size)) +
           target_text(answers.target) + report_text(answers.report);
}

}  // namespace icecore::cli
