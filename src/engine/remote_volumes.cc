#include "engine/remote_volumes.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "archive/manifest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"

namespace icecore::engine {
namespace {

/// The ids of the target's objects by name, as far as the outbox knows.
std::map<std::string, std::string> object_ids(const SetOptions& set, const std::string& target) {
    std::map<std::string, std::string> ids;
    try {
        for (catalog::OutboxItem& item :
             catalog::Outbox::open_read_only(join_path(set.backup_dir, kOutboxName))->items(target))
            if (!item.object_id.empty()) ids.emplace(std::move(item.name), std::move(item.object_id));
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found) throw;
    }
    return ids;
}

/// The frame tables of a run's manifest, by volume; empty if it cannot be read.
std::map<std::uint32_t, std::vector<archive::FrameSize>> frame_tables(const std::string& manifest) {
    std::map<std::uint32_t, std::vector<archive::FrameSize>> tables;
    try {
        archive::ManifestReader reader(manifest);
        while (auto line = reader.next())
            if (auto* frames = std::get_if<archive::ManifestFrames>(&*line))
                tables[frames->volume] = std::move(frames->frames);
    } catch (const Error&) {
        tables.clear();  // then volumes were fetched whole, with the tables that they have
    }
    return tables;
}

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
    return options;
}

RemoteVolumes::RemoteVolumes(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                             FetchOptions options, Observer& observer)
    : env_(env),
      set_(set),
      catalog_(catalog),
      observer_(observer),
      dir_(join_path(set.backup_dir, kThawedName)),
      target_name_(open_target(env, set, observer)->identity()),
      thaws_(open_thaws(set, observer)),
      fetch_(
          env, [this] { return open_target(env_, set_, observer_); }, *thaws_,
          with_directory(set, std::move(options)), observer) {}

void RemoteVolumes::want(const RemotePlan& plan) {
    std::map<std::string, std::string> ids = object_ids(set_, target_name_);
    std::vector<FetchRange> ranges;
    for (const WantedRange& range : plan.ranges) {
        auto id = ids.find(range.volume.name);
        if (id == ids.end())
            throw Error(
                Error::Kind::not_found,
                format("{} was not stored in {}, as far as is known here", range.volume.name, target_name_),
                "`icecore recover` learns from the target what it has");
        ranges.push_back(
            {{range.volume.name, id->second}, range.volume.stored_bytes, range.offset, range.length_bytes});
    }
    fetch_.want(ranges);
    plan_ = plan;
}

FetchState RemoteVolumes::run() {
    FetchState state = fetch_.run();
    if (state.complete()) complete_volumes();
    return state;
}

archive::VolumeSource RemoteVolumes::source() const {
    auto open = [staged = dir_, here = set_.backup_dir](const archive::VolumeInfo& volume) {
        std::string path = join_path(staged, volume.name);
        return archive::open_volume_file(path_exists(path) ? path : join_path(here, volume.name));
    };
    return {dir_, open};
}

void RemoteVolumes::complete_volumes() {
    for (std::size_t i = 0; i < plan_.ranges.size(); ++i) {
        const WantedRange& range = plan_.ranges[i];
        bool first = i == 0 || plan_.ranges[i - 1].volume.name != range.volume.name;
        if (!first || !path_exists(join_path(dir_, range.volume.name))) continue;
        bool whole = range.offset == 0 && range.length_bytes == range.volume.stored_bytes;
        if (whole && put_back(range.volume)) continue;
        if (!whole) write_seek_table(range.volume, range.run);
    }
}

void RemoteVolumes::write_seek_table(const archive::VolumeInfo& volume, catalog::RunNumber run_number) {
    std::optional<catalog::Run> run = catalog_.run(run_number);
    if (!run) return;
    archive::Compression::Method method = run->header.compression.method;
    ArchiveNames names =
        make_archive_names(set_.name, run_number, run->header.kind, run->header.started, method);
    auto tables = frame_tables(join_path(set_.backup_dir, names.manifest));
    auto found = tables.find(volume.number);
    if (found == tables.end()) return;
    std::string table = archive::encode_seek_table(method, found->second);
    if (table.size() > volume.stored_bytes) return;
    Fd fd = open_file(join_path(dir_, volume.name), O_WRONLY | O_NOFOLLOW);
    auto at = static_cast<off_t>(volume.stored_bytes - table.size());
    if (pwrite(fd.get(), table.data(), table.size(), at) != static_cast<ssize_t>(table.size()))
        throw_errno("writing " + join_path(dir_, volume.name));
}

/// A volume that came whole goes back to its place if that is empty. It has been made durable as it came.
bool RemoteVolumes::put_back(const archive::VolumeInfo& volume) {
    std::string staged = join_path(dir_, volume.name);
    std::string place = join_path(set_.backup_dir, volume.name);
    if (path_exists(place)) return false;
    Fd fd = open_file(staged, O_RDONLY | O_NOFOLLOW);
    if (hash_of(fd.get()) != volume.sha256) {
        observer_.warning(
            format("{} came from {}, but not with the SHA-256 that it had", volume.name, target_name_));
        return false;
    }
    if (renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0)
        throw_errno("moving " + staged + " to its place");
    sync_directory(set_.backup_dir);
    for (const catalog::Thaw& thaw : thaws_->all(target_name_))
        if (thaw.name == volume.name) thaws_->remove(thaw.id);
    return true;
}

void RemoteVolumes::remove() {
    for (const catalog::Thaw& thaw : thaws_->all(target_name_))
        if (thaw.state == catalog::Thaw::State::fetched || thaw.state == catalog::Thaw::State::failed)
            thaws_->remove(thaw.id);
    std::error_code ignored;
    for (const WantedRange& range : plan_.ranges)
        std::filesystem::remove(join_path(dir_, range.volume.name), ignored);
    std::filesystem::remove(dir_, ignored);  // if it is empty
}

}  // namespace icecore::engine
