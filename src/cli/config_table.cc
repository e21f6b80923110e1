#include "cli/config_table.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/path_argument.h"
#include "cli/suggest.h"
#include "cli/usage_error.h"

namespace icecore::cli {

ConfigTable::ConfigTable(const toml::table& table, std::string file, std::string prefix)
    : table_(&table), file_(std::move(file)), prefix_(std::move(prefix)) {}

const toml::node* ConfigTable::find(std::string_view key) {
    known_.emplace_back(key);
    return table_->get(key);
}

bool ConfigTable::has(std::string_view key) {
    return find(key) != nullptr;
}

std::string ConfigTable::full_key(std::string_view key) const {
    if (key.empty()) return prefix_;
    return prefix_.empty() ? std::string(key) : format("{}.{}", prefix_, key);
}

void ConfigTable::fail(std::string_view key, std::string_view message, std::string hint) const {
    // A key that is not there is reported at its table.
    const toml::node* node = key.empty() ? nullptr : table_->get(key);
    std::uint32_t line = node != nullptr ? node->source().begin.line : table_->source().begin.line;
    std::string place = line > 0 ? format("{}:{}", file_, line) : file_;
    std::string name = full_key(key);
    if (name.empty()) throw UsageError(format("{}: {}", place, message), std::move(hint));
    throw UsageError(format("{}: {}: {}", place, name, message), std::move(hint));
}

void ConfigTable::fail_type(std::string_view key, std::string_view expected) const {
    fail(key, format("expected {}", expected));
}

bool ConfigTable::is_table(std::string_view key) {
    const toml::node* node = find(key);
    return node != nullptr && node->is_table();
}

std::optional<std::string> ConfigTable::text(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<std::string>();
    if (!value) fail_type(key, "a text in quotes");
    return value;
}

std::string ConfigTable::required_text(std::string_view key) {
    auto value = text(key);
    if (!value) fail("", format("\"{}\" is missing", key));
    if (value->empty()) fail(key, "expected a text that is not empty");
    return *value;
}

std::string ConfigTable::required_path(std::string_view key) {
    std::string path = required_text(key);
    if (path[0] != '/') fail(key, format("expected an absolute path, not \"{}\"", path));
    if (path.find('\0') != std::string::npos) fail(key, "a path cannot hold a NUL character");
    return lexically_normal(path);
}

std::optional<std::string> ConfigTable::text_or_flag(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (auto flag = node->value_exact<bool>()) return *flag ? "true" : "false";
    auto value = node->value_exact<std::string>();
    if (!value) fail_type(key, "a text in quotes, true or false");
    return value;
}

std::optional<bool> ConfigTable::flag(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<bool>();
    if (!value) fail_type(key, "true or false");
    return value;
}

std::optional<std::int64_t> ConfigTable::number(std::string_view key, std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<std::int64_t>();
    if (!value || *value < min || *value > max)
        fail_type(key, format("a whole number from {} to {}", min, max));
    return value;
}

std::optional<std::vector<std::string>> ConfigTable::texts(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    constexpr std::string_view kExpected = "a list of texts, such as [\"*.tmp\", \"/cache/\"]";
    const toml::array* array = node->as_array();
    if (array == nullptr) fail_type(key, kExpected);
    std::vector<std::string> values;
    for (const toml::node& element : *array) {
        auto value = element.value_exact<std::string>();
        if (!value) fail_type(key, kExpected);
        values.push_back(*value);
    }
    return values;
}

std::optional<std::uint64_t> ConfigTable::size_bytes(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (auto number = node->value_exact<std::int64_t>(); number && *number >= 0) {
        return static_cast<std::uint64_t>(*number);
    }
    std::optional<std::uint64_t> size;
    if (auto value = node->value_exact<std::string>()) size = parse_size(*value);
    if (!size) fail_type(key, "a size such as \"500MiB\" or \"1GiB\"");
    return size;
}

std::optional<std::int64_t> ConfigTable::span_seconds(std::string_view key, std::int64_t max,
                                                      std::string_view expected) {
    auto value = text(key);
    if (!value) return std::nullopt;
    auto seconds = parse_span(*value);
    if (!seconds || *seconds < 1 || *seconds > max) fail(key, format("expected {}", expected));
    return seconds;
}

std::optional<ConfigTable> ConfigTable::table(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    const toml::table* table = node->as_table();
    if (table == nullptr) fail_type(key, format("a table, written [{}]", full_key(key)));
    return ConfigTable(*table, file_, full_key(key));
}

std::vector<ConfigTable> ConfigTable::tables(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
        fail_type(key, format("tables, written [[{}]]", full_key(key)));
    }
    std::vector<ConfigTable> tables;
    for (const toml::node& element : *array) tables.emplace_back(*element.as_table(), file_, full_key(key));
    return tables;
}

void ConfigTable::finish() const {
    for (const auto& [key, node] : *table_) {
        std::string_view name = key.str();
        if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
        std::string all;
        for (const std::string& known : known_) all += (all.empty() ? "known keys: " : ", ") + known;
        std::string hint = did_you_mean(name, known_, "\"", all);
        throw UsageError(format("{}:{}: {}: unknown key", file_, key.source().begin.line, full_key(name)),
                         hint);
    }
}

}  // namespace icecore::cli
