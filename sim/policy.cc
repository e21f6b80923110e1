#include "sim/policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/format.h"
#include "sim/pattern.h"

namespace icecore::sim {
namespace {

/// The keys that requests to the simulator have, some of them.
constexpr std::array<std::string_view, 16> kKeys = {"aws:principalarn",
                                                    "aws:securetransport",
                                                    "aws:sourceaccount",
                                                    "s3:delimiter",
                                                    "s3:if-none-match",
                                                    "s3:max-keys",
                                                    "s3:object-lock-legal-hold",
                                                    "s3:object-lock-mode",
                                                    "s3:object-lock-remaining-retention-days",
                                                    "s3:object-lock-retain-until-date",
                                                    "s3:prefix",
                                                    "s3:versionid",
                                                    "s3:x-amz-server-side-encryption",
                                                    "s3:x-amz-storage-class",
                                                    "s3:x-amz-content-sha256",
                                                    "s3:resourceaccount"};

[[noreturn]] void refuse(std::string message) {
    throw Error(Error::Kind::invalid, std::move(message));
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::string scalar(const Json& value, std::string_view what) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean() || value.is_number()) return value.dump();
    refuse(format("{} must be a string or a list of strings", what));
}

std::vector<std::string> strings(const Json& json, std::string_view what) {
    std::vector<std::string> out;
    for (const Json& value : json.is_array() ? json : Json::array({json})) out.push_back(scalar(value, what));
    if (out.empty()) refuse(format("{} is empty", what));
    return out;
}

std::vector<std::string> principals(const Json& json) {
    if (json == "*") return {"*"};
    if (!json.is_object() || json.size() != 1 || !json.contains("AWS"))
        refuse("Principal must be \"*\" or {\"AWS\": …}");
    return strings(json.at("AWS"), "Principal");
}

std::optional<double> to_number(const std::string& text) {
    double number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return number;
}

/// A moment as a number that can be compared.
std::optional<double> to_moment(const std::string& text) {
    std::optional<Timestamp> t = parse_utc(text);
    if (!t && text.size() == 10) t = parse_utc(text + "T00:00:00Z");
    if (t) return static_cast<double>(t->sec);
    return to_number(text);
}

using Compare = std::function<bool(const std::string& value, const std::string& wanted)>;

/// A comparison: of the request's value with one that the policy names.
struct Comparison {
    Compare holds;
    bool negated = false;  ///< must hold for none of the policy's values, and does without a value too
};

Comparison ordered(std::string_view name, std::optional<double> (*read)(const std::string&)) {
    auto with = [read](auto compare) {
        return [read, compare](const std::string& value, const std::string& wanted) {
            std::optional<double> a = read(value);
            std::optional<double> b = read(wanted);
            return a && b && compare(*a, *b);
        };
    };
    if (name == "Equals") return {with(std::equal_to<>())};
    if (name == "NotEquals") return {with(std::equal_to<>()), true};
    if (name == "LessThan") return {with(std::less<>())};
    if (name == "LessThanEquals") return {with(std::less_equal<>())};
    if (name == "GreaterThan") return {with(std::greater<>())};
    if (name == "GreaterThanEquals") return {with(std::greater_equal<>())};
    return {};
}

/// Without a function for a name that is not known.
Comparison comparison_of(std::string_view name) {
    auto equal = [](const std::string& a, const std::string& b) { return a == b; };
    auto equal_any_case = [](const std::string& a, const std::string& b) { return lower(a) == lower(b); };
    auto like = [](const std::string& a, const std::string& b) { return matches_pattern(a, b); };
    if (name == "StringEquals") return {equal};
    if (name == "StringNotEquals") return {equal, true};
    if (name == "StringEqualsIgnoreCase" || name == "Bool") return {equal_any_case};
    if (name == "StringNotEqualsIgnoreCase") return {equal_any_case, true};
    if (name == "StringLike" || name == "ArnLike" || name == "ArnEquals") return {like};
    if (name == "StringNotLike" || name == "ArnNotLike" || name == "ArnNotEquals") return {like, true};
    if (name.starts_with("Numeric")) return ordered(name.substr(7), to_number);
    if (name.starts_with("Date")) return ordered(name.substr(4), to_moment);
    return {};
}

void check_values(const std::string& comparison, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
        if (comparison.starts_with("Numeric") && !to_number(value)) refuse(format("{} is no number", value));
        if (comparison.starts_with("Date") && !to_moment(value)) refuse(format("{} is no date", value));
        if ((comparison == "Bool" || comparison == "Null") && value != "true" && value != "false")
            refuse(format("{} is neither true nor false", value));
    }
}

bool account_of(std::string_view principal, std::string_view wanted) {
    // "123456789012" and "arn:aws:iam::123456789012:root" are everybody in that account.
    std::string_view prefix = "arn:aws:iam::";
    if (wanted.starts_with(prefix) && wanted.ends_with(":root")) {
        wanted.remove_prefix(prefix.size());
        wanted.remove_suffix(5);
    }
    return wanted.size() == 12 && principal.starts_with(format("{}{}:", prefix, wanted));
}

}  // namespace

Policy Policy::parse(std::string_view text, Kind kind) {
    Json json;
    try {
        json = parse_json(text);
    } catch (const Error&) {
        refuse("a policy must be JSON");
    }
    if (!json.is_object() || !json.contains("Statement")) refuse("a policy needs its Statement");
    for (const auto& [key, value] : json.items())
        if (key != "Version" && key != "Id" && key != "Statement")
            refuse(format("a policy has no \"{}\"", key));
    if (json.contains("Version") && json.at("Version") != "2012-10-17" && json.at("Version") != "2008-10-17")
        refuse("Version must be \"2012-10-17\"");
    const Json& given = json.at("Statement");
    Policy out;
    for (const Json& statement : given.is_array() ? given : Json::array({given})) {
        out.statements_.push_back(parse_statement(statement, kind));
        const std::vector<std::string>& resources = out.statements_.back().resources;
        out.resources_.insert(out.resources_.end(), resources.begin(), resources.end());
    }
    return out;
}

Policy::Statement Policy::parse_statement(const Json& json, Kind kind) {
    static const std::set<std::string> kKnown = {"Sid",       "Effect",   "Principal",   "Action",
                                                 "NotAction", "Resource", "NotResource", "Condition"};
    if (!json.is_object()) refuse("a statement must be an object");
    for (const auto& [key, value] : json.items())
        if (!kKnown.contains(key)) refuse(format("a statement has no \"{}\"", key));
    Statement out;
    Json effect = json.value("Effect", Json());
    if (effect != "Allow" && effect != "Deny") refuse("Effect must be Allow or Deny");
    out.allows = effect == "Allow";
    out.not_action = json.contains("NotAction");
    if (out.not_action == json.contains("Action")) refuse("a statement needs Action or NotAction");
    for (const std::string& action : strings(json.at(out.not_action ? "NotAction" : "Action"), "Action")) {
        if (action != "*" && action.find(':') == std::string::npos)
            refuse(format("\"{}\" is no action: it has no service", action));
        out.actions.push_back(lower(action));
    }
    out.not_resource = json.contains("NotResource");
    if (out.not_resource == json.contains("Resource")) refuse("a statement needs Resource or NotResource");
    out.resources = strings(json.at(out.not_resource ? "NotResource" : "Resource"), "Resource");
    for (const std::string& resource : out.resources)
        if (resource != "*" && !resource.starts_with("arn:"))
            refuse(format("\"{}\" is no resource: it must be \"*\" or begin with arn:", resource));
    if (json.contains("Principal") != (kind == Kind::resource))
        refuse(kind == Kind::resource ? "a statement needs its Principal"
                                      : "a statement of a user's policy has no Principal");
    if (kind == Kind::resource) out.principals = principals(json.at("Principal"));
    if (json.contains("Condition")) out.conditions = parse_conditions(json.at("Condition"));
    return out;
}

std::vector<Policy::Condition> Policy::parse_conditions(const Json& json) {
    constexpr std::string_view kIfExists = "IfExists";
    if (!json.is_object()) refuse("Condition must be an object");
    std::vector<Condition> out;
    for (const auto& [name, keys] : json.items()) {
        Condition condition{name, false, {}, {}};
        if (name.ends_with(kIfExists)) {
            condition.if_exists = true;
            condition.comparison.resize(name.size() - kIfExists.size());
        }
        bool known = condition.comparison == "Null" ? !condition.if_exists
                                                    : comparison_of(condition.comparison).holds != nullptr;
        if (!known) refuse(format("the comparison {} is not known", name));
        if (!keys.is_object()) refuse(format("{} must be an object", name));
        for (const auto& [key, values] : keys.items()) {
            condition.key = lower(key);
            if (std::find(kKeys.begin(), kKeys.end(), condition.key) == kKeys.end())
                refuse(format("no request here has {}: a condition on it would not be heeded", key));
            condition.values = strings(values, key);
            check_values(condition.comparison, condition.values);
            out.push_back(condition);
        }
    }
    return out;
}

bool Policy::Condition::holds(const PolicyRequest& request) const {
    auto found = request.context.find(key);
    bool there = found != request.context.end();
    if (comparison == "Null") return (values.front() == "true") != there;
    Comparison compare = comparison_of(comparison);
    if (!there) return if_exists || compare.negated;
    bool any = std::any_of(values.begin(), values.end(),
                           [&](const std::string& wanted) { return compare.holds(found->second, wanted); });
    return any != compare.negated;
}

bool Policy::Statement::concerns(const PolicyRequest& request) const {
    std::string action = lower(request.action);
    auto any = [](const std::vector<std::string>& patterns, std::string_view text) {
        return std::any_of(patterns.begin(), patterns.end(),
                           [&](const std::string& pattern) { return matches_pattern(text, pattern); });
    };
    auto is_principal = [&](const std::string& wanted) {
        return wanted == "*" || wanted == request.principal || account_of(request.principal, wanted);
    };
    return any(actions, action) != not_action && any(resources, request.resource) != not_resource &&
           (principals.empty() || std::any_of(principals.begin(), principals.end(), is_principal)) &&
           std::all_of(conditions.begin(), conditions.end(),
                       [&](const Condition& condition) { return condition.holds(request); });
}

Policy::Verdict Policy::decide(const PolicyRequest& request) const {
    Verdict verdict = Verdict::silent;
    for (const Statement& statement : statements_) {
        if (!statement.concerns(request)) continue;
        if (!statement.allows) return Verdict::denied;
        verdict = Verdict::allowed;
    }
    return verdict;
}

}  // namespace icecore::sim
