#include "engine/run_recorder.h"

#include "base/text.h"
#include "engine/content.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

/// What the header says, without inode number and ctime, so that the next run looks at the file.
archive::ManifestEntry entry_of_member(const archive::TarMember& member, archive::TarReader& reader,
                                       const archive::Location& location) {
    archive::ManifestEntry entry;
    entry.path = archive::path_of_member(member.name);
    entry.stat.type = member.type;
    entry.stat.mode = member.mode;
    entry.stat.uid = member.uid;
    entry.stat.gid = member.gid;
    entry.stat.mtime = member.mtime;
    entry.stat.rdev_major = member.rdev_major;
    entry.stat.rdev_minor = member.rdev_minor;
    // A fifo or device may have more names, which restore must know when it meets the first.
    entry.stat.nlink = member.type == FileType::regular || member.type == FileType::directory ? 1 : 2;
    entry.racy = true;
    if (member.hard_link) {
        entry.stored = archive::Stored::link;
        entry.link_path = archive::path_of_member(member.link_target);
        return entry;
    }
    entry.metadata = member.metadata;
    if (member.type == FileType::directory) return entry;
    entry.location = location;
    entry.link_target = member.link_target;
    if (member.type != FileType::regular) return entry;
    entry.stat.size = member.size_bytes;
    entry.stored = member.sparse ? archive::Stored::sparse : archive::Stored::whole;
    Sha256 hash;
    if (member.sparse) hash.update(sparse_map_block(*member.sparse));
    std::string buffer(kReadBytes, '\0');
    while (std::size_t n = reader.read_content(buffer.data(), buffer.size())) hash.update({buffer.data(), n});
    entry.sha256 = hash.finish();
    return entry;
}

}  // namespace

RunRecorder::RunRecorder(const Environment& env, const std::string& backup_dir,
                         const std::string& manifest_name, catalog::Catalog& catalog,
                         const archive::ManifestHeader& header, report::RunLog* log)
    : env_(env),
      started_ns_(env.clock.monotonic_ns()),
      manifest_(env.fs, backup_dir, manifest_name),
      log_(log),
      writer_(catalog.begin_run(header)),
      adopted_(header.adopted.has_value()) {
    manifest_.write(header);
}

void RunRecorder::volume(const archive::VolumeInfo& volume, const std::vector<archive::FrameSize>& frames) {
    manifest_.write(archive::ManifestFrames{volume.number, frames});
    manifest_.write(volume);
    trailer_.volumes.push_back(volume);
    trailer_.counts.stored_bytes += volume.stored_bytes;
}

void RunRecorder::rename(const archive::ManifestRename& rename) {
    manifest_.write(rename);
    writer_->rename(rename);
    ++trailer_.counts.renamed;
}

void RunRecorder::anew(const archive::ManifestAnew& anew) {
    manifest_.write(anew);
}

void RunRecorder::remove(const archive::ManifestDelete& deletion) {
    if (std::optional<catalog::Entry> old = writer_->find(deletion.path)) {
        if (log_ != nullptr) log_->deleted(deletion.path, old->stat);
        if (old->stat.type != FileType::directory) ++trailer_.counts.deleted;
    }
    manifest_.write(deletion);
    writer_->remove(deletion);
}

void RunRecorder::problem(const archive::ManifestError& error) {
    manifest_.write(error);
    if (log_ != nullptr) log_->problem(error.path, error.message);
    ++trailer_.counts.errors;
}

void RunRecorder::put(const archive::ManifestEntry& entry) {
    std::optional<catalog::Entry> old = writer_->find(entry.path);
    // Which names of a file may keep its old bytes was decided for all of them. Part of that would mislead
    // the next run, which looks at those again that are known as linked.
    if (entry.stored == archive::Stored::earlier && old && old->stat.nlink > 1) return;
    bool directory = entry.stat.type == FileType::directory;
    if (!directory) ++(old ? trailer_.counts.changed : trailer_.counts.added);
    if (log_ != nullptr && !old) log_->added(entry.path, entry.stat);
    if (log_ != nullptr && old && !directory) log_->changed(entry.path, entry.stat, old->stat.size);
    bool stored = entry.stored == archive::Stored::whole || entry.stored == archive::Stored::sparse;
    if (stored) trailer_.counts.read_bytes += entry.stat.size;
    manifest_.write(entry);
    writer_->put(entry);
}

void RunRecorder::put_directory(const archive::ManifestEntry& entry) {
    manifest_.write(entry);
    writer_->put(entry);
}

void RunRecorder::put_member(const archive::TarMember& member, archive::TarReader& reader,
                             const archive::Location& location, std::uint64_t ino) {
    archive::ManifestEntry entry = entry_of_member(member, reader, location);
    entry.stat.ino = ino;
    entry.coarse = adopted_ && reader.has_coarse_time();
    std::optional<catalog::Entry> leader;
    if (entry.stored == archive::Stored::link) leader = writer_->find(entry.link_path);
    if (leader) {
        entry.stat = leader->stat;  // tar does not say of what type a linked file is
        entry.coarse = leader->coarse;
    }
    put(entry);
}

archive::ManifestTrailer RunRecorder::seal() {
    count_tree();
    trailer_.finished = env_.clock.now();
    if (log_ != nullptr)
        log_->finish(trailer_, static_cast<double>(env_.clock.monotonic_ns() - started_ns_) / 1e9);
    manifest_.write(trailer_);
    manifest_.seal();
    writer_->commit(trailer_);
    return trailer_;
}

void RunRecorder::count_tree() {
    archive::RunCounts& counts = trailer_.counts;
    std::vector<std::string> waiting = {""};
    while (!waiting.empty()) {
        std::string dir = std::move(waiting.back());
        waiting.pop_back();
        ++counts.directories;
        writer_->list(dir, [&](const catalog::Entry& child) {
            if (child.node != 0) {
                waiting.push_back(join_path(dir, child.name));
                return;
            }
            ++counts.files;
            counts.tree_bytes += child.stat.size;
        });
    }
}

}  // namespace icecore::engine
