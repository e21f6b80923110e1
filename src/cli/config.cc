#include "cli/config.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/config_report.h"
#include "cli/config_table.h"
#include "cli/config_target.h"
#include "cli/path_argument.h"
#include "cli/suggest.h"
#include "cli/usage_error.h"
#include "cloud/http.h"

namespace icecore::cli {
namespace {

constexpr std::int64_t kRetriesMax = 100;
constexpr std::int64_t kHookSecondsMax = 7 * 86400;
constexpr std::uint64_t kSnapshotBytesMin = 4 << 20;
constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::ptrdiff_t kLineDotsMax = 1000;

engine::FullEvery read_full_every(ConfigTable& table) {
    auto text = table.text("full_every");
    if (!text || *text == "never") return {};
    std::uint32_t runs = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), runs);
    std::string_view rest(end, static_cast<std::size_t>(text->data() + text->size() - end));
    if (error == std::errc{} && runs > 0 && (rest == " runs" || rest == " run")) {
        return {.seconds = {}, .runs = runs};
    }
    auto seconds = parse_span(*text);
    if (!seconds || *seconds <= 0) {
        table.fail("full_every",
                   "expected \"never\", a span such as \"90d\", or a count such as \"30 runs\"");
    }
    return {.seconds = seconds, .runs = {}};
}

scan::WalkOptions read_filters(ConfigTable& table) {
    scan::WalkOptions filters;
    filters.exclude = table.texts("exclude").value_or(std::vector<std::string>{});
    filters.ignore_files = table.flag("ignore_files").value_or(filters.ignore_files);
    filters.exclude_caches = table.flag("exclude_caches").value_or(filters.exclude_caches);
    filters.exclude_nodump = table.flag("exclude_nodump").value_or(filters.exclude_nodump);
    filters.one_file_system = table.flag("one_file_system").value_or(filters.one_file_system);
    filters.max_file_size_bytes = table.size_bytes("max_file_size");
    return filters;
}

/// "10%" of the volume, or "5GiB".
void read_snapshot_size(ConfigTable& table, snapshot::Options& options) {
    constexpr const char* kKey = "snapshot_size";
    auto text = table.text(kKey);
    if (!text) return;
    if (options.kind != snapshot::Kind::lvm) table.fail(kKey, "only with snapshot = \"lvm\"");
    unsigned percent = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), percent);
    bool whole = error == std::errc{} && std::string_view(end, text->data() + text->size()) == "%";
    std::optional<std::uint64_t> bytes = whole ? std::nullopt : parse_size(*text);
    if (whole && percent >= 1 && percent <= 100)
        options.room_percent = percent;
    else if (bytes && *bytes >= kSnapshotBytesMin)
        options.room_bytes = *bytes;
    else
        table.fail(kKey, "expected a part of the volume such as \"10%\", or a size such as \"5GiB\"");
}

snapshot::Options read_snapshot(ConfigTable& table) {
    snapshot::Options options;
    if (auto text = table.text("snapshot")) {
        auto kind = snapshot::parse_kind(*text);
        if (!kind) table.fail("snapshot", "expected \"btrfs\", \"zfs\", \"lvm\" or \"none\"");
        options.kind = *kind;
    }
    read_snapshot_size(table, options);
    return options;
}

archive::Compression read_compression(ConfigTable& table) {
    auto text = table.text("compression");
    if (!text) return {};
    try {
        return archive::parse_compression(*text);
    } catch (const Error& error) {
        table.fail("compression", error.message(), error.hint());
    }
}

/// One URL, to which "/start" and "/fail" are added as Healthchecks has it, or a table of three.
void read_ping(ConfigTable& table, RunHooks& hooks) {
    auto checked = [](ConfigTable& in, std::string_view key) {
        std::string url = in.text(key).value_or("");
        if (url.empty()) return url;
        try {
            cloud::parse_url(url);
        } catch (const Error& error) {
            in.fail(key, error.message(), error.hint());
        }
        return url;
    };
    if (!table.has("ping")) return;
    if (!table.is_table("ping")) {
        std::string url = checked(table, "ping");
        while (url.ends_with('/')) url.pop_back();
        if (url.find('?') != std::string::npos)
            table.fail("ping", "\"/start\" and \"/fail\" cannot be added to a URL with a query",
                       "ping = { start = \"...\", success = \"...\", failure = \"...\" }");
        hooks.ping_start = url + "/start";
        hooks.ping_success = url;
        hooks.ping_failure = url + "/fail";
        return;
    }
    ConfigTable urls = *table.table("ping");
    hooks.ping_start = checked(urls, "start");
    hooks.ping_success = checked(urls, "success");
    hooks.ping_failure = checked(urls, "failure");
    urls.finish();
}

RunHooks read_hooks(ConfigTable& table) {
    RunHooks hooks;
    hooks.before = table.text("before").value_or("");
    hooks.after = table.text("after").value_or("");
    hooks.on_failure = table.text("on_failure").value_or("");
    hooks.hook_timeout_seconds =
        table.span_seconds("hook_timeout", kHookSecondsMax, "a span such as \"10m\", at most \"7d\"")
            .value_or(hooks.hook_timeout_seconds);
    read_ping(table, hooks);
    return hooks;
}

engine::SetOptions read_set(ConfigTable& table) {
    engine::SetOptions set;
    set.name = table.required_text("name");
    if (std::string fault = set_name_fault(set.name); !fault.empty()) table.fail("name", fault);
    set.data_dir = table.required_path("data");
    set.backup_dir = table.required_path("backup");
    set.snapshot = read_snapshot(table);
    set.filters = read_filters(table);
    set.compression = read_compression(table);
    set.volume_bytes_max = table.size_bytes("volume_size").value_or(set.volume_bytes_max);
    if (set.volume_bytes_max < kVolumeBytesMin) {
        table.fail("volume_size", format("expected at least {}", format_bytes(kVolumeBytesMin)));
    }
    set.full_every = read_full_every(table);
    set.retries = static_cast<unsigned>(table.number("retries", 0, kRetriesMax).value_or(set.retries));
    if (auto target = table.table("target")) set.target = read_target(*target, set);
    return set;
}

void check_unique(ConfigTable& table, const std::vector<engine::SetOptions>& sets,
                  const engine::SetOptions& set) {
    for (const engine::SetOptions& other : sets) {
        if (other.name == set.name) table.fail("name", format("there are two sets \"{}\"", set.name));
        if (other.backup_dir == set.backup_dir) {
            table.fail("backup", format("set \"{}\" has the same backup directory", other.name),
                       "give each set a backup directory of its own");
        }
    }
}

/// The parser goes one level deeper into the stack with each dot of a key.
void check_dots(std::string_view text, const std::string& path) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = take_line(text);
        if (std::count(line.begin(), line.end(), '.') <= kLineDotsMax) continue;
        throw UsageError(format("{}:{}: more than {} dots in a line", path, number, kLineDotsMax),
                         "a list can have a line for each of its values");
    }
}

toml::table parse_toml(std::string_view text, const std::string& path) {
    check_dots(text, path);
    try {
        return toml::parse(text, std::string_view(path));
    } catch (const toml::parse_error& error) {
        throw UsageError(format("{}:{}: {}", path, error.source().begin.line, error.description()),
                         "the file is TOML: https://toml.io");
    }
}

}  // namespace

std::string set_name_fault(std::string_view name) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (name.empty()) return "expected a name that is not empty";
    if (name.find_first_not_of(kAllowed) != std::string_view::npos) {
        return "expected a name of letters, digits, '.', '_' and '-' only";
    }
    if (name[0] == '.' || name[0] == '-') return "a name cannot start with '.' or '-'";
    return name.size() > 100 ? "expected a name of at most 100 characters" : "";
}

Config parse_config(std::string_view text, const std::string& path) {
    toml::table root = parse_toml(text, path);
    ConfigTable table(root, path, "");
    Config config;
    config.path = path;
    if (auto report = table.table("report")) config.report = read_report(*report);
    for (ConfigTable& set_table : table.tables("set")) {
        engine::SetOptions set = read_set(set_table);
        check_unique(set_table, config.sets, set);
        config.hooks[set.name] = read_hooks(set_table);
        set_table.finish();
        config.sets.push_back(std::move(set));
    }
    table.finish();
    if (config.sets.empty()) {
        throw UsageError(format("{}: no [[set]] in it", path), "see icecore.toml(5)");
    }
    return config;
}

Config parse_config_lines(std::string_view table, std::string_view lines) {
    try {
        return parse_config(
            format("[[set]]\nname = \"x\"\ndata = \"/dev/null/d\"\nbackup = \"/dev/null/b\"\n[{}]\n{}", table,
                   lines),
            "");
    } catch (const UsageError& error) {
        // ":7: set.target.bucket: what is wrong"
        std::string what = error.message();
        if (std::size_t at = what.find(table); at != std::string::npos) {
            what.erase(0, at + table.size());
            if (what.starts_with('.') || what.starts_with(": ")) what.erase(0, what[0] == '.' ? 1 : 2);
        }
        throw UsageError(what, error.hint());
    }
}

Config load_config(const std::string& path) {
    std::string text;
    try {
        text = read_file(path, kFileBytesMax);
    } catch (const Error& error) {
        throw UsageError(format("cannot read the configuration: {}", error.message()),
                         error.kind() == Error::Kind::not_found ? "icecore init makes one" : error.hint());
    }
    return parse_config(text, path);
}

std::vector<std::string> default_config_paths(const Io& io) {
    std::vector<std::string> paths;
    std::string base = io.environment("XDG_CONFIG_HOME").value_or("");
    if (base.empty()) {
        if (auto home = io.environment("HOME"); home && !home->empty()) base = *home + "/.config";
    }
    if (!base.empty()) paths.push_back(base + "/icecore/icecore.toml");
    paths.emplace_back("/etc/icecore/icecore.toml");
    return paths;
}

std::optional<std::string> find_config(const Io& io, const std::string& option) {
    if (!option.empty()) return absolute_path(option, io.cwd);
    if (auto named = io.environment("ICECORE_CONFIG"); named && !named->empty()) {
        return absolute_path(*named, io.cwd);
    }
    for (std::string& path : default_config_paths(io)) {
        if (path_exists(path)) return std::move(path);
    }
    return std::nullopt;
}

}  // namespace icecore::cli
