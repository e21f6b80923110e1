// The tree changes while it is backed up: the archive stays well-formed, and the next quiet run restores
// exactly.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

using engine::Progress;
using ::testing::HasSubstr;

/// Does something once, when the backup reaches a phase.
class Meddler final : public engine::Observer {
  public:
    Meddler(Progress::Phase phase, std::function<void()> act) : phase_(phase), act_(std::move(act)) {}
    void progress(const Progress& progress) override {
        if (progress.phase == phase_ && act_) std::exchange(act_, nullptr)();
    }
    void warning(std::string_view message) override { warnings.emplace_back(message); }
    bool done() const { return act_ == nullptr; }
    std::vector<std::string> warnings;

  private:
    Progress::Phase phase_;
    std::function<void()> act_;
};

class MovingTarget : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    /// Backs up while `act` changes the tree after the scan; tar must accept the archive.
    engine::BackupResult run_meddled(std::function<void()> act) {
        Meddler meddler(Progress::Phase::planning, std::move(act));
        engine::BackupResult result = engine::run_backup(runs_.environment(), runs_.set, {}, meddler);
        EXPECT_TRUE(meddler.done());
        warnings_ = std::move(meddler.warnings);
        runs_.extract(result);
        wait_for_next_tick(runs_.temp().path());
        return result;
    }
    std::string log_of(const engine::BackupResult& result) { return read_file(result.log_file); }

    CheckedRuns runs_{0};
    Tree& tree_ = runs_.tree;
    std::vector<std::string> warnings_;
};

TEST_F(MovingTarget, FilesAndDirectoriesVanishAfterTheScan) {
    tree_.file("a/file", "file");
    tree_.file("a/large", noise(3 << 20, 1));
    tree_.file("b/inside", "inside");
    tree_.file("linked", "linked");
    tree_.link("linked", "z/linked");
    tree_.symlink("symlink", "x");
    tree_.file("stays", "stays");
    engine::BackupResult result = run_meddled([&] {
        for (const char* name : {"a/file", "a/large", "b", "linked", "symlink"}) tree_.remove(name);
    });
    EXPECT_EQ(result.trailer.counts.errors, 0U) << join_lines(warnings_);
    EXPECT_THAT(log_of(result), HasSubstr("vanished"));
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MovingTarget, VanishInAnIncrementalRun) {
    tree_.file("a/file", "one");
    tree_.file("b/inside", "one");
    tree_.file("moved", noise(10 << 10, 2));
    runs_.run();
    tree_.file("a/file", "two");
    tree_.file("b/inside", "two");
    tree_.file("b/new", "new");
    tree_.rename("moved", "moved away");
    run_meddled([&] {
        for (const char* name : {"a/file", "b", "moved away"}) tree_.remove(name);
    });
    runs_.run();
    runs_.run();
}

TEST_F(MovingTarget, AnotherTypeTakesTheName) {
    for (const char* name : {"to_directory", "to_link", "to_fifo", "large_to_directory"})
        tree_.file(name, noise(name[0] == 'l' ? 2 << 20 : 100, 3));
    tree_.file("directory_to_file/inside", "x");
    tree_.file("directory_to_link/inside", "x");
    tree_.symlink("link_to_file", "somewhere");
    tree_.file("linked", "x");
    tree_.link("linked", "linked too");
    engine::BackupResult result = run_meddled([&] {
        for (const std::string& name : list_directory(tree_.root())) tree_.remove(name);
        tree_.file("to_directory/inside", "new");
        tree_.symlink("to_link", "/etc");
        EXPECT_EQ(mkfifo((tree_ / "to_fifo").c_str(), 0600), 0);
        tree_.file("large_to_directory/inside", "new");
        tree_.file("directory_to_file", "now a file");
        tree_.symlink("directory_to_link", "/");
        tree_.file("link_to_file", "now a file");
        tree_.dir("linked");
        tree_.dir("linked too");
    });
    EXPECT_GT(result.trailer.counts.errors, 0U);
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

TEST_F(MovingTarget, SmallFileGrowsLargeAndLargeShrinks) {
    tree_.file("grows", "small");
    tree_.file("shrinks", noise(3 << 20, 4));
    tree_.file("grows linked", "small");
    tree_.link("grows linked", "z");
    run_meddled([&] {
        tree_.file("grows", noise(3 << 20, 5));
        tree_.file("shrinks", "small");
        tree_.file("grows linked", noise(2 << 20, 6));
    });
    TreeSnapshot source = snapshot_tree(tree_.root());
    EXPECT_EQ(join_lines(differences(source, snapshot_tree(runs_.bare), runs_.compare)), "")
        << "what was read is what there is now";
    runs_.run();
}

TEST_F(MovingTarget, DirectoryIsMovedAfterTheScan) {
    tree_.file("a/b/file", "x");
    tree_.file("a/b/c/file", "y");
    run_meddled([&] { tree_.rename("a/b", "elsewhere"); });
    runs_.run();
    tree_.file("elsewhere/file", "changed");
    run_meddled([&] { tree_.rename("elsewhere", "a/b"); });
    runs_.run();
    runs_.run();
}

/// Appends to, cuts and rewrites files as fast as it can.
class Scribbler {
  public:
    explicit Scribbler(const Tree& tree) : thread_([this, &tree] { run(tree); }) {}
    ~Scribbler() { stop(); }
    void stop() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }

  private:
    void run(const Tree& tree) {
        std::string large = noise(1 << 20, 7);
        for (unsigned round = 0; !stop_; ++round) {
            tree.append("appended", format("{}\n", round));
            tree.append("large appended", large.substr(0, 5000));
            if (round % 16 == 0) {
                tree.file("appended", "from the start\n");
                EXPECT_EQ(truncate((tree / "large appended").c_str(), 1500 << 10), 0);
                EXPECT_EQ(truncate((tree / "cut").c_str(), round % 32 == 0 ? 0 : 900 << 10), 0);
            }
            tree.file(format("new/{}", round % 50), large.substr(0, round % 3000));
            if (round % 3 == 0) tree.remove(format("new/{}", (round + 25) % 50));
        }
    }
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

TEST_F(MovingTarget, FilesNeverHoldStill) {
    tree_.file("appended", "x");
    tree_.file("large appended", noise(8 << 20, 8));
    tree_.file("cut", noise(900 << 10, 9));
    tree_.file("steady", noise(5 << 20, 10));
    tree_.dir("new");
    bool unstable = false;
    {
        Scribbler scribbler(tree_);
        for (int i = 0; i < 6 || (!unstable && i < 100); ++i) {
            engine::BackupResult result = runs_.backup();
            EXPECT_EQ(result.trailer.counts.errors, 0U) << join_lines(runs_.observer.warnings);
            runs_.extract(result);
            for (const auto& [path, entry] : runs_.entries(result)) {
                if (!entry.unstable) continue;
                unstable = true;
                EXPECT_THAT(log_of(result), HasSubstr("changed while it was read"));
            }
        }
    }
    EXPECT_TRUE(unstable);
    wait_for_next_tick(runs_.temp().path());
    runs_.run();
    EXPECT_LT(runs_.run().trailer.counts.stored_bytes, 4096U);
}

}  // namespace
}  // namespace icecore::testing
