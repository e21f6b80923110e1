// Snapshots of ZFS datasets, by zfs(8); they are read below .zfs/snapshot of the dataset.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "snapshot/kind.h"

namespace icecore::snapshot {
namespace {

constexpr std::string_view kPackage = "zfsutils-linux";
/// A property of our snapshots: their own name. It tells them from what others may make under such a name.
constexpr const char* kProperty = "icecore:snapshot";

std::string full_name(const Note& note) {
    return note.where + "@" + note.name;
}

class ZfsMaker final : public Maker {
  public:
    explicit ZfsMaker(const RunProcess& run) : run_(run) {}

    Note prepare(const Place& place) override {
        if (place.type != "zfs") refuse_place(place, Kind::zfs, "a ZFS dataset");
        if (place.whole_at.empty())
            throw Error(Error::Kind::invalid,
                        format("the dataset {} is mounted only in part, so its snapshots cannot be reached",
                               place.source),
                        "mount it as a whole, too");
        tool({"zfs", "list", "-H", "-o", "name", "-t", "filesystem", place.source});
        return {.kind = Kind::zfs, .name = {}, .where = place.source, .id = {}};
    }

    void create(const Place&, const Note& note) override {
        try {
            tool({"zfs", "snapshot", "-o", format("{}={}", kProperty, note.name), full_name(note)});
        } catch (Error& e) {
            e.set_hint("run icecore as root, or `zfs allow` its user snapshot, destroy, mount and userprop");
            throw;
        }
    }

    Fd open(const Place& place, const Note& note) override {
        std::string path = join_path(place.whole_at, ".zfs/snapshot/" + note.name);
        if (!place.inside.empty()) path = join_path(path, place.inside);
        try {
            return open_file(path, O_RDONLY | O_DIRECTORY);
        } catch (Error& e) {
            e.add_context("opening the data directory in its snapshot")
                .set_hint("`zfs get snapdir` must not say \"disabled\"");
            throw;
        }
    }

    void check(const Note&) override {}  // it shares the pool's space, and never loses what it holds

    void remove(const Note& note) override {
        ProcessResult known =
            run_tool(run_, {"zfs", "get", "-H", "-o", "value", kProperty, full_name(note)}, kPackage);
        if (!known.succeeded()) {
            if (known.err.find("does not exist") != std::string::npos) return;
            throw Error(Error::Kind::io, format("looking for {}: {}", full_name(note), quotable(known.err)));
        }
        while (known.out.ends_with('\n')) known.out.pop_back();
        if (known.out != note.name)
            throw Error(Error::Kind::exists,
                        format("{} has no property {} with its name, and stays", full_name(note), kProperty));
        tool({"zfs", "destroy", full_name(note)});
    }

  private:
    std::string tool(std::vector<std::string> words) {
        return run_tool_well(run_, std::move(words), kPackage);
    }

    const RunProcess& run_;
};

}  // namespace

std::unique_ptr<Maker> make_zfs_maker(const RunProcess& run) {
    return std::make_unique<ZfsMaker>(run);
}

}  // namespace icecore::snapshot
