#include "sim/s3/lifecycle_rules.h"

#include <algorithm>

#include "sim/s3/restore_times.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kSmallBytes = 128 << 10;
constexpr std::int64_t kDaySec = 86400;

/// Things happen at the first midnight of the age.
Timestamp due_time(const LifecycleAge& age, Timestamp from) {
    if (age.date) return std::max(*age.date, from);
    return next_midnight({from.sec + static_cast<std::int64_t>(age.days) * kDaySec, from.nsec});
}

/// Looks for the action that is due first; of several at a time the one that goes furthest.
class Search {
  public:
    Search(const Lifecycle& lifecycle, const std::string& key, const Versions& versions, Timestamp now)
        : lifecycle_(lifecycle), key_(key), versions_(versions), now_(now) {}

    std::optional<LifecycleAction> find() {
        for (const LifecycleRule& rule : lifecycle_.rules) {
            if (!rule.enabled || !key_.starts_with(rule.prefix)) continue;
            current(rule);
            for (std::size_t i = 0; i + 1 < versions_.size(); ++i) noncurrent(rule, i);
        }
        return best_;
    }

  private:
    static bool concerns(const LifecycleRule& rule, const Version& version) {
        return (!rule.larger_than_bytes || version.size_bytes > *rule.larger_than_bytes) &&
               (!rule.smaller_than_bytes || version.size_bytes < *rule.smaller_than_bytes) &&
               std::all_of(rule.tags.begin(), rule.tags.end(), [&](const auto& tag) {
                   auto found = version.attributes.tags.find(tag.first);
                   return found != version.attributes.tags.end() && found->second == tag.second;
               });
    }

    void current(const LifecycleRule& rule) {
        const Version& version = versions_.back();
        if (version.delete_marker) {
            bool lone = versions_.size() == 1;
            if (lone && (rule.removes_lone_markers || rule.expiration))
                offer(LifecycleAction::What::remove, version,
                      due_time(rule.expiration.value_or(LifecycleAge{}), version.created));
            return;
        }
        if (!concerns(rule, version)) return;
        for (const LifecycleMove& move : rule.moves) offer_move(rule, move, version, version.created);
        if (rule.expiration)
            offer(LifecycleAction::What::expire, version, due_time(*rule.expiration, version.created));
    }

    void noncurrent(const LifecycleRule& rule, std::size_t index) {
        const Version& version = versions_[index];
        Timestamp since = versions_[index + 1].created;
        std::uint64_t newer = versions_.size() - 2 - index;
        if (!version.delete_marker && !concerns(rule, version)) return;
        if (!version.delete_marker)
            for (const LifecycleMove& move : rule.noncurrent_moves)
                if (newer >= move.newer_kept) offer_move(rule, move, version, since);
        const std::optional<LifecycleMove>& expiration = rule.noncurrent_expiration;
        if (!expiration || newer < expiration->newer_kept || version.attributes.legal_hold) return;
        Timestamp due = due_time(expiration->age, since);
        const Retention& retention = version.attributes.retention;
        if (retention.mode != RetentionMode::none) due = std::max(due, next_midnight(retention.until));
        offer(LifecycleAction::What::remove, version, due);
    }

    void offer_move(const LifecycleRule& rule, const LifecycleMove& move, const Version& version,
                    Timestamp from) {
        if (move.to <= version.attributes.storage_class) return;
        bool sized = rule.larger_than_bytes || rule.smaller_than_bytes;
        bool small_ones = sized || (lifecycle_.moves_small_archives && is_archived(move.to));
        if (version.size_bytes < kSmallBytes && !small_ones) return;
        offer(LifecycleAction::What::move, version, due_time(move.age, from), move.to);
    }

    void offer(LifecycleAction::What what, const Version& version, Timestamp due,
               StorageClass to = StorageClass::standard) {
        due = std::max(due, lifecycle_.since);
        if (due > now_) return;
        auto furthest = [](const LifecycleAction& action) { return std::pair(action.what, action.to); };
        LifecycleAction offered{what, due, version.id, to};
        if (!best_ || due < best_->due || (due == best_->due && furthest(offered) > furthest(*best_)))
            best_ = offered;
    }

    const Lifecycle& lifecycle_;
    const std::string& key_;
    const Versions& versions_;
    Timestamp now_;
    std::optional<LifecycleAction> best_;
};

}  // namespace

std::optional<LifecycleAction> next_action(const Lifecycle& lifecycle, const std::string& key,
                                           const Versions& versions, Timestamp now) {
    return Search(lifecycle, key, versions, now).find();
}

std::optional<Timestamp> abort_time(const Lifecycle& lifecycle, const Upload& upload) {
    std::optional<Timestamp> out;
    for (const LifecycleRule& rule : lifecycle.rules) {
        if (!rule.enabled || !rule.abort_days || !upload.key.starts_with(rule.prefix)) continue;
        Timestamp due = std::max(due_time({*rule.abort_days}, upload.initiated), lifecycle.since);
        out = out ? std::min(*out, due) : due;
    }
    return out;
}

}  // namespace icecore::sim::s3
