#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::sim::glacier {

/// A vault lock policy, as far as it bears on the deletion of archives: statements that deny
/// glacier:DeleteArchive, always or by a numeric comparison of glacier:ArchiveAgeInDays. Whom a statement is
/// for (Principal) is not looked at: everybody.
class LockPolicy {
  public:
    /// Throws ApiError for what is no policy, and for conditions of other kinds in a statement that denies
    /// deletions: better refused than not heeded.
    static LockPolicy parse(std::string_view text);

    /// Whether an archive in the vault `arn` that is `age_days` old must not be deleted.
    bool denies_deletion(std::string_view arn, std::int64_t age_days) const;

  private:
    struct Condition {
        std::string comparison;  ///< "NumericLessThan"
        std::vector<double> values;
        bool holds(double age_days) const;
    };
    struct Denial {
        std::vector<std::string> resources;
        std::vector<Condition> conditions;
    };
    std::vector<Denial> denials_;
};

}  // namespace icecore::sim::glacier
