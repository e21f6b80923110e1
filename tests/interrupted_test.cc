// Runs that are stopped at any step: what their sealed volumes hold is kept, as an archive of its own.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/error.h"
#include "base/format.h"
#include "base/forwarding_file_system.h"
#include "checked_runs.h"
#include "support/directory.h"
#include "support/history_gen.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;

/// A file system whose process dies at the N-th step: from then on nothing happens any more, and what is
/// destroyed leaves its partial file behind.
class CrashingFileSystem final : public ForwardingFileSystem {
  public:
    explicit CrashingFileSystem(unsigned at) : at_(at) {}
    bool crashed() const { return crashed_; }
    unsigned steps() const { return steps_; }

    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        return std::make_unique<File>(*this, ForwardingFileSystem::create(dir, name, replace));
    }
    void step() override {
        crashed_ = crashed_ || ++steps_ == at_;
        if (crashed_) throw Error(Error::Kind::cancelled, "the process is dead");
    }

  private:
    class File final : public OutputFile {
      public:
        File(CrashingFileSystem& fs, std::unique_ptr<OutputFile> file) : fs_(fs), file_(std::move(file)) {}
        ~File() override {
            if (fs_.crashed()) file_->sync();
        }
        void write(std::string_view data) override {
            if (fs_.crashed()) fs_.step();
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
        CrashingFileSystem& fs_;
        std::unique_ptr<OutputFile> file_;
    };

    unsigned at_;
    std::atomic<unsigned> steps_ = 0;
    std::atomic<bool> crashed_ = false;
};

class Interrupted : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    void make_small_volumes(const std::string& compression) {
        runs_.set.compression = archive::parse_compression(compression);
        runs_.set.frame_bytes_max = 2 << 10;
        runs_.set.volume_bytes_max = 3 << 10;
    }

    /// Forgets all backups.
    void start_over() {
        remove_tree_at(AT_FDCWD, runs_.set.backup_dir);
        for (const std::string& name : list_directory(runs_.temp().path()))
            if (name.starts_with("bare")) remove_tree_at(AT_FDCWD, runs_.temp() / name);
        checked_ = 0;
    }

    /// A backup that dies at step `at`. Returns whether it did.
    bool crash(unsigned at) {
        CrashingFileSystem fs(at);
        engine::Environment environment = environment_with(fs);
        try {
            engine::BackupRequest request;
            request.allow_empty = true;
            engine::run_backup(environment, runs_.set, request, runs_.observer);
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::cancelled) << e.what();
        }
        return fs.crashed();
    }

    engine::Environment environment_with(FileSystem& fs) const {
        const engine::Environment& real = runs_.environment();
        return {real.clock, fs, real.host, real.program_version, 2};
    }

    /// Backs up and checks every run since the last check: bare tar and icecore must agree on each, and the
    /// last must be what the data directory holds.
    engine::BackupResult recover() {
        engine::BackupRequest request;
        request.allow_empty = true;
        TreeSnapshot source = snapshot_tree(runs_.set.data_dir);
        engine::BackupResult result = runs_.backup(request);
        EXPECT_EQ(result.trailer.counts.errors, 0U) << join_lines(runs_.observer.warnings);
        auto catalog = runs_.catalog();
        for (const catalog::Run& run : catalog->runs()) {
            if (run.number() <= checked_) continue;
            engine::BackupResult one;
            one.header = run.header;
            one.trailer = run.trailer;
            runs_.extract(one);
            std::string to = runs_.temp() / format("closed{}", run.number());
            engine::RestoreResult restored = runs_.restore(run.number(), to);
            EXPECT_EQ(join_lines(restored.problems.lines()), "") << "run " << run.number();
            auto wrong = differences(snapshot_tree(to), snapshot_tree(runs_.bare), compare_);
            drop_known_limit(wrong);
            EXPECT_EQ(join_lines(wrong), "") << "icecore and bare tar on run " << run.number()
                                             << (run.header.interrupted ? ", interrupted" : "");
            remove_tree_at(AT_FDCWD, to);
            interrupted_ += run.header.interrupted ? 1 : 0;
            checked_ = run.number();
        }
        auto wrong = differences(source, snapshot_tree(runs_.bare), compare_);
        drop_known_limit(wrong);
        EXPECT_EQ(join_lines(wrong), "") << "by bare tar, run " << result.header.run;
        for (const std::string& name : list_directory(runs_.set.backup_dir)) {
            bool part_of_a_run = engine::parse_archive_name("set", name).has_value();
            EXPECT_TRUE(part_of_a_run || name == "archive.snar" || name == "README.restore.txt" ||
                        name == ".lock" || name.starts_with("catalog.db"))
                << name;
        }
        wait_for_next_tick(runs_.temp().path());
        return result;
    }

    /// An attribute that the root lost stays on what bare tar restored (doc/format.md, "Attributes").
    static void drop_known_limit(std::vector<std::string>& wrong) {
        std::erase_if(wrong, [](const std::string& line) { return line.starts_with(".: xattr "); });
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
    CompareOptions compare_;
    catalog::RunNumber checked_ = 0;
    unsigned interrupted_ = 0;
};

TEST_F(Interrupted, FirstRunStoppedAtEveryStep) {
    make_small_volumes("zstd:1");
    for (int i = 0; i < 6; ++i)
        tree_.file(format("dir{}/file", i), noise(3000, static_cast<std::uint32_t>(i)));
    tree_.link("dir1/file", "dir4/linked");
    tree_.file("large", noise(9000, 77));
    for (unsigned at = 1;; ++at) {
        SCOPED_TRACE(format("stopped at step {}", at));
        start_over();
        if (!crash(at)) break;
        recover();
        if (HasFailure()) return;
    }
    EXPECT_GT(interrupted_, 20U) << "so many were closed";
}

TEST_F(Interrupted, WhatIsSealedIsNotStoredAgain) {
    make_small_volumes("zstd:1");
    tree_.file("file", noise(60'000, 1));
    CrashingFileSystem whole(0);
    {
        engine::Environment environment = environment_with(whole);
        engine::run_backup(environment, runs_.set, {}, runs_.observer);
        remove_tree_at(AT_FDCWD, runs_.set.backup_dir);
    }
    ASSERT_TRUE(crash(whole.steps() / 2));
    engine::BackupResult result = recover();
    ASSERT_TRUE(result.interrupted.has_value());
    EXPECT_EQ(result.interrupted->outcome, engine::InterruptedRun::Outcome::closed);
    EXPECT_GT(result.interrupted->volumes, 5U);
    EXPECT_EQ(result.header.run, 2U);
    EXPECT_LT(result.trailer.counts.stored_bytes, 3000U) << "nothing but the root";
    EXPECT_THAT(read_file(result.log_file), HasSubstr("run 1 was interrupted"));
}

TEST_F(Interrupted, FileThatWasCutAndHasChangedSince) {
    make_small_volumes("none");
    tree_.file("file", noise(60'000, 1));
    ASSERT_TRUE(crash(30));
    tree_.file("file", noise(60'000, 2));
    recover();
    EXPECT_EQ(interrupted_, 1U);
    auto catalog = runs_.catalog();
    EXPECT_TRUE(catalog->run(1)->header.interrupted);
    EXPECT_FALSE(catalog->run(2)->header.interrupted);
}

TEST_F(Interrupted, SnapshotFileThatSomebodyDeletedStaysDeleted) {
    make_small_volumes("zstd:1");
    tree_.file("file", noise(20'000, 1));
    recover();
    tree_.file("other", noise(20'000, 2));
    ASSERT_TRUE(crash(30));
    ASSERT_EQ(unlink((runs_.set.backup_dir + "/archive.snar").c_str()), 0);
    engine::BackupResult result = recover();
    EXPECT_EQ(result.header.reason, "archive.snar is missing");
    EXPECT_EQ(interrupted_, 1U);
}

/// Random histories in which every run is stopped some times at a random step before it goes through.
class InterruptedHistory : public Interrupted, public ::testing::WithParamInterface<const char*> {};

TEST_P(InterruptedHistory, EveryRunIsStopped) {
    const char* wanted = std::getenv("ICECORE_HISTORIES");
    const char* only = std::getenv("ICECORE_HISTORY_SEED");
    int histories = wanted != nullptr ? std::atoi(wanted) : 12;
    for (int i = 0; i < histories; ++i) {
        std::uint64_t seed =
            only != nullptr ? std::strtoull(only, nullptr, 10) : 7000 + static_cast<unsigned>(i);
        SCOPED_TRACE(format("seed {}", seed));
        start_over();
        remove_tree_at(AT_FDCWD, runs_.set.data_dir);
        runs_.temp().make_dir("data");
        std::uint64_t random = seed * 2654435761U;
        make_small_volumes(GetParam());
        for (const Steps& steps : random_history(seed, 5, 14, Mix{})) {
            apply_steps(steps, runs_.set.data_dir);
            for (int crashes = 0; crashes < 3; ++crashes) {
                random = random * 6364136223846793005ULL + 1442695040888963407ULL;
                if (!crash(1 + static_cast<unsigned>((random >> 33) % 120))) break;
                if ((random >> 20) % 2 == 0) {
                    wait_for_next_tick(runs_.temp().path());
                    apply_steps({steps.front()}, runs_.set.data_dir);
                }
            }
            recover();
            if (HasFailure()) return;
        }
        if (only != nullptr) break;
    }
    EXPECT_GT(interrupted_, 3U) << "so many were closed";
}

INSTANTIATE_TEST_SUITE_P(Compressions, InterruptedHistory, ::testing::Values("zstd:1", "gzip:1", "none"),
                         [](const auto& param) { return std::string(param.param).substr(0, 4); });

}  // namespace
}  // namespace icecore::testing
