#include "cli/target_argument.h"

#include <algorithm>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_template.h"
#include "cli/path_argument.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

constexpr std::string_view kExpected = "expected s3://BUCKET/PREFIX, dir:DIR or glacier:VAULT";
constexpr std::string_view kKeysHint = "more keys of [set.target] as s3://BUCKET/PREFIX?KEY=VALUE&KEY=VALUE";

/// As TOML has it: true, false and whole numbers bare, all else as text.
std::string toml_value(std::string_view text) {
    bool number = !text.empty() && text.size() <= 9 &&
                  std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number || text == "true" || text == "false") return std::string(text);
    return toml_string(text);
}

std::string line(std::string_view key, const std::string& value) {
    return format("{} = {}\n", key, value);
}

/// The argument as messages show it: what stands after '?' may hold a password.
std::string shown_target(const std::string& argument) {
    std::size_t query = argument.find('?');
    return query == std::string::npos ? argument : argument.substr(0, query) + "?...";
}

/// "a=b&c=d" as lines.
std::string query_lines(const std::string& argument, std::string_view query) {
    std::string out;
    while (!query.empty()) {
        std::size_t end = std::min(query.find('&'), query.size());
        std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        std::size_t equals = one.find('=');
        bool good = equals != std::string_view::npos && equals > 0 &&
                    one.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == equals;
        if (!good)
            throw UsageError(format("--target \"{}\": \"{}\" is not KEY=VALUE", shown_target(argument),
                                    one.substr(0, one.find('='))),
                             std::string(kKeysHint));
        out += line(one.substr(0, equals), toml_value(one.substr(equals + 1)));
    }
    return out;
}

}  // namespace

engine::TargetOptions parse_target_lines(const std::string& lines, const std::string& argument) {
    try {
        return parse_config_lines("set.target", lines).sets.at(0).target;
    } catch (const UsageError& error) {
        throw UsageError(format("--target \"{}\": {}", shown_target(argument), error.message()),
                         error.hint());
    }
}

std::string target_lines(const std::string& argument, const std::string& cwd) {
    constexpr std::string_view kDir = "dir:";
    constexpr std::string_view kS3 = "s3://";
    constexpr std::string_view kVault = "glacier:";
    auto refuse = [&] {
        throw UsageError(format("--target \"{}\": {}", shown_target(argument), kExpected),
                         std::string(kKeysHint));
    };
    std::string lines;
    if (argument.starts_with(kDir)) {
        std::string path = argument.substr(kDir.size());
        if (path.empty()) refuse();
        return line("type", "\"dir\"") + line("path", toml_string(absolute_path(path, cwd)));
    }
    std::string place = argument.substr(0, argument.find('?'));
    std::string query = argument.size() > place.size() ? argument.substr(place.size() + 1) : "";
    if (place.starts_with(kS3)) {
        place.erase(0, kS3.size());
        std::size_t slash = std::min(place.find('/'), place.size());
        std::string prefix = place.substr(std::min(slash + 1, place.size()));
        while (prefix.ends_with('/')) prefix.pop_back();
        lines = line("type", "\"s3\"") + line("bucket", toml_string(place.substr(0, slash)));
        if (!prefix.empty()) lines += line("prefix", toml_string(prefix));
    } else if (place.starts_with(kVault)) {
        lines = line("type", "\"glacier\"") + line("vault", toml_string(place.substr(kVault.size())));
    } else {
        refuse();
    }
    lines += query_lines(argument, query);
    parse_target_lines(lines, argument);
    return lines;
}

}  // namespace icecore::cli
