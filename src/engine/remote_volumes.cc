#include "engine/remote_volumes.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "archive/frame.h"
#include "archive/seek_table.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/outbox.h"
#include "engine/parallel.h"

namespace icecore::engine {
namespace {

/// The ids of the target's objects by name, as far as the outbox knows; empty where the name is enough.
std::map<std::string, std::string> object_ids(const SetOptions& set, const std::string& target) {
    std::map<std::string, std::string> ids;
    try {
        for (catalog::OutboxItem& item :
             catalog::Outbox::open_read_only(join_path(set.backup_dir, kOutboxName))->items(target))
            if (item.state == catalog::OutboxItem::State::stored || !item.object_id.empty())
                ids.emplace(std::move(item.name), std::move(item.object_id));
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found) throw;
    }
    return ids;
}

/// A range of a volume that is to be checked, and what was found.
struct Check {
    const WantedVolume* volume = nullptr;
    ByteRange range;
    std::string damage = {};
};

/// Expands each frame that lies wholly in the range. A range that was fetched in pieces may begin and end
/// within a frame; that is checked when it is read.
void check_range(const std::string& dir, Check& check) {
    const WantedVolume& volume = *check.volume;
    std::unique_ptr<archive::VolumeBytes> bytes = archive::open_volume_file(join_path(dir, volume.info.name));
    std::string stored;
    std::string raw(archive::kFrameBytesMax, '\0');
    std::uint64_t end = check.range.offset + check.range.length_bytes;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < volume.frames.size() && at < end; at += volume.frames[i++].stored_bytes) {
        const archive::FrameSize& frame = volume.frames[i];
        if (at < check.range.offset || at + frame.stored_bytes > end) continue;
        stored.resize(frame.stored_bytes);
        try {
            stored.resize(bytes->read(stored.data(), stored.size(), at));
            archive::decode_frame(volume.method, stored, std::span(raw).first(frame.raw_bytes));
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt) throw;
            check.damage = format("frame {} at offset {} came damaged: {}", i, at, e.message());
            return;
        }
    }
}

bool is_whole(const WantedVolume& volume) {
    return volume.ranges.front().length_bytes == volume.info.stored_bytes;
}

[[noreturn]] void throw_not_fetched() {
    throw Error(Error::Kind::not_found, "what is needed of it could not be fetched");
}

/// A volume in the staging directory, which may not have come wholly.
class StagedVolume final : public archive::VolumeBytes {
  public:
    StagedVolume(std::unique_ptr<archive::VolumeBytes> bytes, std::vector<ByteRange> missing)
        : bytes_(std::move(bytes)), missing_(std::move(missing)) {}

    std::uint64_t size_bytes() const override { return bytes_->size_bytes(); }
    std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const override {
        for (const ByteRange& range : missing_)
            if (offset < range.offset + range.length_bytes && range.offset < offset + size)
                throw_not_fetched();
        return bytes_->read(buffer, size, offset);
    }

  private:
    std::unique_ptr<archive::VolumeBytes> bytes_;
    std::vector<ByteRange> missing_;
};

Digest hash_of(int fd) {
    Sha256 sha;
    std::string buffer(1 << 20, '\0');
    for (std::uint64_t at = 0;;) {
        std::size_t got = pread_full(fd, buffer.data(), buffer.size(), at);
        if (got == 0) return sha.finish();
        sha.update({buffer.data(), got});
        at += got;
    }
}

}  // namespace

std::unique_ptr<catalog::Thaws> open_thaws(const SetOptions& set, Observer& observer) {
    std::string path = join_path(set.backup_dir, kThawsName);
    try {
        return catalog::Thaws::open(path);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        observer.warning(format("{}; it is made anew", e.message()));
        put_aside(path, kDamagedSuffix);
        return catalog::Thaws::open(path);
    }
}

FetchOptions RemoteVolumes::with_directory(const SetOptions& set, FetchOptions options) {
    options.dir = join_path(set.backup_dir, kThawedName);
    options.poll_seconds = set.target.poll_seconds;
    options.thaw_days = set.target.thaw_days;
    return options;
}

RemoteVolumes::RemoteVolumes(const Environment& env, const SetOptions& set, Fetch::OpenTarget open_target,
                             FetchOptions options, Observer& observer)
    : env_(env),
      set_(set),
      lock_(env, set.backup_dir, SetActivity::fetch),
      dir_(join_path(set.backup_dir, kThawedName)),
      target_name_(open_target(observer)->identity()),
      thaws_(open_thaws(set, observer)),
      fetch_(env, std::move(open_target), *thaws_, with_directory(set, std::move(options)), observer) {}

void RemoteVolumes::want(RemotePlan plan) {
    std::map<std::string, std::string> ids = object_ids(set_, target_name_);
    plan_ = {};
    for (WantedVolume& volume : plan.volumes) {
        if (ids.contains(volume.info.name))
            plan_.volumes.push_back(std::move(volume));
        else
            not_offsite_.push_back(volume.info.name);
    }
    if (plan_.volumes.empty() && !not_offsite_.empty())
        throw Error(Error::Kind::not_found, not_offsite(not_offsite_.front()),
                    "`icecore recover` learns from the target what it has");
    std::vector<FetchRange> ranges;
    for (const WantedVolume& volume : plan_.volumes)
        for (const ByteRange& range : volume.ranges)
            ranges.push_back({{volume.info.name, ids.at(volume.info.name)},
                              volume.info.stored_bytes,
                              range.offset,
                              range.length_bytes});
    fetch_.want(ranges);
}

std::string RemoteVolumes::not_offsite(const std::string& volume) const {
    return format("{} was not stored in {}, as far as is known here", volume, target_name_);
}

FetchState RemoteVolumes::run() {
    FetchState state = fetch_.run();
    std::transform(not_offsite_.begin(), not_offsite_.end(),
                   std::inserter(state.problems, state.problems.begin()),
                   [this](const std::string& name) { return not_offsite(name); });
    if (!state.ended()) return state;
    if (state.complete()) check_frames(state);
    for (const WantedVolume& volume : plan_.volumes) {
        if (!is_whole(volume) || !fetch_.missing(volume.info.name).empty()) write_seek_table(volume);
        if (state.complete() && goes_back(volume)) put_back(volume, state);
    }
    return state;
}

/// Its place in the backup directory is empty, and all of it was wanted.
bool RemoteVolumes::goes_back(const WantedVolume& volume) const {
    return is_whole(volume) && !path_exists(join_path(set_.backup_dir, volume.info.name));
}

archive::VolumeSource RemoteVolumes::source() const {
    return {dir_, [this](const archive::VolumeInfo& volume) { return open(volume); }};
}

std::unique_ptr<archive::VolumeBytes> RemoteVolumes::open(const archive::VolumeInfo& volume) const {
    auto wanted =
        std::find_if(plan_.volumes.begin(), plan_.volumes.end(),
                     [&](const WantedVolume& candidate) { return candidate.info.name == volume.name; });
    if (std::find(not_offsite_.begin(), not_offsite_.end(), volume.name) != not_offsite_.end())
        throw_not_fetched();
    if (wanted == plan_.volumes.end())
        throw Error(Error::Kind::not_ready, "it must be thawed first, which --from remote does");
    std::string staged = join_path(dir_, volume.name);
    if (!path_exists(staged)) {
        if (!fetch_.missing(volume.name).empty()) throw_not_fetched();
        return archive::open_volume_file(join_path(set_.backup_dir, volume.name));
    }
    return std::make_unique<StagedVolume>(archive::open_volume_file(staged), missing(*wanted));
}

/// Ranges of a staged volume that hold nothing: but for its seek table, which is written here.
std::vector<ByteRange> RemoteVolumes::missing(const WantedVolume& volume) const {
    std::uint64_t end = volume.info.stored_bytes;
    if (!volume.frames.empty()) end -= archive::seek_table_bytes(volume.method, volume.frames.size());
    std::vector<ByteRange> out;
    for (const FetchRange& range : fetch_.missing(volume.info.name))
        if (range.offset < end)
            out.push_back({range.offset, std::min(range.length_bytes, end - range.offset)});
    return out;
}

/// Without a look at what came, damage would be found file by file, and stay here for the next restore.
void RemoteVolumes::check_frames(FetchState& state) {
    std::size_t volume = 0;
    std::size_t range = 0;
    auto take = [&]() -> std::shared_ptr<Check> {
        for (; volume < plan_.volumes.size(); ++volume, range = 0) {
            const WantedVolume& wanted = plan_.volumes[volume];
            bool checkable = wanted.method != archive::Compression::Method::none && !wanted.frames.empty();
            if (checkable && !goes_back(wanted) && range < wanted.ranges.size())
                return std::make_shared<Check>(Check{&wanted, wanted.ranges[range++]});
        }
        return nullptr;
    };
    auto finish = [&](const Check& check) {
        if (check.damage.empty()) return;
        const std::string& name = check.volume->info.name;
        fetch_.discard(name, check.range.offset, check.range.length_bytes);
        state.problems.push_back(format("{}: {}", name, check.damage));
    };
    for_each_job<Check>(
        env_.threads, take, [this](Check& check) { check_range(dir_, check); }, finish);
}

void RemoteVolumes::write_seek_table(const WantedVolume& volume) const {
    std::string path = join_path(dir_, volume.info.name);
    if (volume.frames.empty()) return;
    std::string table = archive::encode_seek_table(volume.method, volume.frames);
    if (!path_exists(path) || table.size() > volume.info.stored_bytes) return;
    Fd fd = open_file(path, O_WRONLY | O_NOFOLLOW);
    pwrite_full(fd.get(), table, volume.info.stored_bytes - table.size());
}

/// It has been made durable as it came.
void RemoteVolumes::put_back(const WantedVolume& volume, FetchState& state) {
    const std::string& name = volume.info.name;
    std::string staged = join_path(dir_, name);
    std::string place = join_path(set_.backup_dir, name);
    Fd fd = open_file(staged, O_RDONLY | O_NOFOLLOW);
    if (hash_of(fd.get()) != volume.info.sha256) {
        fetch_.discard(name, 0, volume.info.stored_bytes);
        state.problems.push_back(
            format("{}: what came from {} does not have the SHA-256 that was stored", name, target_name_));
        return;
    }
    if (renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0) {
        if (errno == EXDEV)
            return;  // somebody gave the staging directory a disk of its own: it is read there
        throw_errno("moving " + staged + " to its place");
    }
    sync_directory(set_.backup_dir);
    for (const catalog::Thaw& thaw : thaws_->all(target_name_))
        if (thaw.name == name) thaws_->remove(thaw.id);
}

/// What another restore wants stays.
void RemoteVolumes::remove() {
    fetch_.forget();
    std::set<std::string> wanted_by_others;
    for (catalog::Thaw& thaw : thaws_->all(target_name_)) wanted_by_others.insert(std::move(thaw.name));
    std::error_code ignored;
    for (const WantedVolume& volume : plan_.volumes)
        if (!wanted_by_others.contains(volume.info.name))
            std::filesystem::remove(join_path(dir_, volume.info.name), ignored);
    std::filesystem::remove(dir_, ignored);  // if it is empty
}

}  // namespace icecore::engine
