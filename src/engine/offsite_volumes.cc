#include "engine/offsite_volumes.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "archive/volume.h"
#include "base/error.h"
#include "base/text.h"
#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"
#include "engine/serial_observer.h"

namespace icecore::engine {
namespace {

/// One volume at the target, which is used by one thread at a time.
class OffsiteVolume final : public archive::VolumeBytes {
  public:
    OffsiteVolume(std::unique_ptr<store::Target> target, store::ObjectRef object, std::uint64_t size_bytes)
        : target_(std::move(target)), object_(std::move(object)), size_bytes_(size_bytes) {}

    std::uint64_t size_bytes() const override { return size_bytes_; }

    std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const override {
        std::uint64_t there = offset < size_bytes_ ? size_bytes_ - offset : 0;
        auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, there));
        if (wanted == 0) return 0;
        std::size_t done = 0;
        std::lock_guard lock(mutex_);
        target_->read({object_, offset, wanted, {}},
                      [&](std::string_view piece) { done += piece.copy(buffer + done, wanted - done); });
        return done;
    }

  private:
    mutable std::mutex mutex_;  // guards target_
    std::unique_ptr<store::Target> target_;
    store::ObjectRef object_;
    std::uint64_t size_bytes_;
};

/// The id under which the target knows the file, as far as the outbox remembers.
std::string object_id(const SetOptions& set, const std::string& target, const std::string& name) {
    try {
        auto outbox = catalog::Outbox::open_read_only(join_path(set.backup_dir, kOutboxName));
        std::optional<catalog::OutboxItem> item = outbox->find(target, name);
        return item ? item->object_id : "";
    } catch (const Error&) {
        return {};  // the name may be enough
    }
}

}  // namespace

std::optional<archive::VolumeSource> offsite_volumes(const Environment& env, const SetOptions& set,
                                                     Observer& observer) {
    auto serial = std::make_shared<SerialObserver>(observer);
    std::unique_ptr<store::Target> target = open_target(env, set, *serial);
    if (target == nullptr) return std::nullopt;
    std::string identity = target->identity();
    auto open = [&env, &set, serial, identity](const archive::VolumeInfo& volume) {
        std::unique_ptr<store::Target> own = open_target(env, set, *serial);
        store::ObjectRef object{volume.name, object_id(set, identity, volume.name)};
        std::optional<store::ObjectInfo> info = own->stat(object);
        if (!info) throw Error(Error::Kind::not_found, "it is not there");
        if (!info->readable)
            throw Error(
                Error::Kind::not_ready,
                "it must be thawed before it can be read; the same command, run again, has it thawed");
        return std::unique_ptr<archive::VolumeBytes>(
            std::make_unique<OffsiteVolume>(std::move(own), std::move(object), info->size_bytes));
    };
    return archive::VolumeSource{identity, std::move(open)};
}

archive::VolumeSource frozen_volumes(std::string identity) {
    auto open = [](const archive::VolumeInfo&) -> std::unique_ptr<archive::VolumeBytes> {
        throw Error(Error::Kind::not_ready, "it must be thawed first, which --from remote does");
    };
    return {std::move(identity), open};
}

}  // namespace icecore::engine
