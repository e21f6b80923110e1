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

std::string config_template(const InitAnswers& answers) {
    std::string exclude;
    for (const std::string& pattern : answers.exclude) {
        exclude += (exclude.empty() ? "" : ", ") + toml_string(pattern);
    }
    return format(R"(# Configuration of icecore. icecore(1) says more of every key.

[[set]]
# The name of the set: a part of the name of every archive.
name = {0}

# The directory to back up, and the directory for the archives.
data = {1}
backup = {2}

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

# Where copies of the archives go: a directory on another disk or machine. It must exist.
{6}[set.target]
{6}type = "dir"
{6}path = {7}
# Bytes a second at most.
# upload_limit = "2MiB"
)",
                  toml_string(answers.name), toml_string(answers.data_dir), toml_string(answers.backup_dir),
                  exclude, toml_string(answers.compression), toml_string(answers.volume_size),
                  answers.target_dir.empty() ? "# " : "",
                  toml_string(answers.target_dir.empty() ? "/mnt/offsite" : answers.target_dir));
}

}  // namespace icecore::cli
