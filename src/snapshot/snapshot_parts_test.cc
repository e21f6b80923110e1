// Names, mountinfo, the ledger; and what is asked of zfs(8) and lvm(8), word by word.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/format.h"
#include "base/test_dir.h"
#include "snapshot/kind.h"
#include "snapshot/ledger.h"
#include "snapshot/name.h"
#include "snapshot/place.h"

namespace icecore::snapshot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Timestamp kWhen{1795913717, 0};

TEST(SnapshotName, IsUniqueBySetTimeAndChance) {
    EXPECT_EQ(make_name("home", kWhen, 0.5), "icecore-home-20261129T005517Z-80000000");
    EXPECT_TRUE(is_name(make_name("home", kWhen, 0)));
    EXPECT_TRUE(is_name("." + make_name("a-b", kWhen, 0.999999999999), kHiddenPrefix));
    std::string lengthy = make_name(std::string(100, '_'), kWhen, 0.1);
    EXPECT_LE(lengthy.size(), 70U);
    EXPECT_EQ(lengthy.find('_'), std::string::npos) << "LVM has names like _tmeta for itself";
    for (const char* other :
         {"icecore-20261129T005517Z-80000000", "icecore-home-20261129T005517Z-8000000g", "icecore",
          "icecore-home-20261329T005517Z-80000000", ".icecore-home-20261129T005517Z-80000000"})
        EXPECT_FALSE(is_name(other)) << other;
}

TEST(Place, IsFoundInMountinfo) {
    TestDir dir;
    std::filesystem::create_directories(dir.path("mnt of it/home/u"));
    std::string lines = format(
        "30 1 0:26 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "nonsense\n"
        "41 30 0:40 / /top rw - btrfs /dev/sd\\040b rw\n"
        "42 30 0:40 /@home {0}/mnt\\040of\\040it/home rw,relatime shared:2 master:7 - btrfs /dev/sd\\040b "
        "rw,space_cache\n"
        "43 42 0:41 / {0}/mnt\\040of\\040it/home/u/cache rw - tmpfs tmpfs rw\n"
        "45 42 0:40 /@home/u/itself {0}/mnt\\040of\\040it/home/u/itself ro - btrfs /dev/sd\\040b rw\n"
        "46 42 0:40 /@home/other {0}/mnt\\040of\\040it/home/u/other ro - btrfs /dev/sd\\040b rw\n"
        "44 30 0:41 / {0}/mnt\\040of\\040it/home/users rw - tmpfs tmpfs rw\n",
        dir.path());
    Fd fd = open_file(dir.path("mnt of it/home/u"), O_PATH | O_DIRECTORY);
    Place place = find_place(fd.get(), parse_mounts(lines), 42);
    EXPECT_EQ(place.path, dir.path("mnt of it/home/u"));
    EXPECT_EQ(place.type, "btrfs");
    EXPECT_EQ(place.source, "/dev/sd b");
    EXPECT_EQ(place.inside, "@home/u");
    EXPECT_EQ(place.whole_at, "/top");
    EXPECT_THAT(place.mounts_below, ElementsAre("cache", "other"));
    Place root = find_place(open_file("/", O_PATH | O_DIRECTORY).get(), parse_mounts(lines), 30);
    EXPECT_EQ(root.inside, "");
    EXPECT_THAT(root.mounts_below, ::testing::Contains("top"));
    EXPECT_THROW(find_place(fd.get(), parse_mounts(lines), 77), Error);
}

TEST(Ledger, KeepsNotesOfAnyBytesAndRefusesWhatIsNone) {
    TestDir dir;
    auto fs = make_file_system();
    EXPECT_TRUE(read_ledger(dir.path()).empty());
    Note a{Kind::btrfs, make_name("a", kWhen, 0.1), "/dev/a\tb\n\xff", "00ff"};
    Note b{Kind::lvm, make_name("b", kWhen, 0.2), "group", ""};
    write_ledger(*fs, dir.path(), {a, b});
    std::vector<Note> notes = read_ledger(dir.path());
    ASSERT_EQ(notes.size(), 2U);
    EXPECT_EQ(notes[0].where, a.where);
    EXPECT_EQ(notes[0].id, a.id);
    EXPECT_EQ(notes[1].kind, Kind::lvm);
    EXPECT_EQ(notes[1].name, b.name);
    write_ledger(*fs, dir.path(), {});
    EXPECT_FALSE(path_exists(dir.path(kLedgerName)));
    for (const char* bad :
         {"btrfs\n", "btrfs\thome\t/dev/sda\tid\n", "none\ticecore-a-20261129T005517Z-00000000\tx\t\n"}) {
        write_file_durably(*fs, dir.path(), std::string(kLedgerName), bad, true);
        EXPECT_THROW(read_ledger(dir.path()), Error) << bad;
    }
}

/// Notes what is run, and answers by the words.
struct Recorder {
    std::vector<std::string> commands;
    std::function<ProcessResult(const std::string& command)> answer = [](const std::string&) {
        return ProcessResult{};
    };
    RunProcess run = [this](const Process& process) {
        std::string command;
        for (const std::string& word : process.words) command += (command.empty() ? "" : " ") + word;
        commands.push_back(command);
        return answer(command);
    };
};

ProcessResult says(std::string out) {
    ProcessResult result;
    result.out = std::move(out);
    return result;
}
ProcessResult fails(std::string err) {
    ProcessResult result;
    result.status = 1;
    result.err = std::move(err);
    return result;
}

class Zfs : public ::testing::Test {
  protected:
    Zfs() {
        place_.path = "/home/u/docs";
        place_.type = "zfs";
        place_.source = "tank/home";
        place_.inside = "u/docs";
        place_.whole_at = dir_.path();
    }
    TestDir dir_;
    Place place_;
    Recorder recorder_;
    const std::string name_ = make_name("home", kWhen, 0.5);
};

TEST_F(Zfs, SnapshotIsMadeReadAndDestroyed) {
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::zfs}, recorder_.run);
    Note note = maker->prepare(place_);
    note.name = name_;
    recorder_.answer = [&](const std::string& command) {
        if (command.starts_with("zfs snapshot"))
            std::filesystem::create_directories(dir_.path(".zfs/snapshot/" + name_ + "/u/docs/here"));
        return says(command.starts_with("zfs get") ? name_ + "\n" : "");
    };
    maker->create(place_, note);
    Fd fd = maker->open(place_, note);
    FileStat stat;
    EXPECT_TRUE(stat_at(fd.get(), "here", stat));
    maker->check(note);
    maker->remove(note);
    EXPECT_THAT(recorder_.commands,
                ElementsAre("zfs list -H -o name -t filesystem tank/home",
                            "zfs snapshot -o icecore:snapshot=" + name_ + " tank/home@" + name_,
                            "zfs get -H -o value icecore:snapshot tank/home@" + name_,
                            "zfs destroy tank/home@" + name_));
}

TEST_F(Zfs, OthersSnapshotsStayAndWhatIsGoneIsGone) {
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::zfs}, recorder_.run);
    Note note{Kind::zfs, name_, "tank/home", ""};
    recorder_.answer = [](const std::string&) { return says("-\n"); };
    EXPECT_THROW(maker->remove(note), Error);
    recorder_.answer = [](const std::string&) {
        return fails("cannot open 'tank/home@x': dataset does not exist\n");
    };
    EXPECT_NO_THROW(maker->remove(note));
    recorder_.answer = [](const std::string&) { return fails("internal error\n"); };
    EXPECT_THROW(maker->remove(note), Error);
    for (const std::string& command : recorder_.commands)
        EXPECT_EQ(command.find("destroy"), std::string::npos);
}

TEST_F(Zfs, RefusesOtherFileSystemsWithAHint) {
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::zfs}, recorder_.run);
    place_.type = "btrfs";
    place_.source = "/dev/sdb";
    try {
        maker->prepare(place_);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.message(),
                  "snapshot = \"zfs\" needs a ZFS dataset, and /home/u/docs is on btrfs (/dev/sdb)");
        EXPECT_EQ(e.hint(), "snapshot = \"btrfs\" would suit it");
    }
    place_.type = "zfs";
    recorder_.answer = [](const std::string&) -> ProcessResult {
        throw Error(Error::Kind::not_found, "running zfs: No such file or directory");
    };
    try {
        maker->prepare(place_);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.hint(), "install zfsutils-linux");
    }
}

class Lvm : public ::testing::Test {
  protected:
    Lvm() {
        place_.path = "/srv/data";
        place_.type = "ext4";
        place_.source = "/dev/mapper/vg-data";
        place_.stat.dev = (253ULL << 32) | 7;
    }
    /// As lvs of LVM 2.03.16 prints it.
    static std::string row(const std::string& name, const std::string& layout, const std::string& invalid) {
        return R"(  {"report": [{"lv": [{"vg_name":"vg", "lv_name":")" + name +
               R"(", "lv_size":"104857600", "vg_free":"20971520", "lv_layout":")" + layout +
               R"(", "lv_dm_path":"/dev/mapper/vg-x", "lv_snapshot_invalid":")" + invalid + R"("}]}]})";
    }
    static constexpr const char* kLvs =
        "lvs --reportformat json --binary --units b --nosuffix -o "
        "vg_name,lv_name,lv_size,vg_free,lv_layout,lv_dm_path,lv_snapshot_invalid -S ";
    Place place_;
    Recorder recorder_;
    Note note_{Kind::lvm, make_name("home", kWhen, 0.5), "vg", ""};
};

TEST_F(Lvm, RoomIsAPartOfTheVolumeOrASize) {
    for (auto [options, words] : {std::pair<Options, std::string>{{.kind = Kind::lvm}, "--extents 10%ORIGIN"},
                                  {{.kind = Kind::lvm, .room_percent = 15}, "--extents 15%ORIGIN"},
                                  {{.kind = Kind::lvm, .room_bytes = 8 << 20}, "--size 8388608b"}}) {
        recorder_.commands.clear();
        recorder_.answer = [](const std::string& command) {
            return says(command.starts_with("lvs") ? row("data", "linear", "-1") : "");
        };
        std::unique_ptr<Maker> maker = make_maker(options, recorder_.run);
        EXPECT_EQ(maker->prepare(place_).where, "vg");
        maker->create(place_, note_);
        EXPECT_THAT(recorder_.commands,
                    ElementsAre(std::string(kLvs) + "lv_kernel_major=253 && lv_kernel_minor=7",
                                "lvcreate --snapshot --permission r --name " + note_.name +
                                    " --addtag icecore " + words + " vg/data"));
    }
}

TEST_F(Lvm, AThinVolumeNeedsNoRoom) {
    recorder_.answer = [](const std::string& command) {
        return says(command.starts_with("lvs") ? row("data", "thin,sparse", "-1") : "");
    };
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::lvm, .room_bytes = 1ULL << 40}, recorder_.run);
    maker->prepare(place_);
    maker->create(place_, note_);
    EXPECT_THAT(recorder_.commands.back(), HasSubstr("--addtag icecore --setactivationskip n vg/data"));
}

TEST_F(Lvm, TooLittleRoomIsToldBefore) {
    recorder_.answer = [](const std::string&) { return says(row("data", "linear", "-1")); };
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::lvm, .room_percent = 21}, recorder_.run);
    try {
        maker->prepare(place_);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.message(), "volume group vg has 20.0 MiB free, and the snapshot needs 21.0 MiB");
        EXPECT_THAT(e.hint(), HasSubstr("snapshot_size"));
    }
}

TEST_F(Lvm, WhatIsNoLogicalVolumeOrCannotBeMountedIsRefused) {
    recorder_.answer = [](const std::string&) { return says(R"({"report": [{"lv": []}]})"); };
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::lvm}, recorder_.run);
    EXPECT_THROW(maker->prepare(place_), Error);
    recorder_.answer = [](const std::string&) { return says(row("data", "linear", "-1")); };
    place_.type = "f2fs";
    EXPECT_THROW(maker->prepare(place_), Error);
    place_.type = "btrfs";
    EXPECT_THROW(maker->prepare(place_), Error);
    recorder_.answer = [](const std::string&) { return says("what?"); };
    place_.type = "xfs";
    EXPECT_THROW(maker->prepare(place_), Error);
}

TEST_F(Lvm, AFullSnapshotIsTold) {
    std::unique_ptr<Maker> maker = make_maker({.kind = Kind::lvm}, recorder_.run);
    recorder_.answer = [&](const std::string&) { return says(row(note_.name, "linear", "0")); };
    EXPECT_NO_THROW(maker->check(note_));
    EXPECT_EQ(recorder_.commands.back(),
              kLvs + format("vg_name=\"vg\" && lv_name=\"{}\" && lv_tags=\"icecore\"", note_.name));
    recorder_.answer = [&](const std::string&) { return says(row(note_.name, "linear", "1")); };
    try {
        maker->check(note_);
        FAIL();
    } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr("is full"));
        EXPECT_THAT(e.hint(), HasSubstr("snapshot_size"));
    }
}

}  // namespace
}  // namespace icecore::snapshot
