#include "engine/verify_remote.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "engine/backup_dir.h"
#include "engine/catalog_snapshot.h"
#include "engine/object_locks.h"
#include "engine/offsite.h"
#include "engine/serial_observer.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;
using store::ObjectInfo;

/// How long before the moment of a list something may have been stored and still not be in it: a vault's
/// inventory is made about once a day.
constexpr std::int64_t kListLagSeconds = 24 * 3600;
/// Requests for one object's headers at a time.
constexpr unsigned kLooksAtATime = 16;

/// Services leave out the name of their usual class.
std::string_view class_name(std::string_view storage_class) {
    return storage_class.empty() ? "STANDARD" : storage_class;
}

class RemoteVerification {
  public:
    RemoteVerification(const Environment& env, const SetOptions& set, const OpenTarget& open_target,
                       Observer& observer, const std::function<void(const Finding&)>& on_finding)
        : env_(env),
          set_(set),
          open_target_(open_target),
          observer_(observer),
          target_(open_target(observer_)),
          target_name_(target_->identity()),
          abilities_(target_->capabilities()),
          on_finding_(on_finding) {}

    RemoteVerifyResult run() {
        std::vector<catalog::Run> runs = open_catalog(env_, set_, observer_)->runs();
        std::vector<SealedFile> files = sealed_files(set_, runs);
        if (wants_locks()) locks_needed_ = locks_needed(runs, set_.target.object_lock->days);
        outbox_ = open_outbox(set_, observer_);
        for (OutboxItem& item : outbox_->items(target_name_)) items_.emplace(item.name, std::move(item));
        result_.as_of = target_->list(store::ListScope::this_set, [this](const ObjectInfo& info) {
            listed_[info.ref.name].push_back(info);
        });
        look_at_each(files);
        std::set<std::string, std::less<>> expected;
        for (const SealedFile& file : files) {
            expected.insert(file.name);
            check(file);
            tell_progress(files.size());
        }
        for (const auto& [name, infos] : listed_)
            if (!expected.contains(name) && name != kReadmeName && !parse_snapshot_name(set_.name, name))
                tell(Finding::Severity::remark, 0, name, "it is offsite, but nothing here knows it",
                     "of a run that was removed here, or of another machine of the same name?");
        tell_unseen();
        sum_up_snapshots(runs);
        return result_;
    }

  private:
    bool wants_locks() const { return set_.target.object_lock && abilities_.locks; }

    void tell(Finding::Severity severity, catalog::RunNumber run, const std::string& name,
              std::string message, std::string hint) {
        ++(severity == Finding::Severity::problem ? result_.problems : result_.remarks);
        on_finding_({severity, run, name, std::nullopt, std::move(message), std::move(hint)});
    }
    void tell_progress(std::size_t files) {
        Progress progress;
        progress.phase = Progress::Phase::verifying;
        progress.files = ++looked_;
        progress.files_total = abilities_.lists_digests ? files : 2 * files;
        progress.bytes = result_.bytes;
        observer_.progress(progress);
    }

    /// Completes what the list tells of the files that are looked for.
    void look_at_each(const std::vector<SealedFile>& files) {
        if (abilities_.lists_digests && !wants_locks()) return;
        std::vector<ObjectInfo*> infos;
        for (const SealedFile& file : files)
            if (auto listed = listed_.find(file.name); listed != listed_.end())
                for (ObjectInfo& info : listed->second) infos.push_back(&info);
        std::mutex mutex;
        std::atomic<bool> stopping = false;
        for_each_with_target(open_target_, observer_, infos, kLooksAtATime, stopping,
                             [&](store::Target& target, ObjectInfo* info) {
                                 std::optional<ObjectInfo> more;
                                 try {
                                     more = target.stat(info->ref);
                                 } catch (const Error& e) {
                                     // A key that stores may not be allowed to read. The list is what is
                                     // left.
                                     if (e.kind() != Error::Kind::denied) throw;
                                     bool lock_known = wants_locks() && look_at_lock(target, *info);
                                     std::lock_guard lock(mutex);
                                     if (!lock_known) unseen_locks_.insert(info->ref.name);
                                     unseen_.insert(info->ref.name);
                                     unseen_hint_ = e.hint();
                                     tell_progress(files.size());
                                     return;
                                 }
                                 std::lock_guard lock(mutex);
                                 if (more)
                                     *info = *more;
                                 else
                                     gone_.insert(info->ref.name);  // just now
                                 tell_progress(files.size());
                             });
        for (const std::string& name : gone_) listed_.erase(name);
    }

    /// Of an object that may not be looked at; false if its lock may not be looked at either.
    static bool look_at_lock(store::Target& target, ObjectInfo& info) {
        try {
            info.locked_until = target.locked_until(info.ref);
            return true;
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::denied) throw;
            return false;
        }
    }

    const OutboxItem* item_of(const std::string& name) const {
        auto found = items_.find(name);
        return found == items_.end() ? nullptr : &found->second;
    }

    void check(const SealedFile& file) {
        auto listed = listed_.find(file.name);
        const OutboxItem* item = item_of(file.name);
        bool stored = item != nullptr && item->state == OutboxItem::State::stored;
        SafeSnapshot& safety = safety_[file.run];
        if (listed != listed_.end()) {
            compare(file, item, listed->second, safety);
            return;
        }
        safety.complete = false;
        safety.locked_until.reset();
        if (!stored)
            ++result_.waiting;
        else if (result_.as_of && item->stored_at.sec > result_.as_of->sec - kListLagSeconds)
            ++result_.unlisted;
        else
            lost(file, "it is not offsite any more");
    }

    void tell_unseen() {
        if (unseen_.empty()) return;
        std::string of_what = unseen_.size() == 1
                                  ? std::string("the checksum of this file")
                                  : format("the checksums of this file and {} more", unseen_.size() - 1);
        tell(Finding::Severity::remark, 0, *unseen_.begin(),
             of_what + " may not be looked at with this key: only sizes and storage classes were compared",
             unseen_hint_.empty() ? "a key that may read sees them" : unseen_hint_);
    }

    void lost(const SealedFile& file, std::string message, bool other_is_there = false) {
        if (file.here) outbox_->set_waiting(target_name_, file.name);
        std::string hint = "it is not in the backup directory either";
        if (file.here && other_is_there && target_->capabilities().replaces)
            hint = "remove what is there in its place; then `icecore upload` stores it again";
        else if (file.here)
            hint = "`icecore upload` stores it again";
        tell(Finding::Severity::problem, file.run, file.name, std::move(message), std::move(hint));
    }

    void compare(const SealedFile& file, const OutboxItem* item, const std::vector<ObjectInfo>& infos,
                 SafeSnapshot& safety) {
        const ObjectInfo* same = nullptr;
        std::string difference;
        for (const ObjectInfo& info : infos) {
            difference = difference_of(file, item, info);
            if (!difference.empty()) continue;
            same = &info;
            break;
        }
        if (same == nullptr) {
            safety.complete = false;
            safety.locked_until.reset();
            lost(file, difference, true);
            return;
        }
        remember(file, item, *same);
        check_lock(file, *same, safety);
        check_class(file, *same);
        if (infos.size() > 1)
            tell(Finding::Severity::remark, file.run, file.name,
                 format("it is offsite {} times", infos.size()), "one is enough; each is paid for");
        if (same->deleted) {
            tell(Finding::Severity::problem, file.run, file.name,
                 "somebody deleted it offsite: only its old version is left, which restore and recover read",
                 "remove the delete marker there, before a rule removes old versions");
            return;
        }
        ++result_.files;
        result_.bytes += same->size_bytes;
    }

    void remember(const SealedFile& file, const OutboxItem* item, const ObjectInfo& info) {
        if (unseen_.contains(file.name)) return;
        if (item == nullptr || item->state == OutboxItem::State::discarded) return;
        if (item->state != OutboxItem::State::stored || item->object_id != info.ref.id)
            outbox_->set_stored(target_name_, file.name, info.ref.id,
                                info.stored_at.value_or(env_.clock.now()));
        if (abilities_.locks && item->locked_until != info.locked_until)
            outbox_->set_locked(target_name_, file.name, info.locked_until);
    }

    void check_lock(const SealedFile& file, const ObjectInfo& info, SafeSnapshot& safety) {
        if (!info.locked_until || !safety.locked_until)
            safety.locked_until.reset();
        else
            safety.locked_until = std::min(*safety.locked_until, *info.locked_until);
        if (unseen_locks_.contains(file.name)) return;
        auto needed = locks_needed_.find(file.run);
        if (needed == locks_needed_.end() || needed->second <= env_.clock.now()) return;
        if (info.locked_until && *info.locked_until >= needed->second) return;
        std::string until = format_local(needed->second);
        tell(Finding::Severity::problem, file.run, file.name,
             info.locked_until ? format("it is locked offsite until {} only, not until {}",
                                        format_local(*info.locked_until), until)
                               : format("it is not locked offsite, and should be until {}", until),
             "`icecore upload` locks it");
    }

    void check_class(const SealedFile& file, const ObjectInfo& info) {
        bool volume = file.part == OutboxItem::Part::volume;
        auto temperature = volume ? store::Temperature::cold : store::Temperature::hot;
        std::string_view wanted = abilities_.storage_classes.at(static_cast<std::size_t>(temperature));
        if (wanted.empty() || class_name(info.storage_class) == wanted) return;
        std::string message = format("it is in storage class {} offsite, and was put into {}",
                                     class_name(info.storage_class), wanted);
        if (!volume && !info.readable)
            tell(Finding::Severity::problem, file.run, file.name,
                 message + ": `icecore recover` would have to thaw it",
                 "a lifecycle rule of the bucket must have moved it; let it spare manifests and logs");
        else
            tell(Finding::Severity::remark, file.run, file.name, std::move(message),
                 "a lifecycle rule of the bucket may have moved it, or the configuration was changed since");
    }

    /// Empty if it is the same.
    std::string difference_of(const SealedFile& file, const OutboxItem* item, const ObjectInfo& info) {
        bool volume = file.part == OutboxItem::Part::volume;
        if (!volume && item == nullptr) return {};  // a log or manifest of which no digest is known
        std::uint64_t size = volume ? file.size_bytes : item->size_bytes;
        const Digest& sha = volume ? file.sha256 : item->sha256;
        const Digest& tree = volume ? file.tree_hash : item->tree_hash;
        if (info.size_bytes != size)
            return format("it has {} bytes offsite instead of {}", info.size_bytes, size);
        if (!info.sha256.empty() && info.sha256 != sha) return "it has another SHA-256 offsite";
        if (!info.tree_hash.empty()) return info.tree_hash == tree ? "" : "it has another tree hash offsite";
        if (!info.sha256.empty()) return {};
        if (unseen_.contains(info.ref.name)) return {};
        if (!abilities_.lists_digests)
            return "no checksum of ours is with it offsite: icecore did not put it there";
        if (abilities_.thaw_needed) return {};
        try {
            target_->verify(info.ref, size, sha, tree);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::not_found) throw;
            return e.message();
        }
        return {};
    }

    /// A restore point needs its run's files and those of all runs before it in its chain.
    void sum_up_snapshots(const std::vector<catalog::Run>& runs) {
        std::map<catalog::RunNumber, SafeSnapshot> of_chain;
        for (const catalog::Run& run : runs) {
            auto own = safety_.find(run.number());
            SafeSnapshot here = own == safety_.end() ? SafeSnapshot{} : own->second;
            here.run = run.number();
            auto [before, first] = of_chain.emplace(run.header.chain, here);
            if (!first) {
                here.complete = here.complete && before->second.complete;
                bool both = here.locked_until && before->second.locked_until;
                if (both)
                    here.locked_until = std::min(*here.locked_until, *before->second.locked_until);
                else
                    here.locked_until.reset();
                before->second = here;
            }
            result_.snapshots.push_back(here);
        }
        for (SafeSnapshot& snapshot : result_.snapshots)
            if (snapshot.locked_until == kForever) snapshot.locked_until.reset();
    }

    static constexpr Timestamp kForever = {INT64_MAX, 0};

    /// Of one run's own files. Its map gives a new one the neutral values.
    struct Unharmed : SafeSnapshot {
        Unharmed() : SafeSnapshot{0, true, kForever} {}
    };

    const Environment& env_;
    const SetOptions& set_;
    const OpenTarget& open_target_;
    SerialObserver observer_;
    std::unique_ptr<store::Target> target_;
    std::string target_name_;
    store::Capabilities abilities_;
    const std::function<void(const Finding&)>& on_finding_;
    std::unique_ptr<catalog::Outbox> outbox_;
    std::map<std::string, OutboxItem, std::less<>> items_;
    std::map<std::string, std::vector<ObjectInfo>, std::less<>> listed_;
    std::set<std::string> gone_;
    std::set<std::string> unseen_;        ///< of which only the list tells
    std::set<std::string> unseen_locks_;  ///< those of them of whose lock nothing is known
    std::string unseen_hint_;
    std::map<catalog::RunNumber, Timestamp> locks_needed_;
    std::map<catalog::RunNumber, Unharmed> safety_;
    std::uint64_t looked_ = 0;
    RemoteVerifyResult result_;
};

}  // namespace

RemoteVerifyResult verify_remote(const Environment& env, const SetOptions& set, const OpenTarget& open_target,
                                 Observer& observer, const std::function<void(const Finding&)>& on_finding) {
    return RemoteVerification(env, set, open_target, observer, on_finding).run();
}

}  // namespace icecore::engine
