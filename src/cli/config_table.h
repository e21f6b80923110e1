#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::cli {

/// One table of a configuration file while it is read: each getter takes a key's value and notes that it is
/// known; `finish` refuses what no getter asked for. All errors are UsageErrors with file, line and full key.
class ConfigTable {
  public:
    /// `prefix` is the table's name in messages ("set", "report", "" for the file itself).
    ConfigTable(const toml::table& table, std::string file, std::string prefix);

    bool has(std::string_view key);
    bool is_table(std::string_view key);
    std::optional<std::string> text(std::string_view key);
    /// Throws if it is missing or empty.
    std::string required_text(std::string_view key);
    /// Likewise; absolute, without "." and "..".
    std::string required_path(std::string_view key);
    std::optional<bool> flag(std::string_view key);
    /// A text; true and false as "true" and "false".
    std::optional<std::string> text_or_flag(std::string_view key);
    /// An integer from `min` to `max`.
    std::optional<std::int64_t> number(std::string_view key, std::int64_t min, std::int64_t max);
    std::optional<std::vector<std::string>> texts(std::string_view key);
    /// "1GiB", or a plain number of bytes.
    std::optional<std::uint64_t> size_bytes(std::string_view key);
    /// A span ("15m") of 1 to `max` seconds, in seconds; `expected` says what it is to be.
    std::optional<std::int64_t> span_seconds(std::string_view key, std::int64_t max,
                                             std::string_view expected);
    std::optional<ConfigTable> table(std::string_view key);
    /// An array of tables, [[key]].
    std::vector<ConfigTable> tables(std::string_view key);

    /// Refuses keys that were never asked for.
    void finish() const;
    /// The keys that were asked for.
    const std::vector<std::string>& known() const { return known_; }

    [[noreturn]] void fail(std::string_view key, std::string_view message, std::string hint = {}) const;

  private:
    const toml::node* find(std::string_view key);
    [[noreturn]] void fail_type(std::string_view key, std::string_view expected) const;
    std::string full_key(std::string_view key) const;

    const toml::table* table_;
    std::string file_;
    std::string prefix_;
    std::vector<std::string> known_;
};

}  // namespace icecore::cli
