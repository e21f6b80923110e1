#include "store/s3_lifecycle.h"

#include <algorithm>
#include <cstdint>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "store/s3_thaws.h"

namespace icecore::store {
namespace {

using cloud::S3LifecycleRule;

/// Whoever finds backups deleted should have that long to bring them back.
constexpr unsigned kDaysToNotice = 14;

enum class Share : std::uint8_t { none, some, all };

bool one_begins_with_the_other(std::string_view a, std::string_view b) {
    return a.starts_with(b) || b.starts_with(a);
}

/// How many of the set's keys begin with `prefix`: "PREFIXset-000001-…", "PREFIXREADME.restore.txt".
Share share_of_prefix(std::string_view prefix, const S3SetPlace& place) {
    if (place.prefix.starts_with(prefix)) return Share::all;
    if (!prefix.starts_with(place.prefix)) return Share::none;
    std::string_view rest = prefix.substr(place.prefix.size());
    bool ours = one_begins_with_the_other(rest, place.set + "-") ||
                one_begins_with_the_other(rest, "README.restore.txt");
    return ours && rest.find('/') == std::string_view::npos ? Share::some : Share::none;
}

Share share_of(const S3LifecycleRule& rule, const S3SetPlace& place) {
    bool none = !rule.enabled || rule.tagged ||
                (rule.smaller_than_bytes && rule.larger_than_bytes &&
                 *rule.smaller_than_bytes <= *rule.larger_than_bytes + 1);
    if (none) return Share::none;
    Share share = share_of_prefix(rule.prefix, place);
    bool sizes = rule.larger_than_bytes.value_or(0) > 0 || rule.smaller_than_bytes;
    return share == Share::all && sizes ? Share::some : share;
}

/// "", " over 1 MiB", " under 128 KiB", " from …"
std::string sizes_of(const S3LifecycleRule& rule) {
    std::string out;
    if (rule.larger_than_bytes.value_or(0) > 0)
        out += format(" over {}", format_bytes(*rule.larger_than_bytes));
    if (rule.smaller_than_bytes)
        out += format("{} under {}", out.empty() ? "" : " and", format_bytes(*rule.smaller_than_bytes));
    return out;
}

TargetRemark remark_moves(const S3LifecycleRule& rule, const std::string& what, const std::string& ours) {
    std::string classes;
    for (const std::string& name : rule.moves_to)
        classes += (classes.empty() ? "" : ", then to ") + quotable(name);
    bool cold = std::any_of(rule.moves_to.begin(), rule.moves_to.end(), is_cold_class);
    return {format("{} moves {} to {}", what, ours, classes),
            cold ? "manifests and logs must stay readable at once: set storage_class instead"
                 : "each move is paid for: set storage_class instead"};
}

}  // namespace

std::vector<TargetRemark> lifecycle_remarks(const std::vector<S3LifecycleRule>& rules,
                                            const S3SetPlace& place) {
    std::vector<TargetRemark> out;
    for (const S3LifecycleRule& rule : rules) {
        Share share = share_of(rule, place);
        if (share == Share::none) continue;
        std::string what = format("lifecycle rule \"{}\" of bucket {}", quotable(rule.id), place.bucket);
        std::string ours = (share == Share::some ? "some of our objects" : "our objects") + sizes_of(rule);
        if (rule.expires)
            out.push_back(
                {format("{} deletes {}", what, ours), "take the rule away, or give it another prefix"});
        if (!rule.moves_to.empty()) out.push_back(remark_moves(rule, what, ours));
        if (rule.noncurrent_days && *rule.noncurrent_days < kDaysToNotice)
            out.push_back({format("{} removes what somebody has deleted of {} after {} days for good", what,
                                  ours, *rule.noncurrent_days),
                           format("give old versions {} days: until then what was deleted can be restored",
                                  kDaysToNotice)});
    }
    return out;
}

}  // namespace icecore::store
