#include "sim/glacier/lock_policy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "sim/glacier/call.h"
#include "sim/pattern.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::array<std::string_view, 6> kComparisons = {"NumericLessThan",    "NumericLessThanEquals",
                                                          "NumericGreaterThan", "NumericGreaterThanEquals",
                                                          "NumericEquals",      "NumericNotEquals"};

/// A string, or a list of them.
std::vector<std::string> strings(const Json& json, const char* what) {
    std::vector<std::string> out;
    auto add = [&](const Json& value) {
        if (!value.is_string()) invalid(format("Invalid policy: {} must be strings", what));
        out.push_back(value.get<std::string>());
    };
    if (json.is_array())
        std::for_each(json.begin(), json.end(), add);
    else
        add(json);
    return out;
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

double to_number(const Json& value) {
    if (value.is_number()) return value.get<double>();
    double number = 0;
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size()) return number;
    }
    invalid("Invalid policy: glacier:ArchiveAgeInDays is compared with what is no number");
}

bool denies(const Json& statement) {
    if (!statement.is_object()) invalid("Invalid policy: a statement must be an object");
    std::string effect = text_field(statement, "Effect");
    if (effect != "Deny" && effect != "Allow") invalid("Invalid policy: Effect must be Allow or Deny");
    bool not_action = statement.contains("NotAction");
    if (!not_action && !statement.contains("Action")) invalid("Invalid policy: a statement without Action");
    std::vector<std::string> actions = strings(statement.at(not_action ? "NotAction" : "Action"), "actions");
    bool named = std::any_of(actions.begin(), actions.end(), [](const std::string& action) {
        return matches_pattern("glacier:deletearchive", lower(action));
    });
    return effect == "Deny" && named != not_action;
}

}  // namespace

LockPolicy LockPolicy::parse(std::string_view text) {
    Json policy;
    try {
        policy = parse_json(text);
    } catch (const Error&) {
        invalid("Invalid policy: it is no JSON");
    }
    if (!policy.is_object() || !policy.contains("Statement")) invalid("Invalid policy: it has no Statement");
    const Json& given = policy.at("Statement");
    Json statements = given.is_array() ? given : Json::array({given});
    LockPolicy out;
    for (const Json& statement : statements) {
        if (!denies(statement)) continue;
        Denial denial;
        if (statement.contains("NotResource"))
            invalid("This simulator does not know NotResource in a policy");
        denial.resources = statement.contains("Resource") ? strings(statement.at("Resource"), "resources")
                                                          : std::vector<std::string>{"*"};
        Json conditions = statement.value("Condition", Json::object());
        if (!conditions.is_object()) invalid("Invalid policy: Condition must be an object");
        for (const auto& [comparison, keys] : conditions.items()) {
            if (std::find(kComparisons.begin(), kComparisons.end(), comparison) == kComparisons.end() ||
                !keys.is_object() || keys.size() != 1 ||
                lower(keys.begin().key()) != "glacier:archiveageindays")
                invalid(
                    format("This simulator heeds numeric conditions on glacier:ArchiveAgeInDays only, not {}",
                           comparison));
            Condition condition{comparison, {}};
            const Json& values = keys.begin().value();
            for (const Json& value : values.is_array() ? values : Json::array({values}))
                condition.values.push_back(to_number(value));
            denial.conditions.push_back(std::move(condition));
        }
        out.denials_.push_back(std::move(denial));
    }
    return out;
}

bool LockPolicy::Condition::holds(double age_days) const {
    auto compare = [&](double value) {
        if (comparison == "NumericLessThan") return age_days < value;
        if (comparison == "NumericLessThanEquals") return age_days <= value;
        if (comparison == "NumericGreaterThan") return age_days > value;
        if (comparison == "NumericGreaterThanEquals") return age_days >= value;
        return age_days == value;
    };
    bool any = std::any_of(values.begin(), values.end(), compare);
    return comparison == "NumericNotEquals" ? !any : any;
}

bool LockPolicy::denies_deletion(std::string_view arn, std::int64_t age_days) const {
    return std::any_of(denials_.begin(), denials_.end(), [&](const Denial& denial) {
        bool here = std::any_of(denial.resources.begin(), denial.resources.end(),
                                [&](const std::string& resource) { return matches_pattern(arn, resource); });
        return here && std::all_of(denial.conditions.begin(), denial.conditions.end(),
                                   [&](const Condition& condition) {
                                       return condition.holds(static_cast<double>(age_days));
                                   });
    });
}

}  // namespace icecore::sim::glacier
