#include "engine/thaw_list.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"
#include "engine/remote_volumes.h"

namespace icecore::engine {

std::vector<catalog::Thaw> list_thaws(const Environment& env, const SetOptions& set, bool ask_target,
                                      Observer& observer) {
    using catalog::Thaw;
    if (!path_exists(join_path(set.backup_dir, kThawsName))) return {};
    std::unique_ptr<store::Target> target = open_target(env, set, observer);
    if (target == nullptr) return {};
    std::unique_ptr<catalog::Thaws> thaws = open_thaws(set, observer);
    std::vector<Thaw> all = thaws->all(target->identity());
    for (Thaw& thaw : all) {
        if (!ask_target || thaw.state != Thaw::State::asked) continue;
        store::ThawRequest request{{thaw.name, thaw.object_id},
                                   thaw.offset,
                                   thaw.length_bytes,
                                   static_cast<store::ThawTier>(thaw.tier)};
        store::ThawState state = target->poll_thaw(request, thaw.ticket);
        if (state.phase == store::ThawState::Phase::pending) continue;
        bool ready = state.phase == store::ThawState::Phase::ready;
        thaw.state = ready ? Thaw::State::ready : Thaw::State::wanted;  // the next restore asks again
        thaw.until = state.until;
        thaw.message = state.message;
        if (!ready) thaw.ticket.clear();
        thaws->update(thaw);
    }
    return all;
}

}  // namespace icecore::engine
