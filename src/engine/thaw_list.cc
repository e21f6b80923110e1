#include "engine/thaw_list.h"

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/remote_volumes.h"

namespace icecore::engine {

using catalog::Thaw;

namespace {

/// Brings the rows that were asked for up to what the target says.
void look(store::Target& target, std::vector<Thaw>& all, catalog::Thaws& ledger) {
    std::vector<store::AskedThaw> asked;
    std::vector<Thaw*> rows;
    for (Thaw& thaw : all) {
        if (thaw.state != Thaw::State::asked) continue;
        rows.push_back(&thaw);
        asked.push_back({{{thaw.name, thaw.object_id},
                          thaw.offset,
                          thaw.length_bytes,
                          static_cast<store::ThawTier>(thaw.tier)},
                         thaw.ticket});
    }
    if (asked.empty()) return;
    std::vector<store::ThawState> states = target.poll_thaws(asked);
    CHECK(states.size() == rows.size());
    ledger.at_once([&] {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (states[i].phase == store::ThawState::Phase::pending) continue;
            bool ready = states[i].phase == store::ThawState::Phase::ready;
            rows[i]->state = ready ? Thaw::State::ready : Thaw::State::wanted;  // the next restore asks again
            rows[i]->until = states[i].until;
            rows[i]->message = states[i].message;
            ledger.update(*rows[i]);
        }
    });
}

}  // namespace

std::vector<Thaw> list_thaws(const Environment& env, const SetOptions& set, bool ask_target,
                             const Fetch::OpenTarget& open_target, Observer& observer) {
    std::string path = join_path(set.backup_dir, kThawsName);
    if (!path_exists(path)) return {};
    std::unique_ptr<store::Target> target = open_target(observer);
    if (target == nullptr) return {};
    if (!ask_target) return catalog::Thaws::open_read_only(path)->all(target->identity());
    std::unique_ptr<catalog::Thaws> thaws = open_thaws(set, observer);
    std::vector<Thaw> all;
    try {
        SetLock lock(env, set.backup_dir, SetActivity::fetch);
        all = thaws->all(target->identity());
        look(*target, all, *thaws);
        return all;
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::corrupt) throw;
        observer.warning(format("{}; shown is what was known before", e.message()));
    }
    return thaws->all(target->identity());
}

}  // namespace icecore::engine
