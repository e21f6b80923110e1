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

/// What the target says of a row that was asked for. False: it is still under way.
bool look(store::Target& target, Thaw& thaw) {
    store::ThawRequest request{
        {thaw.name, thaw.object_id}, thaw.offset, thaw.length_bytes, static_cast<store::ThawTier>(thaw.tier)};
    store::ThawState state = target.poll_thaw(request, thaw.ticket);
    if (state.phase == store::ThawState::Phase::pending) return false;
    bool ready = state.phase == store::ThawState::Phase::ready;
    thaw.state = ready ? Thaw::State::ready : Thaw::State::wanted;  // the next restore asks again
    thaw.until = state.until;
    thaw.message = state.message;
    return true;
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
        for (Thaw& thaw : all)
            if (thaw.state == Thaw::State::asked && look(*target, thaw)) thaws->update(thaw);
        return all;
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::corrupt) throw;
        observer.warning(format("{}; shown is what was known before", e.message()));
    }
    return thaws->all(target->identity());
}

}  // namespace icecore::engine
