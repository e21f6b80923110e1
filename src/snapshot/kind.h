#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/process.h"
#include "snapshot/options.h"
#include "snapshot/place.h"

namespace icecore::snapshot {

/// Runs another program to its end, as base/process.h does.
using RunProcess = std::function<ProcessResult(const Process&)>;

/// Which snapshot: enough to find it again after a crash.
struct Note {
    Kind kind = Kind::none;
    std::string name;
    std::string where;  ///< btrfs: a device; zfs: a dataset; lvm: a volume group
    std::string id;     ///< btrfs: the file system's id, as another one may have got the device; else empty
};

/// One way to make snapshots. Implementations: btrfs.cc, zfs.cc, lvm.cc. One thread at a time.
class Maker {
  public:
    virtual ~Maker() = default;

    /// Makes sure that snapshots of `place` can be made, as far as that can be known before, and says where
    /// they will be: `name` is left empty. Throws Error with a hint: invalid (another file system), denied,
    /// not_found (a program is missing), io.
    virtual Note prepare(const Place& place) = 0;

    /// Makes the snapshot `note` of `place`. Throws Error; something may have been made nevertheless.
    virtual void create(const Place& place, const Note& note) = 0;

    /// The directory of `place` in its snapshot, open for reading. Throws Error.
    virtual Fd open(const Place& place, const Note& note) = 0;

    /// Throws Error if the snapshot has lost what it held.
    virtual void check(const Note& note) = 0;

    /// Removes the snapshot; none of its files is open any more. Nothing happens if it is not there. Throws
    /// Error; also if what is there under the name was not made by icecore (then it stays).
    virtual void remove(const Note& note) = 0;

    /// Inode number of the directories that stand in a snapshot for what it does not hold; 0: there are none.
    virtual std::uint64_t absent_inode() const { return 0; }
};

/// `run` is called by those that need programs, and must outlive the maker. Not for Kind::none.
std::unique_ptr<Maker> make_maker(const Options& options, const RunProcess& run);

std::unique_ptr<Maker> make_btrfs_maker();
std::unique_ptr<Maker> make_zfs_maker(const RunProcess& run);
std::unique_ptr<Maker> make_lvm_maker(const Options& options, const RunProcess& run);

/// The kind that suits the file system of `place`, or none.
Kind fitting_kind(const Place& place);

/// Throws Error{invalid}: `place` does not lie on what `kind` makes snapshots of. The hint names what would
/// do.
[[noreturn]] void refuse_place(const Place& place, Kind kind, std::string_view needed);

/// Runs a program with plain English messages. Throws Error if it cannot be run.
ProcessResult run_tool(const RunProcess& run, std::vector<std::string> words, std::string_view package);
/// The same; returns what it printed. Throws Error, with what it says, if it fails.
std::string run_tool_well(const RunProcess& run, std::vector<std::string> words, std::string_view package);

}  // namespace icecore::snapshot
