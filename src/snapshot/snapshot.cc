#include "snapshot/snapshot.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "snapshot/ledger.h"
#include "snapshot/name.h"

namespace icecore::snapshot {
namespace {

void strike_out(const World& world, const Note& note) {
    std::vector<Note> notes = read_ledger(world.backup_dir);
    std::erase_if(notes, [&](const Note& other) { return other.name == note.name; });
    write_ledger(world.fs, world.backup_dir, notes);
}

void remove_noted(const World& world, const Note& note) {
    make_maker({.kind = note.kind}, world.run_process)->remove(note);
    strike_out(world, note);
}

}  // namespace

Snapshot::Snapshot(World world, const Options& options, int data)
    : world_(std::move(world)), maker_(make_maker(options, world_.run_process)), place_(find_place(data)) {
    note_ = maker_->prepare(place_);
    note_.name = make_name(world_.set, world_.clock.now(), world_.random);
    note_down();
    standing_ = true;
    try {
        taken_at_ = world_.clock.now();
        maker_->create(place_, note_);
        root_ = maker_->open(place_, note_);
        FileStat stat;
        if (!stat_at(root_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining the snapshot");
        if (stat.ino != place_.stat.ino)
            throw Error(
                Error::Kind::transient,
                format("another directory than {} is in its place in the snapshot", escape_path(place_.path)),
                "was it moved just now? Try again");
    } catch (const Error&) {
        try {
            release();
        } catch (const Error&) {
            standing_ = false;  // the note stays, and the first error says more
        }
        throw;
    }
}

Snapshot::~Snapshot() {
    try {
        release();
    } catch (const Error&) {
        return;  // the note stays: the next run tries again
    }
}

void Snapshot::note_down() {
    std::vector<Note> notes = read_ledger(world_.backup_dir);
    notes.push_back(note_);
    write_ledger(world_.fs, world_.backup_dir, notes);
}

void Snapshot::check() const {
    maker_->check(note_);
}

void Snapshot::release() {
    if (!std::exchange(standing_, false)) return;
    root_.reset();
    try {
        maker_->remove(note_);
        strike_out(world_, note_);
    } catch (Error& e) {
        e.add_context(format("removing the snapshot {}", note_.name));
        throw;
    }
}

Leftovers remove_leftovers(const World& world) {
    Leftovers out;
    for (const Note& note : read_ledger(world.backup_dir)) {
        try {
            remove_noted(world, note);
            out.removed.push_back(note.name);
        } catch (const Error& e) {
            out.problems.push_back(format("the snapshot {} of an interrupted run cannot be removed: {}",
                                          note.name, e.message()));
        }
    }
    return out;
}

void check_possible(const Options& options, const RunProcess& run_process, int data) {
    make_maker(options, run_process)->prepare(find_place(data));
}

}  // namespace icecore::snapshot
