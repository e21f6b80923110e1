// Snapshots of LVM's logical volumes, thick and thin, by lvm(8). They are mounted read-only, and nowhere.

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/text.h"
#include "base/units.h"
#include "snapshot/detached_mount.h"
#include "snapshot/kind.h"

namespace icecore::snapshot {
namespace {

constexpr std::string_view kPackage = "lvm2";
/// A tag of our snapshots: it tells them from what others may make under such a name.
constexpr const char* kTag = "icecore";

/// What `lvs` says of one logical volume.
struct Volume {
    std::string group;
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t group_free_bytes = 0;
    std::string layout;  ///< "linear", "thin,sparse", …
    std::string device;
    bool invalid = false;  ///< a snapshot whose room is full: all that it held is lost
};

std::uint64_t to_number(const std::string& text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::vector<Volume> parse_volumes(const std::string& report) {
    std::vector<Volume> volumes;
    try {
        const Json document = parse_json(report);
        for (const Json& part : document.at("report"))
            for (const Json& row : part.at("lv"))
                volumes.push_back({.group = row.at("vg_name").get<std::string>(),
                                   .name = row.at("lv_name").get<std::string>(),
                                   .bytes = to_number(row.at("lv_size").get<std::string>()),
                                   .group_free_bytes = to_number(row.at("vg_free").get<std::string>()),
                                   .layout = row.at("lv_layout").get<std::string>(),
                                   .device = row.at("lv_dm_path").get<std::string>(),
                                   .invalid = row.at("lv_snapshot_invalid").get<std::string>() == "1"});
    } catch (const Json::exception&) {
        throw Error(Error::Kind::unsupported, "`lvs` answers in an unknown form: " + quotable(report));
    }
    return volumes;
}

/// How a snapshot of such a file system is mounted: as it is, without replaying a journal, since it cannot be
/// written. LVM froze the file system while it made the snapshot, so that there is nothing to replay.
struct FileSystemType {
    std::string_view name;
    std::vector<std::pair<std::string, std::string>> options;
};

const FileSystemType* find_type(std::string_view name) {
    static const std::array<FileSystemType, 4> kTypes = {{{"ext2", {}},
                                                          {"ext3", {{"noload", ""}}},
                                                          {"ext4", {{"noload", ""}}},
                                                          {"xfs", {{"nouuid", ""}, {"norecovery", ""}}}}};
    for (const FileSystemType& type : kTypes)
        if (type.name == name) return &type;
    return nullptr;
}

class LvmMaker final : public Maker {
  public:
    LvmMaker(const Options& options, const RunProcess& run) : options_(options), run_(run) {}

    Note prepare(const Place& place) override {
        if (place.type == "btrfs" || place.type == "zfs")
            refuse_place(place, Kind::lvm,
                         "a logical volume with a file system that has no snapshots itself");
        std::vector<Volume> found = volumes(format("lv_kernel_major={} && lv_kernel_minor={}",
                                                   place.stat.dev >> 32, place.stat.dev & 0xffffffff));
        if (found.size() != 1) refuse_place(place, Kind::lvm, "a logical volume");
        origin_ = found[0];
        if (find_type(place.type) == nullptr)
            throw Error(Error::Kind::unsupported,
                        format("snapshots of {} on logical volumes cannot be mounted by icecore", place.type),
                        "ext2, ext3, ext4 and xfs can");
        if (!is_thin() && room_bytes() > origin_.group_free_bytes)
            throw Error(Error::Kind::io,
                        format("volume group {} has {} free, and the snapshot needs {}", origin_.group,
                               format_bytes(origin_.group_free_bytes), format_bytes(room_bytes())),
                        "free some, or set `snapshot_size`: as much as may change while a backup reads");
        return {.kind = Kind::lvm, .name = {}, .where = origin_.group, .id = {}};
    }

    void create(const Place&, const Note& note) override {
        std::vector<std::string> words = {"lvcreate", "--snapshot", "--permission", "r",
                                          "--name",   note.name,    "--addtag",     kTag};
        if (is_thin())
            words.insert(words.end(), {"--setactivationskip", "n"});
        else if (options_.room_bytes > 0)
            words.insert(words.end(), {"--size", format("{}b", options_.room_bytes)});
        else
            words.insert(words.end(), {"--extents", format("{}%ORIGIN", options_.room_percent)});
        words.push_back(origin_.group + "/" + origin_.name);
        tool(std::move(words));
    }

    Fd open(const Place& place, const Note& note) override {
        std::optional<Volume> volume = find(note);
        if (!volume) throw Error(Error::Kind::io, format("the snapshot {} has vanished", note.name));
        Fd root = mount_detached(
            {.type = place.type, .source = volume->device, .options = find_type(place.type)->options});
        Fd fd = open_beneath(root.get(), place.inside, O_RDONLY | O_DIRECTORY);
        if (!fd) throw_errno("opening the data directory in its snapshot");
        return fd;
    }

    void check(const Note& note) override {
        std::optional<Volume> volume = find(note);
        if (volume && !volume->invalid) return;
        throw Error(Error::Kind::io,
                    volume
                        ? format("the snapshot {} is full: too much has changed while it was read", note.name)
                        : format("the snapshot {} has vanished", note.name),
                    "set `snapshot_size` to more than may change while a backup reads");
    }

    void remove(const Note& note) override {
        std::optional<Volume> volume = find(note);
        if (volume) tool({"lvremove", "--yes", volume->group + "/" + volume->name});
    }

  private:
    bool is_thin() const { return origin_.layout.find("thin") != std::string::npos; }

    std::uint64_t room_bytes() const {
        return options_.room_bytes > 0 ? options_.room_bytes : origin_.bytes / 100 * options_.room_percent;
    }

    std::vector<Volume> volumes(const std::string& selection) {
        return parse_volumes(tool(
            {"lvs", "--reportformat", "json", "--binary", "--units", "b", "--nosuffix", "-o",
             "vg_name,lv_name,lv_size,vg_free,lv_layout,lv_dm_path,lv_snapshot_invalid", "-S", selection}));
    }

    /// Only with our tag.
    std::optional<Volume> find(const Note& note) {
        std::vector<Volume> found = volumes(
            format("vg_name=\"{}\" && lv_name=\"{}\" && lv_tags=\"{}\"", note.where, note.name, kTag));
        return found.size() == 1 ? std::optional(found[0]) : std::nullopt;
    }

    std::string tool(std::vector<std::string> words) {
        try {
            return run_tool_well(run_, std::move(words), kPackage);
        } catch (Error& e) {
            if (e.hint().empty()) e.set_hint("LVM needs root");
            throw;
        }
    }

    Options options_;
    const RunProcess& run_;
    Volume origin_;
};

}  // namespace

std::unique_ptr<Maker> make_lvm_maker(const Options& options, const RunProcess& run) {
    return std::make_unique<LvmMaker>(options, run);
}

}  // namespace icecore::snapshot
