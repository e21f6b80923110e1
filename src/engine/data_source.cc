#include "engine/data_source.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/format.h"

namespace icecore::engine {
namespace {

Fd open_data_directory(const SetOptions& set) {
    try {
        return open_file(set.data_dir, O_RDONLY | O_DIRECTORY);
    } catch (Error& e) {
        e.add_context("data directory")
            .set_hint("is the disk mounted? `data` in the config names the directory");
        throw;
    }
}

snapshot::World world(const Environment& env, const SetOptions& set) {
    return {.clock = env.clock,
            .fs = env.fs,
            .run_process = env.run_process,
            .random = env.random ? env.random() : 0,
            .set = set.name,
            .backup_dir = set.backup_dir};
}

}  // namespace

DataSource::DataSource(const SetOptions& set) : set_(set), live_(open_data_directory(set)) {
    FileStat stat;
    if (!stat_at(live_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining the data directory");
    device_ = stat.dev;
}

void DataSource::freeze(const Environment& env) {
    if (set_.snapshot.kind == snapshot::Kind::none) return;
    try {
        snapshot_ = std::make_unique<snapshot::Snapshot>(world(env, set_), set_.snapshot, live_.get());
    } catch (Error& e) {
        e.add_context("no snapshot to back up");
        throw;
    }
}

DataRoot DataSource::root() const {
    if (snapshot_) return {snapshot_->root(), snapshot_->taken_at()};
    return {live_.get(), std::nullopt};
}

scan::WalkOptions DataSource::walk_options(const scan::WalkOptions& filters) const {
    scan::WalkOptions options = filters;
    if (snapshot_) {
        options.absent = snapshot_->place().mounts_below;
        options.absent_inode = snapshot_->absent_inode();
    }
    return options;
}

std::string DataSource::finish() {
    if (!snapshot_) return "";
    snapshot_->check();
    try {
        snapshot_->release();
        return "";
    } catch (const Error& e) {
        return format("{}; the next run tries again", e.message());
    }
}

snapshot::Leftovers remove_leftover_snapshots(const Environment& env, const SetOptions& set) {
    return snapshot::remove_leftovers(world(env, set));
}

void check_snapshots_possible(const Environment& env, const SetOptions& set) {
    snapshot::check_possible(set.snapshot, env.run_process, open_data_directory(set).get());
}

}  // namespace icecore::engine
