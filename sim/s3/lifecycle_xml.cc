#include <algorithm>
#include <set>

#include "base/format.h"
#include "sim/s3/call.h"
#include "sim/s3/lifecycle_rules.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kRulesMax = 1000;
constexpr std::size_t kIdBytesMax = 255;
constexpr std::uint64_t kDaysMax = 1'000'000;
constexpr std::uint64_t kWarmDaysMin = 30;
constexpr std::int64_t kDaySec = 86400;

std::optional<std::uint64_t> days_of(const pugi::xml_node& node, const char* name, const char* action,
                                     std::uint64_t min) {
    std::optional<std::uint64_t> days = child_number(node, name);
    if (days && (*days < min || *days > kDaysMax))
        invalid_argument(format("'{}' for {} action must be a positive integer", name, action));
    return days;
}

LifecycleAge age_of(const pugi::xml_node& node, const char* action, std::uint64_t days_min) {
    std::optional<std::uint64_t> days = days_of(node, "Days", action, days_min);
    std::optional<std::string> date = child_text(node, "Date");
    if (days.has_value() == date.has_value()) malformed_xml();
    if (days) return {*days};
    std::optional<Timestamp> when = parse_utc(*date);
    if (!when && date->size() == 10) when = parse_utc(*date + "T00:00:00Z");
    if (!when) malformed_xml();
    if (when->sec % kDaySec != 0 || when->nsec != 0) invalid_argument("'Date' must be at midnight GMT");
    return {0, when};
}

StorageClass class_of(const pugi::xml_node& node) {
    std::optional<StorageClass> to = parse_storage_class(child_text(node, "StorageClass").value_or(""));
    if (!to || *to == StorageClass::standard || *to == StorageClass::reduced_redundancy) malformed_xml();
    return *to;
}

void check_warm(const LifecycleMove& move, const char* action) {
    bool warm = move.to == StorageClass::standard_ia || move.to == StorageClass::onezone_ia;
    if (warm && !move.age.date && move.age.days < kWarmDaysMin)
        invalid_argument(
            format("'Days' in {} action must be greater than or equal to 30 for storageClass '{}'", action,
                   storage_class_name(move.to)));
}

void take_tags(const pugi::xml_node& node, LifecycleRule& rule) {
    for (const pugi::xml_node& tag : children(node, "Tag")) {
        std::optional<std::string> key = child_text(tag, "Key");
        if (!key || !rule.tags.emplace(*key, child_text(tag, "Value").value_or("")).second) malformed_xml();
    }
}

void take_filter(const pugi::xml_node& node, LifecycleRule& rule) {
    if (std::optional<std::string> prefix = child_text(node, "Prefix")) rule.prefix = *prefix;
    rule.larger_than_bytes = child_number(node, "ObjectSizeGreaterThan");
    rule.smaller_than_bytes = child_number(node, "ObjectSizeLessThan");
    take_tags(node, rule);
}

void take_scope(const pugi::xml_node& node, LifecycleRule& rule) {
    std::vector<pugi::xml_node> filters = children(node, "Filter");
    std::optional<std::string> prefix = child_text(node, "Prefix");
    if (filters.size() > 1 || filters.empty() != prefix.has_value()) malformed_xml();
    if (prefix) rule.prefix = *prefix;
    if (filters.empty()) return;
    std::vector<pugi::xml_node> both = children(filters.front(), "And");
    if (both.size() > 1) malformed_xml();
    take_filter(both.empty() ? filters.front() : both.front(), rule);
}

void take_expiration(const pugi::xml_node& node, LifecycleRule& rule) {
    std::optional<std::string> markers = child_text(node, "ExpiredObjectDeleteMarker");
    if (markers) {
        if (child_text(node, "Days") || child_text(node, "Date")) malformed_xml();
        rule.removes_lone_markers = *markers == "true";
    } else {
        rule.expiration = age_of(node, "Expiration", 1);
    }
}

void take_current(const pugi::xml_node& node, LifecycleRule& rule) {
    for (const pugi::xml_node& child : children(node, "Transition")) {
        rule.moves.push_back({age_of(child, "Transition", 0), class_of(child)});
        check_warm(rule.moves.back(), "Transition");
    }
    for (const pugi::xml_node& child : children(node, "Expiration")) take_expiration(child, rule);
    for (const LifecycleMove& move : rule.moves)
        if (rule.expiration && !rule.expiration->date && !move.age.date &&
            rule.expiration->days <= move.age.days)
            invalid_argument(
                format("'Days' in the Expiration action for filter '(prefix={})' must be greater than 'Days' "
                       "in the Transition action",
                       rule.prefix));
}

void take_noncurrent(const pugi::xml_node& node, LifecycleRule& rule) {
    auto read = [](const pugi::xml_node& child, const char* action, std::uint64_t min) {
        std::optional<std::uint64_t> days = days_of(child, "NoncurrentDays", action, min);
        if (!days) malformed_xml();
        LifecycleMove out{.age = {*days}};
        out.newer_kept = child_number(child, "NewerNoncurrentVersions").value_or(0);
        return out;
    };
    for (const pugi::xml_node& child : children(node, "NoncurrentVersionTransition")) {
        LifecycleMove move = read(child, "NoncurrentVersionTransition", 0);
        move.to = class_of(child);
        check_warm(move, "NoncurrentVersionTransition");
        rule.noncurrent_moves.push_back(move);
    }
    for (const pugi::xml_node& child : children(node, "NoncurrentVersionExpiration"))
        rule.noncurrent_expiration = read(child, "NoncurrentVersionExpiration", 1);
}

LifecycleRule parse_rule(const pugi::xml_node& node) {
    LifecycleRule rule;
    rule.id = child_text(node, "ID").value_or("");
    if (rule.id.size() > kIdBytesMax) invalid_argument("ID length should not exceed allowed limit of 255");
    std::string status = child_text(node, "Status").value_or("");
    if (status != "Enabled" && status != "Disabled") malformed_xml();
    rule.enabled = status == "Enabled";
    take_scope(node, rule);
    take_current(node, rule);
    take_noncurrent(node, rule);
    for (const pugi::xml_node& child : children(node, "AbortIncompleteMultipartUpload")) {
        rule.abort_days = days_of(child, "DaysAfterInitiation", "AbortIncompleteMultipartUpload", 1);
        if (!rule.abort_days) malformed_xml();
        if (!rule.tags.empty() || rule.larger_than_bytes || rule.smaller_than_bytes)
            invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags or sizes.");
    }
    if (rule.moves.empty() && !rule.expiration && !rule.removes_lone_markers &&
        rule.noncurrent_moves.empty() && !rule.noncurrent_expiration && !rule.abort_days)
        invalid_request("At least one action needs to be specified in a rule.");
    return rule;
}

}  // namespace

std::vector<LifecycleRule> Lifecycle::parse(std::string_view xml) {
    XmlRequest request(xml, "LifecycleConfiguration");
    std::vector<LifecycleRule> out;
    std::set<std::string> ids;
    for (const pugi::xml_node& node : children(request.root(), "Rule")) {
        out.push_back(parse_rule(node));
        if (!out.back().id.empty() && !ids.insert(out.back().id).second)
            invalid_argument("Rule ID must be unique. Found same ID for more than one rule");
    }
    if (out.empty() || out.size() > kRulesMax) malformed_xml();
    return out;
}

}  // namespace icecore::sim::s3
