// What goes wrong from outside: missing and unreadable things, two runs at once, kill -9, a full disk.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <atomic>
#include <cstdlib>

#include "base/error.h"
#include "base/format.h"
#include "base/forwarding_file_system.h"
#include "checked_runs.h"
#include "small_disk.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kNobody = 65534;
constexpr const char* kChild = "--child";

/// Kills the process at the N-th thing that is done to a durable file.
class KillingFileSystem final : public ForwardingFileSystem {
  public:
    explicit KillingFileSystem(unsigned at) : at_(at) {}

    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        return std::make_unique<File>(*this, ForwardingFileSystem::create(dir, name, replace));
    }
    void step() override {
        if (++steps_ == at_) kill(getpid(), SIGKILL);
    }

  private:
    class File final : public OutputFile {
      public:
        File(KillingFileSystem& fs, std::unique_ptr<OutputFile> file) : fs_(fs), file_(std::move(file)) {}
        void write(std::string_view data) override {
            file_->write(data.substr(0, data.size() / 2));
            fs_.step();
            file_->write(data.substr(data.size() / 2));
        }
        void sync() override {
            fs_.step();
            file_->sync();
        }
        void seal() override {
            fs_.step();
            file_->seal();
            fs_.step();
        }
        int fd() const override { return file_->fd(); }

      private:
        KillingFileSystem& fs_;
        std::unique_ptr<OutputFile> file_;
    };
    unsigned at_;
    std::atomic<unsigned> steps_ = 0;  // volumes are written in a thread of their own
};

/// A backup in a process of its own: data directory, backup directory, user (0: stay), step at which it is
/// killed.
int run_child(char** arguments) {
    auto uid = static_cast<uid_t>(std::atoi(arguments[2]));
    if (uid != 0 && (setgid(uid) != 0 || setuid(uid) != 0)) return 99;
    ShiftedClock clock(10);
    KillingFileSystem fs(static_cast<unsigned>(std::atoi(arguments[3])));
    engine::Environment environment{clock, fs, "host", "0.0.0-test", 2};
    engine::SetOptions set;
    set.name = "set";
    set.data_dir = arguments[0];
    set.backup_dir = arguments[1];
    set.compression = archive::parse_compression("zstd:1");
    set.volume_bytes_max = 64 << 10;
    RecordingObserver observer;
    try {
        bool incomplete = engine::run_backup(environment, set, {}, observer).incomplete();
        std::fputs(join_lines(observer.warnings).c_str(), stderr);
        return incomplete ? 3 : 0;
    } catch (const Error& e) {
        std::fputs(e.what(), stderr);
        return 1;
    }
}

class BadInput : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    CommandResult run_in_child(unsigned uid, unsigned kill_at) {
        return run_command({"/proc/self/exe", kChild, runs_.set.data_dir, runs_.set.backup_dir,
                            std::to_string(uid), std::to_string(kill_at)});
    }

    /// The Error that a backup ends with.
    Error refused(const engine::BackupRequest& request = {}) {
        try {
            runs_.backup(request);
        } catch (const Error& e) {
            return e;
        }
        ADD_FAILURE() << "the backup went through";
        return Error(Error::Kind::io, "none");
    }

    /// Checks the last run against the tree: by icecore, and by tar from the chain's full run on.
    void check_whole_chain() {
        TreeSnapshot source = snapshot_tree(tree_.root());
        auto catalog = runs_.catalog();
        catalog::RunNumber last = catalog->last_run()->number();
        EXPECT_EQ(join_lines(runs_.restore_differences(last, source)), "");
        std::string bare = runs_.temp().make_dir("chain");
        for (const catalog::Run& run : catalog->chain_of(last)) {
            engine::BackupResult result;
            result.header = run.header;
            result.trailer = run.trailer;
            CommandResult tar = extract_with_gnu_tar(runs_.volumes(result), runs_.method(), bare);
            EXPECT_EQ(tar.status, 0) << tar.err;
        }
        EXPECT_EQ(join_lines(differences(source, snapshot_tree(bare), runs_.compare)), "") << "by bare tar";
        remove_tree_at(AT_FDCWD, bare);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_F(BadInput, NoDataDirectory) {
    runs_.set.data_dir = runs_.temp() / "missing";
    Error error = refused();
    EXPECT_EQ(error.kind(), Error::Kind::not_found);
    EXPECT_THAT(error.what(), HasSubstr(runs_.set.data_dir));
    EXPECT_THAT(error.hint(), HasSubstr("mounted"));
    EXPECT_FALSE(path_exists(runs_.set.backup_dir)) << "nothing is made for a set that cannot be read";
}

TEST_F(BadInput, DataDirectoryIsAFile) {
    tree_.file("file", "x");
    runs_.set.data_dir = tree_ / "file";
    EXPECT_THAT(refused().what(), HasSubstr("Not a directory"));
}

TEST_F(BadInput, EmptyWhereFilesWere) {
    tree_.file("a/b", "x");
    runs_.run();
    tree_.remove("a");
    Error error = refused();
    EXPECT_EQ(error.kind(), Error::Kind::exists);
    EXPECT_THAT(error.hint(), HasSubstr("--allow-empty"));
    EXPECT_EQ(runs_.catalog()->last_run()->number(), 1U);
    EXPECT_FALSE(path_exists(runs_.set.backup_dir + "/.running"));
    runs_.run({.allow_empty = true});
    runs_.run();
}

TEST_F(BadInput, DirectoriesInsideEachOther) {
    tree_.file("a/b", "x");
    runs_.set.backup_dir = tree_ / "backup";
    EXPECT_EQ(refused().kind(), Error::Kind::invalid);
    ASSERT_EQ(symlink(tree_.root().c_str(), (runs_.temp() / "link").c_str()), 0);
    runs_.set.backup_dir = runs_.temp() / "link/a";
    EXPECT_EQ(refused().kind(), Error::Kind::invalid);
    runs_.set.backup_dir = tree_.root();
    EXPECT_EQ(refused().kind(), Error::Kind::invalid);
    runs_.set.backup_dir = runs_.temp().path();
    Error error = refused();
    EXPECT_EQ(error.kind(), Error::Kind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("is inside the backup directory"));
    // A name that merely begins the same is no nesting.
    runs_.set.backup_dir = runs_.temp().make_dir("data-backup");
    runs_.run();
}

TEST_F(BadInput, TwoRunsAtOnce) {
    tree_.file("a", "x");
    runs_.run();
    engine::SetLock lock(runs_.environment(), runs_.set.backup_dir);
    CommandResult second = run_in_child(0, 0);
    EXPECT_EQ(second.status, 1);
    EXPECT_THAT(second.err, HasSubstr(format("process {} on host since ", getpid())));
    EXPECT_EQ(refused().kind(), Error::Kind::denied);
}

TEST_F(BadInput, BackupDirectoryNotWritable) {
    tree_.file("a", "x");
    runs_.temp().make_dir("backup");
    ASSERT_EQ(chmod(runs_.temp().path().c_str(), 0755), 0);
    ASSERT_EQ(chmod(runs_.set.backup_dir.c_str(), 0555), 0);
    CommandResult run = run_in_child(geteuid() == 0 ? kNobody : 0, 0);
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, HasSubstr("backup directory " + runs_.set.backup_dir + ": Permission denied"));
}

TEST_F(BadInput, BackupDirectoryWithoutParent) {
    runs_.set.backup_dir = runs_.temp() / "no/such/place";
    Error error = refused();
    EXPECT_EQ(error.kind(), Error::Kind::not_found);
    EXPECT_THAT(error.hint(), HasSubstr("its parent must exist"));
}

TEST_F(BadInput, UnreadableThingsKeepTheirOldContent) {
    runs_.compare.ignore_owner = true;
    tree_.file("file", "old file");
    tree_.file("steady", "untouched");
    tree_.file("large", noise(2 << 20, 1));
    tree_.file("linked", "old linked");
    tree_.link("linked", "z/linked");
    tree_.file("dir/sub/inside", "inside");
    tree_.file("dir/beside", "beside");
    tree_.file("closed later/inside", "closed");
    runs_.temp().make_dir("backup");
    unsigned uid = geteuid() == 0 ? kNobody : 0;
    ASSERT_EQ(chmod(runs_.temp().path().c_str(), 0755), 0);
    if (uid != 0) {
        ASSERT_EQ(run_command({"chown", "-R", "65534:65534", tree_.root(), runs_.set.backup_dir}).status, 0);
    }
    CommandResult first = run_in_child(uid, 0);
    ASSERT_EQ(first.status, 0) << first.err;
    TreeSnapshot before = snapshot_tree(tree_.root());
    wait_for_next_tick(runs_.temp().path());

    tree_.file("file", "new, nobody can read it");
    tree_.file("large", noise(3 << 20, 2));
    tree_.file("linked", "new linked");
    tree_.file("added", "cannot be read either");
    for (const char* name : {"file", "large", "linked", "dir/sub", "closed later", "added"})
        ASSERT_EQ(chmod((tree_ / name).c_str(), 0), 0);
    CommandResult second = run_in_child(uid, 0);
    EXPECT_EQ(second.status, 3) << second.err;
    for (const char* name : {"file", "large", "linked", "dir/sub", "closed later", "added"})
        EXPECT_THAT(second.err, HasSubstr(format("{}: ", name)));

    // What could not be read is as it was, but for what stat(2) tells of directories.
    auto is_expected = [](std::string_view path) {
        return path == "" || path == "dir/sub" || path == "closed later";
    };
    auto catalog = runs_.catalog();
    std::string restored = runs_.temp() / "restored";
    runs_.restore(2, restored);
    std::string bare = runs_.temp().make_dir("both");
    for (const catalog::Run& run : catalog->runs()) {
        engine::BackupResult result;
        result.trailer = run.trailer;
        CommandResult tar = extract_with_gnu_tar(runs_.volumes(result), runs_.method(), bare);
        EXPECT_EQ(tar.status, 0) << tar.err;
    }
    for (const std::string& dir : {restored, bare}) {
        for (const char* name : {"dir/sub", "closed later"})
            ASSERT_EQ(chmod(join_path(dir, name).c_str(), 0755), 0);
        std::vector<std::string> wrong = differences(before, snapshot_tree(dir), runs_.compare);
        std::erase_if(wrong, [&](const std::string& line) {
            std::string path = line.substr(0, line.find(':'));
            return is_expected(path == "." ? "" : path);
        });
        EXPECT_EQ(join_lines(wrong), "") << dir;
    }

    for (const char* name : {"file", "large", "linked", "dir/sub", "closed later", "added"})
        ASSERT_EQ(chmod((tree_ / name).c_str(), 0755), 0);
    CommandResult third = run_in_child(uid, 0);
    EXPECT_EQ(third.status, 0) << third.err;
    if (geteuid() == 0) {
        check_whole_chain();
    } else {  // tar cannot enter the directories that it closed when it extracted the second run
        EXPECT_EQ(join_lines(runs_.restore_differences(3, snapshot_tree(tree_.root()))), "");
    }
}

TEST_F(BadInput, KilledAtEveryStep) {
    tree_.file("steady", noise(20 << 10, 1));
    tree_.file("moved/file", noise(20 << 10, 2));
    bool killed = true;
    unsigned at = 0;
    for (bool first_run : {true, false}) {
        killed = true;
        for (at = 1; killed; ++at) {
            SCOPED_TRACE(format("killed at step {} of {} run", at, first_run ? "a first" : "a later"));
            if (first_run) remove_tree_at(AT_FDCWD, runs_.set.backup_dir);
            tree_.file("changes", noise(100 << 10, at));
            tree_.append("steady", "x");
            tree_.rename(at % 2 == 1 ? "moved" : "moved again", at % 2 == 1 ? "moved again" : "moved");
            CommandResult child = run_in_child(0, at);
            killed = child.status == 128 + SIGKILL;
            ASSERT_TRUE(killed || child.status == 0) << child.status << child.err;
            tree_.append("steady", "y");
            engine::BackupResult result = runs_.backup();
            EXPECT_EQ(result.trailer.counts.errors, 0U);
            check_whole_chain();
            for (const std::string& name : list_directory(runs_.set.backup_dir)) {
                bool part_of_a_run = engine::parse_archive_name("set", name).has_value();
                EXPECT_TRUE(part_of_a_run || name == "archive.snar" || name == "README.restore.txt" ||
                            name == ".lock" || name.starts_with("catalog.db"))
                    << name;
            }
            if (HasFailure()) return;
            wait_for_next_tick(runs_.temp().path());
        }
        EXPECT_GT(at, 20U) << "it was killed at that many steps";
        if (first_run) tree_.rename(path_exists(tree_ / "moved") ? "moved" : "moved again", "moved");
    }
}

TEST_F(BadInput, DiskFull) {
    runs_.temp().make_dir("backup");
    SmallDisk disk(runs_.set.backup_dir);
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    runs_.set.volume_bytes_max = 256 << 10;
    tree_.file("a", "first");
    runs_.run();
    TreeSnapshot first = snapshot_tree(tree_.root());
    tree_.file("a", "second");
    tree_.file("big", noise(5 << 20, 1));
    for (int i = 0; i < 2; ++i) {
        Error error = refused();
        EXPECT_EQ(error.os_error(), ENOSPC) << error.what();
        EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
        EXPECT_EQ(join_lines(runs_.restore_differences(1, first)), "");
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            EXPECT_FALSE(name.ends_with(".partial") && name.find(".tar") != std::string::npos)
                << "left on the full disk: " << name;
    }
    disk.grow();
    engine::BackupResult result = runs_.backup();
    ASSERT_TRUE(result.interrupted.has_value());
    EXPECT_EQ(result.interrupted->outcome, engine::InterruptedRun::Outcome::closed);
    EXPECT_EQ(result.trailer.counts.errors, 0U);
    check_whole_chain();
}

}  // namespace
}  // namespace icecore::testing

int main(int argc, char** argv) {
    if (argc == 6 && std::string_view(argv[1]) == icecore::testing::kChild)
        return icecore::testing::run_child(argv + 2);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
