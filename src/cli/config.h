#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config_report.h"
#include "cli/io.h"
#include "engine/environment.h"

namespace icecore::cli {

/// What is run and who is told around each run of a set. Empty: nothing, nobody.
struct RunHooks {
    std::string before;  ///< a line for /bin/sh; if it fails, there is no run
    std::string after;   ///< likewise, after every run
    std::string on_failure;
    std::int64_t hook_timeout_seconds = 3600;
    std::string ping_start;  ///< URL
    std::string ping_success;
    std::string ping_failure;
};

/// A configuration file, checked: paths absolute, names unique, every value in its range.
struct Config {
    std::string path;
    ReportConfig report;
    std::vector<engine::SetOptions> sets;   ///< at least one, in the file's order
    std::map<std::string, RunHooks> hooks;  ///< by the set's name; of every set
};

/// Reads TOML text; `path` names it in messages. Throws UsageError "PATH:LINE: KEY: what is wrong" for the
/// first thing that is wrong, unknown keys included.
Config parse_config(std::string_view text, const std::string& path);

/// The configuration of a set that is of no interest, with `lines` as its table `table` ("set.target",
/// "report"): for what options and answers say instead of a file. Throws UsageError "KEY: what is wrong", or
/// "what is wrong" where it is no key's fault.
Config parse_config_lines(std::string_view table, std::string_view lines);

/// Reads and parses the file. Throws UsageError.
Config load_config(const std::string& path);

/// The places where a configuration file is looked for when neither --config nor $ICECORE_CONFIG names one.
std::vector<std::string> default_config_paths(const Io& io);

/// The file to use: `option` (--config) or $ICECORE_CONFIG, whether it exists or not, else the first default
/// that exists; nullopt if there is none.
std::optional<std::string> find_config(const Io& io, const std::string& option);

/// Why `name` cannot name a set, or "" if it can.
std::string set_name_fault(std::string_view name);

constexpr std::uint64_t kVolumeBytesMin = 16ULL << 20;

}  // namespace icecore::cli
