#include "store/s3_thaws.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace icecore::store {
namespace {

using cloud::S3RestoreAnswer;
using cloud::S3Tier;
using Answer = S3Features::Answer;
using Phase = ThawState::Phase;

/// So many are asked one by one: a listing costs as much as some ten of them, and may be of many pages.
constexpr std::size_t kLooksMax = 4;
constexpr std::int64_t kDaySec = 86'400;

S3Tier tier_of(ThawTier tier) {
    switch (tier) {
        case ThawTier::bulk:
            return S3Tier::bulk;
        case ThawTier::standard:
            return S3Tier::standard;
        default:
            return S3Tier::expedited;
    }
}

/// A copy goes at the first midnight after its days.
Timestamp end_of_copy(Timestamp now, unsigned days) {
    std::int64_t sec = now.sec + days * kDaySec;
    return {(sec + kDaySec - 1) / kDaySec * kDaySec, 0};
}

}  // namespace

bool is_cold_class(std::string_view storage_class) {
    return storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE";
}

bool S3Thaws::is_readable(std::string_view storage_class,
                          const std::optional<cloud::S3Restore>& restore) const {
    return state_of(storage_class, restore).phase == Phase::ready;
}

ThawState S3Thaws::state_of(std::string_view storage_class,
                            const std::optional<cloud::S3Restore>& restore) const {
    ThawState state;
    if (!is_cold_class(storage_class) || features_.get().restores == Answer::no) return state;
    if (restore && restore->in_progress) {
        state.phase = Phase::pending;
    } else if (restore && (!restore->until || *restore->until > clock_.now())) {
        state.until = restore->until;
    } else {
        state.phase = Phase::failed;
        state.message = "there is no copy to read (any more)";
    }
    return state;
}

ThawState S3Thaws::request(const std::string& key, const std::string& version_id,
                           const ThawRequest& request) {
    ThawState state;
    if (features_.get().restores == Answer::no) return state;
    S3RestoreAnswer answer =
        client_.restore_object(key, version_id, std::max(1U, request.days), tier_of(request.tier));
    const bool unknown = answer == S3RestoreAnswer::unknown_to_store;
    if (features_.get().restores == Answer::unknown)
        features_.learn(
            [&](S3Features& features) { features.restores = unknown ? Answer::no : Answer::yes; });
    else if (unknown)  // one that knew how has something else in its way
        throw Error(Error::Kind::transient, format("thawing {}: the store says that it cannot", key));
    switch (answer) {
        case S3RestoreAnswer::accepted:
        case S3RestoreAnswer::in_progress:
            state.phase = Phase::pending;
            break;
        case S3RestoreAnswer::there_already:
            state.until = end_of_copy(clock_.now(), std::max(1U, request.days));
            break;
        case S3RestoreAnswer::not_now:
            state.phase = Phase::failed;
            state.message =
                "the service has no capacity for expedited retrievals now; ask later, or by a slower tier";
            break;
        default:
            break;  // it can be read as it is
    }
    return state;
}

void S3Thaws::poll(const std::string& prefix, std::vector<Asked> asked,
                   const std::function<std::optional<cloud::S3Head>(const Asked&)>& look) {
    if (features_.get().restores == Answer::no) return;  // ready, as they are made
    std::sort(asked.begin(), asked.end(), [](const Asked& a, const Asked& b) { return a.key < b.key; });
    bool listed = asked.size() > kLooksMax && features_.get().lists_restores != Answer::no;
    if (listed) poll_listed(prefix, asked);
    for (const Asked& one : asked) {
        std::optional<cloud::S3Head> head = look(one);
        if (listed && head && head->restore && features_.get().lists_restores == Answer::unknown)
            features_.learn([](S3Features& features) { features.lists_restores = Answer::no; });
        *one.state = head ? state_of(head->storage_class, head->restore)
                          : ThawState{Phase::failed, {}, "there is no such object", {}};
    }
}

/// Fills in what a listing tells; in `asked` stays what it does not.
void S3Thaws::poll_listed(const std::string& prefix, std::vector<Asked>& asked) {
    // The listing begins after a key, so after the beginning of the first one that is wanted.
    std::string after = asked.front().key.substr(0, asked.front().key.size() - 1);
    std::vector<Asked> left;
    std::size_t next = 0;
    client_.list_objects(prefix, after, [&](const cloud::S3Object& object) {
        for (; next < asked.size() && asked[next].key < object.key; ++next) left.push_back(asked[next]);
        if (object.restore && features_.get().lists_restores == Answer::unknown)
            features_.learn([](S3Features& features) { features.lists_restores = Answer::yes; });
        for (; next < asked.size() && asked[next].key == object.key; ++next) {
            ThawState state = state_of(object.storage_class, object.restore);
            // Where a listing may say nothing of restores, that it does not is no answer.
            bool sure = state.phase != Phase::failed || features_.get().lists_restores == Answer::yes;
            if (sure)
                *asked[next].state = state;
            else
                left.push_back(asked[next]);
        }
        return next < asked.size();
    });
    left.insert(left.end(), asked.begin() + static_cast<std::ptrdiff_t>(next), asked.end());
    asked = std::move(left);
}

}  // namespace icecore::store
