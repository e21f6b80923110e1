#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_document.h"

namespace icecore::sim {

/// Something that somebody wants to do.
struct PolicyRequest {
    std::string principal;  ///< "arn:aws:iam::123456789012:user/AKIDEXAMPLE"
    std::string action;     ///< "s3:PutObject"
    std::string resource;   ///< "arn:aws:s3:::bucket/key"
    /// What conditions are compared with, names in lower case: "s3:prefix". What the request does not have is
    /// not there.
    std::map<std::string, std::string> context = {};
};

/// A policy as IAM has them: statements that allow or deny actions on resources, under conditions.
///
/// Action, NotAction, Resource, NotResource, Principal (of resource policies: everybody, accounts or users by
/// ARN), and Condition with the comparisons of strings, numbers, dates, truth values, ARNs and Null. What
/// would not be heeded is refused: other comparisons, and keys that no request here ever has.
class Policy {
  public:
    enum class Kind : std::uint8_t { identity, resource };
    enum class Verdict : std::uint8_t { silent, allowed, denied };

    /// Throws Error{invalid} for what is no policy of the kind.
    static Policy parse(std::string_view text, Kind kind);

    Verdict decide(const PolicyRequest& request) const;
    const std::vector<std::string>& resources() const { return resources_; }

  private:
    struct Condition {
        std::string comparison;  ///< without "IfExists"
        bool if_exists = false;
        std::string key;  ///< in lower case
        std::vector<std::string> values;
        bool holds(const PolicyRequest& request) const;
    };
    struct Statement {
        bool allows = false;
        bool not_action = false;
        bool not_resource = false;
        std::vector<std::string> actions;     ///< in lower case
        std::vector<std::string> resources;   ///< empty with `not_resource` false: all
        std::vector<std::string> principals;  ///< "*" or ARNs; empty in identity policies
        std::vector<Condition> conditions;
        bool concerns(const PolicyRequest& request) const;
    };
    static Statement parse_statement(const Json& json, Kind kind);
    static std::vector<Condition> parse_conditions(const Json& json);

    std::vector<Statement> statements_;
    std::vector<std::string> resources_;  ///< of all statements
};

}  // namespace icecore::sim
