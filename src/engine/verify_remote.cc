#include "engine/verify_remote.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;

/// How long before the moment of a list something may have been stored and still not be in it: a vault's
/// inventory is made about once a day.
constexpr std::int64_t kListLagSeconds = 24 * 3600;

class RemoteVerification {
  public:
    RemoteVerification(const Environment& env, const SetOptions& set, store::Target& target,
                       Observer& observer, const std::function<void(const Finding&)>& on_finding)
        : env_(env),
          set_(set),
          target_(target),
          target_name_(target.identity()),
          observer_(observer),
          on_finding_(on_finding) {}

    RemoteVerifyResult run() {
        std::vector<SealedFile> files = sealed_files(set_, open_catalog(env_, set_, observer_)->runs());
        outbox_ = open_outbox(set_, observer_);
        for (OutboxItem& item : outbox_->items(target_name_)) items_.emplace(item.name, std::move(item));
        result_.as_of = target_.list(store::ListScope::this_set, [this](const store::ObjectInfo& info) {
            listed_[info.ref.name].push_back(info);
        });
        Progress progress;
        progress.phase = Progress::Phase::verifying;
        progress.files_total = files.size();
        std::set<std::string, std::less<>> expected;
        for (const SealedFile& file : files) {
            expected.insert(file.name);
            check(file);
            ++progress.files;
            progress.bytes = result_.bytes;
            observer_.progress(progress);
        }
        for (const auto& [name, infos] : listed_)
            if (!expected.contains(name) && name != kReadmeName)
                tell(Finding::Severity::remark, 0, name, "it is offsite, but nothing here knows it",
                     "of a run that was removed here, or of another machine of the same name?");
        return result_;
    }

  private:
    void tell(Finding::Severity severity, catalog::RunNumber run, const std::string& name,
              std::string message, std::string hint) {
        ++(severity == Finding::Severity::problem ? result_.problems : result_.remarks);
        on_finding_({severity, run, name, std::nullopt, std::move(message), std::move(hint)});
    }

    const OutboxItem* item_of(const std::string& name) const {
        auto found = items_.find(name);
        return found == items_.end() ? nullptr : &found->second;
    }

    void check(const SealedFile& file) {
        auto listed = listed_.find(file.name);
        const OutboxItem* item = item_of(file.name);
        bool stored = item != nullptr && item->state == OutboxItem::State::stored;
        if (listed != listed_.end()) {
            compare(file, item, listed->second);
        } else if (!stored) {
            ++result_.waiting;
        } else if (result_.as_of && item->stored_at.sec > result_.as_of->sec - kListLagSeconds) {
            ++result_.unlisted;
        } else {
            lost(file, "it is not offsite any more");
        }
    }

    void lost(const SealedFile& file, std::string message) {
        if (file.here) outbox_->set_waiting(target_name_, file.name);
        tell(Finding::Severity::problem, file.run, file.name, std::move(message),
             file.here ? "`icecore upload` stores it again" : "it is not in the backup directory either");
    }

    void compare(const SealedFile& file, const OutboxItem* item,
                 const std::vector<store::ObjectInfo>& infos) {
        const store::ObjectInfo* same = nullptr;
        std::string difference = "it is offsite, but cannot be compared with anything here";
        for (const store::ObjectInfo& info : infos) {
            difference = difference_of(file, item, info);
            if (!difference.empty()) continue;
            same = &info;
            break;
        }
        if (same == nullptr) {
            lost(file, difference);
            return;
        }
        ++result_.files;
        result_.bytes += same->size_bytes;
        if (item != nullptr &&
            (item->state != OutboxItem::State::stored || item->object_id != same->ref.id) &&
            item->state != OutboxItem::State::discarded)
            outbox_->set_stored(target_name_, file.name, same->ref.id,
                                same->stored_at.value_or(env_.clock.now()));
        if (infos.size() > 1)
            tell(Finding::Severity::remark, file.run, file.name,
                 format("it is offsite {} times", infos.size()), "one is enough; each is paid for");
    }

    /// Empty if it is the same.
    std::string difference_of(const SealedFile& file, const OutboxItem* item, const store::ObjectInfo& info) {
        bool volume = file.part == OutboxItem::Part::volume;
        if (!volume && item == nullptr) return {};  // a log or manifest of which no digest is known
        std::uint64_t size = volume ? file.size_bytes : item->size_bytes;
        const Digest& sha = volume ? file.sha256 : item->sha256;
        const Digest& tree = volume ? file.tree_hash : item->tree_hash;
        if (info.size_bytes != size)
            return format("it has {} bytes offsite instead of {}", info.size_bytes, size);
        if (!info.tree_hash.empty()) return info.tree_hash == tree ? "" : "it has another tree hash offsite";
        if (!info.sha256.empty()) return info.sha256 == sha ? "" : "it has another SHA-256 offsite";
        if (target_.capabilities().thaw_needed) return {};
        try {
            target_.verify(info.ref, size, sha, tree);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::not_found) throw;
            return e.message();
        }
        return {};
    }

    const Environment& env_;
    const SetOptions& set_;
    store::Target& target_;
    std::string target_name_;
    Observer& observer_;
    const std::function<void(const Finding&)>& on_finding_;
    std::unique_ptr<catalog::Outbox> outbox_;
    std::map<std::string, OutboxItem, std::less<>> items_;
    std::map<std::string, std::vector<store::ObjectInfo>, std::less<>> listed_;
    RemoteVerifyResult result_;
};

}  // namespace

RemoteVerifyResult verify_remote(const Environment& env, const SetOptions& set, store::Target& target,
                                 Observer& observer, const std::function<void(const Finding&)>& on_finding) {
    return RemoteVerification(env, set, target, observer, on_finding).run();
}

}  // namespace icecore::engine
