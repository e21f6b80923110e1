// Backups of snapshots: of btrfs by the kernel; of logical volumes with LVM's part played by copies of the
// disk, and the file systems' by the kernel.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/doctor.h"
#include "loop_disk.h"
#include "snapshot/ledger.h"
#include "snapshot/name.h"
#include "snapshot/snapshot.h"

namespace icecore::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Does something once, as the scan begins: then a snapshot has been made.
class Interference final : public engine::Observer {
  public:
    explicit Interference(std::function<void()> act) : act_(std::move(act)) {}
    void progress(const engine::Progress&) override {
        if (act_) std::exchange(act_, nullptr)();
    }
    void warning(std::string_view message) override { warnings.emplace_back(message); }
    std::vector<std::string> warnings;

  private:
    std::function<void()> act_;
};

/// Real time, and more of it once it is told so.
class JumpingClock final : public Clock {
  public:
    Timestamp now() const override {
        Timestamp t = SystemClock().now();
        t.sec += ahead_seconds;
        return t;
    }
    std::int64_t monotonic_ns() const override { return SystemClock().monotonic_ns(); }
    std::int64_t ahead_seconds = 0;
};

std::string log_of(const engine::BackupResult& result) {
    return read_file(result.log_file);
}

/// A btrfs with a subvolume @home, in which the data directory lies deep.
class BtrfsSnapshots : public ::testing::Test {
  protected:
    BtrfsSnapshots()
        : disk_({"mkfs.btrfs", "-q"}, runs_.temp() / "image", "160M", runs_.temp().make_dir("disk")) {}

    void SetUp() override {
        if (!disk_.mounted()) GTEST_SKIP() << "no btrfs on a loop device here: " << disk_.reason();
        subvolume("@home");
        use("@home/u/docs");
    }

    void subvolume(const std::string& path) {
        ASSERT_EQ(run_command({"btrfs", "subvolume", "create", disk_.point() + "/" + path}).status, 0);
    }
    /// Makes `path` the data directory.
    void use(const std::string& path) {
        std::string dir = path.empty() ? disk_.point() : disk_.point() + "/" + path;
        std::filesystem::create_directories(dir);
        runs_.set.data_dir = dir;
        runs_.set.snapshot.kind = snapshot::Kind::btrfs;
        tree_ = std::make_unique<Tree>(dir);
    }
    engine::BackupResult backup_while(std::function<void()> act) {
        Interference observer(std::move(act));
        engine::BackupResult result = engine::run_backup(runs_.environment(), runs_.set, {}, observer);
        warnings_ = observer.warnings;
        return result;
    }
    /// As btrfs(8) sees them: paths from the top.
    std::vector<std::string> subvolumes() const {
        std::vector<std::string> paths;
        std::istringstream lines(run_command({"btrfs", "subvolume", "list", disk_.point()}).out);
        for (std::string line; std::getline(lines, line);) paths.push_back(line.substr(line.rfind(' ') + 1));
        return paths;
    }
    /// A snapshot of the data directory that another set has made.
    std::unique_ptr<snapshot::Snapshot> snapshot_of_other(const std::string& set,
                                                          const std::string& backup_dir) {
        const engine::Environment& env = runs_.environment();
        return std::make_unique<snapshot::Snapshot>(
            snapshot::World{env.clock, env.fs, env.run_process, 0.25, set, backup_dir},
            snapshot::Options{.kind = snapshot::Kind::btrfs},
            open_file(runs_.set.data_dir, O_RDONLY | O_DIRECTORY).get());
    }
    std::string ledger() const { return join_path(runs_.set.backup_dir, snapshot::kLedgerName); }

    CheckedRuns runs_;
    LoopDisk disk_;
    std::unique_ptr<Tree> tree_;
    std::vector<std::string> warnings_;
};

TEST_F(BtrfsSnapshots, ARunIsTheTreeAsOfItsBeginning) {
    tree_->file("a/file", "before");
    tree_->file("a/gone", "soon");
    tree_->link("a/file", "b");
    tree_->file("large", noise(3 << 20, 1));
    tree_->symlink("link", "a/file");
    tree_->file(".backupignore", "*.tmp\n");
    tree_->file("skipped.tmp", "x");
    tree_->file("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    tree_->file("cache/object", "x");
    runs_.set.filters.exclude = {"/not/"};
    tree_->file("not/this", "x");
    TreeSnapshot before = snapshot_tree(tree_->root());
    std::erase_if(before.entries, [](const auto& entry) {
        return entry.first == "skipped.tmp" || entry.first == "cache/object" || is_below(entry.first, "not");
    });
    std::vector<std::string> while_reading;
    engine::BackupResult result = backup_while([&] {
        while_reading = subvolumes();
        tree_->file("a/file", "after!");
        tree_->remove("a/gone");
        tree_->file("new", "x");
        tree_->rename("large", "a/large");
    });
    EXPECT_EQ(while_reading.size(), 2U);
    EXPECT_FALSE(result.incomplete());
    EXPECT_THAT(warnings_, IsEmpty());
    runs_.check(result, before);
    EXPECT_THAT(subvolumes(), ElementsAre("@home"));
    EXPECT_FALSE(path_exists(ledger()));
    // What people read tells of the directory itself.
    EXPECT_THAT(log_of(result),
                HasSubstr("data       " + runs_.set.data_dir + "\nread in    a btrfs snapshot\n"));
    EXPECT_EQ(log_of(result).find("/.icecore"), std::string::npos);
    for (const auto& [path, entry] : runs_.entries(result))
        EXPECT_EQ(path.find("icecore"), std::string::npos);

    // The next run finds what happened meanwhile, and no more.
    engine::BackupResult next = runs_.backup();
    runs_.compare.exclude = [](std::string_view path) {
        return path == "skipped.tmp" || path == "cache/object" || is_below(path, "not");
    };
    runs_.check(next, snapshot_tree(tree_->root()));
    EXPECT_EQ(next.trailer.counts.deleted, 1U);
    EXPECT_EQ(next.trailer.counts.renamed, 1U);
    EXPECT_EQ(next.trailer.counts.added, 1U);
}

TEST_F(BtrfsSnapshots, WhatIsUnchangedLooksUnchangedToUsAndToGnuTar) {
    tree_->file("a/b/file", "content");
    tree_->file("large", noise(3 << 20, 1));
    tree_->link("large", "a/linked");
    runs_.backup();
    for (int i = 0; i < 2; ++i) {
        engine::BackupResult again = runs_.backup();
        EXPECT_EQ(again.trailer.counts.read_bytes, 0U);
        EXPECT_EQ(again.trailer.counts.added + again.trailer.counts.changed, 0U);
        EXPECT_EQ(runs_.entries(again).size(), 1U) << "the root alone";
    }
    // Names, inode and device numbers in archive.snar are those of the directory itself.
    std::string snar = runs_.temp() / "snar";
    std::filesystem::copy_file(join_path(runs_.set.backup_dir, "archive.snar"), snar);
    tree_->file("a/b/new", "x");
    CommandResult tar = run_command({"tar", "--create", "--verbose", "--file", runs_.temp() / "next.tar",
                                     "--listed-incremental", snar, "--directory", tree_->root(), "."});
    EXPECT_EQ(tar.status, 0) << tar.err;
    EXPECT_EQ(tar.err, "") << "GNU tar tells of directories that it takes for new or renamed ones";
    EXPECT_EQ(tar.out, "./\n./a/\n./a/b/\n./a/b/new\n");
}

TEST_F(BtrfsSnapshots, RacyTimesCountFromTheSnapshot) {
    JumpingClock clock;
    clock.ahead_seconds = -1;  // as if the snapshot was made in the tick in which the files were written
    std::unique_ptr<FileSystem> fs = make_file_system();
    engine::Environment environment{clock, *fs, "host", "0.0.0-test", 2};
    tree_->file("just/written", "x");
    tree_->file("just/large", noise(2 << 20, 1));
    // It is read long after it was written, but another change could have followed in the same tick.
    Interference observer([&] { clock.ahead_seconds = 1000; });
    engine::BackupResult result = engine::run_backup(environment, runs_.set, {}, observer);
    EXPECT_TRUE(runs_.entries(result).at("just/written").racy);
    EXPECT_TRUE(runs_.entries(result).at("just/large").racy);
    EXPECT_LT(result.header.started.sec, clock.now().sec - 500) << "the run is as of its snapshot";
    engine::BackupResult next = engine::run_backup(environment, runs_.set, {}, observer);
    EXPECT_FALSE(runs_.entries(next).at("just/written").racy);
}

TEST_F(BtrfsSnapshots, WhatIsNotInASnapshotIsAProblemAndNotDeleted) {
    tree_->file("file", "x");
    tree_->dir("mounted");
    subvolume("@home/u/docs/nested");
    tree_->file("nested/file", "x");
    tree_->file("plain", "underneath");
    ASSERT_EQ(mount("tmpfs", (*tree_ / "mounted").c_str(), "tmpfs", 0, "size=1m"), 0);
    tree_->file("mounted/inside", "x");
    tree_->file("over", "mounted on a file");
    ASSERT_EQ(mount((*tree_ / "over").c_str(), (*tree_ / "plain").c_str(), nullptr, MS_BIND, nullptr), 0);
    runs_.set.snapshot.kind = snapshot::Kind::none;
    EXPECT_FALSE(runs_.backup().incomplete());

    runs_.set.snapshot.kind = snapshot::Kind::btrfs;
    engine::BackupResult result = runs_.backup();
    EXPECT_EQ(result.trailer.counts.errors, 3U);
    EXPECT_EQ(result.trailer.counts.deleted, 0U);
    EXPECT_THAT(log_of(result),
                HasSubstr("nested: not in the snapshot, since it is another file system or subvolume"));
    for (const char* path : {"nested/file", "mounted/inside", "plain"})
        EXPECT_TRUE(runs_.catalog()->lookup(result.header.run, path)) << path << " stays as it was";

    engine::SetOptions both = runs_.set;
    runs_.set.filters.exclude = {"/nested/", "/mounted/", "/plain"};
    EXPECT_FALSE(runs_.backup().incomplete());
    runs_.set = both;
    runs_.set.filters.one_file_system = true;
    runs_.set.filters.exclude = {"/plain"};
    engine::BackupResult one = runs_.backup();
    EXPECT_FALSE(one.incomplete());
    EXPECT_TRUE(runs_.catalog()->lookup(one.header.run, "nested"));
    EXPECT_FALSE(runs_.catalog()->lookup(one.header.run, "nested/file"));
    umount2((*tree_ / "mounted").c_str(), MNT_DETACH);
    umount2((*tree_ / "plain").c_str(), MNT_DETACH);
}

TEST_F(BtrfsSnapshots, WhatAKilledRunLeftIsRemovedByTheNextAndNothingElse) {
    tree_->file("file", "x");
    runs_.backup();
    pid_t child = fork();
    if (child == 0) {
        backup_while([] { raise(SIGKILL); });
        _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ASSERT_EQ(subvolumes().size(), 2U);
    std::string left = snapshot::read_ledger(runs_.set.backup_dir).at(0).name;
    std::vector<engine::Diagnosis> diagnoses = engine::examine_set(runs_.environment(), runs_.set);
    EXPECT_THAT(diagnoses, Contains(::testing::Field(&engine::Diagnosis::message, HasSubstr(left))));

    // Others, with just such a name: one that nobody noted, and one that is noted but can be written.
    std::string others = ".icecore-set-20200101T000000Z-00000000";
    std::string theirs = ".icecore-set-20200101T000000Z-00000001";
    ASSERT_EQ(run_command({"btrfs", "subvolume", "snapshot", "-r", disk_.point() + "/@home",
                           disk_.point() + "/" + others})
                  .status,
              0);
    subvolume(theirs);
    std::vector<snapshot::Note> notes = snapshot::read_ledger(runs_.set.backup_dir);
    notes.push_back(notes[0]);
    notes.back().name = theirs.substr(1);
    notes.push_back(notes[0]);
    notes.back().name = "icecore-set-20200101T000000Z-00000002";  // is gone already
    snapshot::write_ledger(runs_.environment().fs, runs_.set.backup_dir, notes);

    engine::BackupResult result = runs_.backup();
    EXPECT_THAT(subvolumes(), ::testing::UnorderedElementsAre("@home", others, theirs));
    EXPECT_THAT(log_of(result),
                HasSubstr(format("removed the snapshot {} that an interrupted run left", left)));
    EXPECT_THAT(runs_.observer.warnings,
                Contains(HasSubstr("is no read-only snapshot (any more), and stays")));
    EXPECT_EQ(snapshot::read_ledger(runs_.set.backup_dir).size(), 1U) << "the next run tries again";
}

TEST_F(BtrfsSnapshots, SnapshotsOfOtherSetsAreNotBackedUp) {
    use("");  // the top itself, where all snapshots are
    tree_->file("file", "x");
    TreeSnapshot before = snapshot_tree(tree_->root());
    std::string elsewhere = runs_.temp().make_dir("other-backup");
    {
        auto other = snapshot_of_other("other", elsewhere);
        runs_.compare.exclude = [](std::string_view path) { return is_below(path, "@home"); };
        runs_.compare.ignore_root_mtime = true;
        for (snapshot::Kind kind : {snapshot::Kind::btrfs, snapshot::Kind::none}) {
            runs_.set.snapshot.kind = kind;
            runs_.set.filters.exclude = {"/@home/"};
            engine::BackupResult result = runs_.backup({.full = true});
            EXPECT_FALSE(result.incomplete());
            EXPECT_EQ(result.trailer.counts.excluded, 2U);
            EXPECT_THAT(log_of(result), HasSubstr("snapshot of icecore"));
            runs_.check(result, before);
        }
        EXPECT_EQ(subvolumes().size(), 2U) << "the other set's stays";
    }
    EXPECT_THAT(subvolumes(), ElementsAre("@home"));
}

TEST_F(BtrfsSnapshots, ADataDirectoryMayBeALinkABindMountOrASubvolume) {
    tree_->file("file", "x");
    std::string link = runs_.temp() / "link";
    std::filesystem::create_directory_symlink(tree_->root(), link);
    runs_.set.data_dir = link;
    engine::BackupResult result = runs_.backup();
    runs_.check(result, snapshot_tree(tree_->root()));
    EXPECT_THAT(log_of(result), HasSubstr("data       " + link + "\n"));

    std::string bind = runs_.temp().make_dir("bind mount");
    ASSERT_EQ(mount(tree_->root().c_str(), bind.c_str(), nullptr, MS_BIND, nullptr), 0);
    runs_.set.data_dir = bind;
    tree_->file("more", "x");
    runs_.check(runs_.backup(), snapshot_tree(tree_->root()));
    umount2(bind.c_str(), MNT_DETACH);

    std::string mounted = runs_.temp().make_dir("home");
    ASSERT_EQ(run_command({"mount", "-o", "subvol=@home,ro", disk_.device(), mounted}).status, 0);
    runs_.set.data_dir = mounted;
    engine::BackupResult subvolume = runs_.backup({.full = true});
    runs_.check(subvolume, snapshot_tree(mounted));
    EXPECT_EQ(runs_.entries(subvolume).count("u/docs/more"), 1U);
    umount2(mounted.c_str(), MNT_DETACH);
}

TEST_F(BtrfsSnapshots, ADryRunMakesNone) {
    tree_->file("file", "x");
    engine::BackupResult result = runs_.backup({.dry_run = true});
    EXPECT_EQ(result.trailer.counts.added, 1U);
    EXPECT_FALSE(path_exists(ledger()));
}

TEST_F(BtrfsSnapshots, AReadOnlyFileSystemStaysOne) {
    tree_->file("file", "x");
    ASSERT_EQ(run_command({"mount", "-o", "remount,ro", disk_.point()}).status, 0);
    try {
        runs_.backup();
        FAIL();
    } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr("is mounted read-only"));
        EXPECT_NE(e.hint(), "");
    }
    EXPECT_THAT(list_directory(runs_.set.backup_dir), ElementsAre(".lock"));
}

TEST_F(BtrfsSnapshots, AnErrorInTheRunLeavesNone) {
    tree_->file("file", "x");
    runs_.backup();
    tree_->remove("file");
    EXPECT_THROW(runs_.backup(), Error) << "the directory is empty";
    EXPECT_THAT(subvolumes(), ElementsAre("@home"));
    EXPECT_FALSE(path_exists(ledger()));
}

TEST(Snapshots, OfWhatHasNoneAreRefusedBeforeAnythingIsWritten) {
    CheckedRuns runs;
    runs.tree.file("file", "x");
    for (snapshot::Kind kind : {snapshot::Kind::btrfs, snapshot::Kind::zfs}) {
        runs.set.snapshot.kind = kind;
        try {
            runs.backup();
            FAIL();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::invalid);
            EXPECT_THAT(e.message(), HasSubstr(format("snapshot = \"{}\" needs", snapshot::kind_name(kind))));
            EXPECT_NE(e.hint(), "");
        }
        EXPECT_THAT(list_directory(runs.set.backup_dir), ElementsAre(".lock"));
        EXPECT_THAT(engine::examine_set(runs.environment(), runs.set),
                    Contains(::testing::AllOf(
                        ::testing::Field(&engine::Diagnosis::check, "source"),
                        ::testing::Field(&engine::Diagnosis::status, engine::Diagnosis::Status::problem))));
    }
}

/// Plays lvs, lvcreate and lvremove for a disk that is no logical volume: its snapshots are copies on loop
/// devices.
class FakeLvm {
  public:
    explicit FakeLvm(const LoopDisk& disk) : disk_(disk) {}
    ~FakeLvm() { remove(); }

    ProcessResult run(const Process& process) {
        std::string command;
        for (const std::string& word : process.words) command += (command.empty() ? "" : " ") + word;
        commands.push_back(command);
        if (command.starts_with("lvcreate")) return create(process.words);
        if (command.starts_with("lvremove")) return remove();
        ProcessResult result;
        bool of_origin = command.find("lv_kernel_major") != std::string::npos;
        std::string row;
        if (of_origin)
            row = fmt_row("data", disk_.device(), "-1");
        else
            row = device_.empty() ? "" : fmt_row(name_, device_, full ? "1" : "0");
        result.out = R"({"report": [{"lv": [)" + row + "]}]}";
        return result;
    }

    std::vector<std::string> commands;
    bool full = false;
    bool no_room = false;
    bool standing() const { return !device_.empty(); }
    /// Of the snapshot that stands, or "".
    const std::string& device() const { return device_; }

  private:
    static std::string fmt_row(const std::string& name, const std::string& device,
                               const std::string& invalid) {
        return R"({"vg_name":"vg","lv_name":")" + name +
               R"(","lv_size":"1000000000","vg_free":"1000000000","lv_layout":"linear","lv_dm_path":")" +
               device + R"(","lv_snapshot_invalid":")" + invalid + R"("})";
    }
    ProcessResult create(const std::vector<std::string>& words) {
        ProcessResult result;
        if (no_room) {
            result.status = 5;
            result.err = "  Volume group \"vg\" has insufficient free space (0 extents): 25 required.\n";
            return result;
        }
        name_ = words[5];
        std::string copy = disk_.image() + ".copy";
        EXPECT_EQ(run_command({"fsfreeze", "--freeze", disk_.point()}).status,
                  0);  // as the device mapper does
        EXPECT_EQ(run_command({"cp", "--sparse=always", disk_.image(), copy}).status, 0);
        EXPECT_EQ(run_command({"fsfreeze", "--unfreeze", disk_.point()}).status, 0);
        device_ = LoopDisk::attach(copy, true);
        EXPECT_NE(device_, "");
        return result;
    }
    /// It fails while the device is mounted, as lvremove does.
    ProcessResult remove() {
        ProcessResult result;
        if (device_.empty()) return result;
        bool mounted = !Fd(open(device_.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
        result.status = mounted ? 5 : run_command({"losetup", "-d", device_}).status;
        if (result.status == 0) device_.clear();
        return result;
    }

    const LoopDisk& disk_;
    std::string device_;
    std::string name_;
};

struct FileSystemCase {
    const char* name;
    Argv mkfs;
    const char* size;
    friend void PrintTo(const FileSystemCase& c, std::ostream* out) { *out << c.name; }
};

class LvmSnapshots : public ::testing::TestWithParam<FileSystemCase> {
  protected:
    LvmSnapshots()
        : disk_(GetParam().mkfs, runs_.temp() / "image", GetParam().size, runs_.temp().make_dir("disk")),
          lvm_(disk_),
          environment_{clock_,       *fs_, "host",
                       "0.0.0-test", 2,    {},
                       {},           {},   [this](const Process& process) { return lvm_.run(process); }} {}

    void SetUp() override {
        if (!disk_.mounted())
            GTEST_SKIP() << "no " << GetParam().name << " on a loop device here: " << disk_.reason();
        std::filesystem::create_directories(disk_.point() + "/srv/data");
        runs_.set.data_dir = disk_.point() + "/srv/data";
        runs_.set.snapshot.kind = snapshot::Kind::lvm;
        tree_ = std::make_unique<Tree>(runs_.set.data_dir);
    }
    engine::BackupResult backup_while(std::function<void()> act) {
        Interference observer(std::move(act));
        return engine::run_backup(environment_, runs_.set, {}, observer);
    }

    CheckedRuns runs_;
    LoopDisk disk_;
    std::unique_ptr<Tree> tree_;
    FakeLvm lvm_;
    ShiftedClock clock_{10};
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    engine::Environment environment_;
};

TEST_P(LvmSnapshots, AreMountedNowhereReadAndRemoved) {
    tree_->file("a/file", "before");
    tree_->file("large", noise(3 << 20, 1));
    TreeSnapshot before = snapshot_tree(tree_->root());
    engine::BackupResult result = backup_while([&] {
        ASSERT_TRUE(lvm_.standing());
        EXPECT_THAT(read_file("/proc/self/mounts"), Not(HasSubstr(lvm_.device() + " ")));
        tree_->file("a/file", "after!");
        tree_->remove("large");
    });
    EXPECT_FALSE(result.incomplete());
    runs_.check(result, before);
    EXPECT_FALSE(lvm_.standing());
    std::string name =
        lvm_.commands.at(1).substr(std::string("lvcreate --snapshot --permission r --name ").size());
    name.resize(name.find(' '));
    EXPECT_TRUE(snapshot::is_name(name)) << name;
    EXPECT_EQ(lvm_.commands.back(), "lvremove --yes vg/" + name);

    engine::BackupResult next = backup_while({});
    EXPECT_EQ(next.trailer.counts.deleted, 1U);
    EXPECT_EQ(runs_.entries(next).size(), 3U) << "the root, a, a/file";
    EXPECT_EQ(backup_while({}).trailer.counts.read_bytes, 0U);
}

TEST_P(LvmSnapshots, AFullOneFailsTheRun) {
    tree_->file("file", "x");
    tree_->file("large", noise(3 << 20, 1));
    runs_.set.volume_bytes_max = 1 << 20;
    try {
        backup_while([&] { lvm_.full = true; });
        FAIL();
    } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr("is full"));
        EXPECT_THAT(e.hint(), HasSubstr("snapshot_size"));
    }
    EXPECT_FALSE(lvm_.standing());
    EXPECT_THROW(runs_.catalog(), Error) << "there is no run";
    lvm_.full = false;
    tree_->file("more", "x");
    engine::BackupResult next = backup_while({});
    ASSERT_TRUE(next.interrupted) << "what had been sealed is kept, and completed from the next snapshot";
    EXPECT_EQ(next.interrupted->outcome, engine::InterruptedRun::Outcome::closed);
    EXPECT_EQ(join_lines(runs_.restore_differences(next.header.run, snapshot_tree(tree_->root()))), "");
}

TEST_P(LvmSnapshots, ThatCannotBeMadeLeaveNothing) {
    tree_->file("file", "x");
    lvm_.no_room = true;
    try {
        backup_while({});
        FAIL();
    } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr("insufficient free space"));
    }
    EXPECT_THAT(list_directory(runs_.set.backup_dir), ElementsAre(".lock"));
}

INSTANTIATE_TEST_SUITE_P(FileSystems, LvmSnapshots,
                         ::testing::Values(FileSystemCase{"ext4", {"mkfs.ext4", "-q"}, "40M"},
                                           FileSystemCase{"ext2", {"mkfs.ext2", "-q"}, "40M"},
                                           FileSystemCase{"xfs", {"mkfs.xfs", "-q"}, "320M"}),
                         [](const auto& the_case) { return std::string(the_case.param.name); });

}  // namespace
}  // namespace icecore::testing
