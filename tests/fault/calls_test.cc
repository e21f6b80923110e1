// The N-th system call fails: a backup, full and incremental, and a restore, by the real program and by the
// engine with small volumes.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/format.h"
#include "fault/child.h"
#include "fault/fault_points.h"
#include "fault/fault_tree.h"
#include "fault/promises.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

enum class Program { engine, icecore };
enum class Job { full, incremental, restore };

struct Parameters {
    Program program;
    Job job;
    std::string mode;   ///< of the fault injector
    bool sticky;        ///< all calls from the N-th on
    unsigned in_short;  ///< places that the short form tries
};

void PrintTo(const Parameters& p, std::ostream* out) {
    *out << p.mode << (p.sticky ? "+" : "");
}

class FailingCalls : public ::testing::TestWithParam<Parameters> {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    void SetUp() override {
        write_config();
        if (GetParam().job == Job::full) return;
        ASSERT_EQ(run("").status, 0);
        if (GetParam().job == Job::incremental) tree_.change();
        tree_.save_backup();
    }

    void write_config() const {
        std::ofstream(config()) << format(
            "[[set]]\nname = \"set\"\ndata = \"{}\"\nbackup = \"{}\"\ncompression = \"zstd:1\"\n",
            tree_.set.data_dir, tree_.set.backup_dir);
    }
    std::string config() const { return tree_.temp() / "icecore.toml"; }
    std::string trace() const { return tree_.temp() / "trace"; }

    /// The backup, with a fault unless it is empty.
    CommandResult run(const std::string& fault) {
        unlink(trace().c_str());
        if (GetParam().program == Program::engine)
            return run_backup_child(tree_.set, {.fault = fault, .trace = trace()});
        return run_with_fault({ICECORE_PROGRAM, "--config", config(), "backup"}, fault, trace());
    }

    std::string fault(std::uint64_t at) const {
        return format("{}:{}{}", GetParam().mode, at, GetParam().sticky ? "+" : "");
    }

    /// The places to try: a sample, and those around each seal.
    std::vector<std::uint64_t> places() const {
        std::vector<std::string> calls = trace_lines(trace());
        EXPECT_GT(calls.size(), 20U) << "the fault injector saw no calls";
        std::vector<std::uint64_t> points = fault_points(calls.size(), GetParam().in_short);
        if (long_form() || GetParam().in_short < kEnoughForSeals || std::getenv("ICECORE_POINT") != nullptr)
            return points;
        for (std::uint64_t i = 1; i <= calls.size(); ++i)
            if (calls[i - 1].find(" rename") != std::string::npos)
                for (std::uint64_t near : {i - 1, i, i + 1, i + 2}) points.push_back(near);
        std::sort(points.begin(), points.end());
        points.erase(std::unique(points.begin(), points.end()), points.end());
        return points;
    }

    /// Done, done but for some files, or failed with a message that says what failed.
    void check_status(const CommandResult& hit, bool harmless) const {
        if (harmless) {
            EXPECT_EQ(hit.status, 0);
            return;
        }
        bool no_config = hit.status == 2 && hit.err.find(config()) != std::string::npos;
        EXPECT_TRUE(hit.status == 0 || hit.status == 1 || hit.status == 3 || no_config);
        if (hit.status == 1) {
            EXPECT_NE(hit.err.find("error: "), std::string::npos);
        }
        if (hit.status == 3) {
            EXPECT_NE(hit.err, "");
        }
    }

    static constexpr unsigned kEnoughForSeals = 10;
    FaultTree tree_;
};

using FailingBackup = FailingCalls;

TEST_P(FailingBackup, KeepsThePromises) {
    const Parameters& p = GetParam();
    CommandResult counted = run(fault(0));
    ASSERT_EQ(counted.status, 0) << counted.err;
    TreeSnapshot source = snapshot_tree(tree_.tree.root());
    bool harmless = p.mode == "EINTR" || p.mode == "short";
    for (std::uint64_t at : places()) {
        tree_.reset_backup();
        Promises promises(tree_);
        promises.check_sealed();
        CommandResult hit = run(fault(at));
        std::vector<std::string> calls = trace_lines(trace());
        SCOPED_TRACE(format("ICECORE_POINT={}: {}\nstatus {}: {}", at, calls.empty() ? "no call" : calls[0],
                            hit.status, hit.err));
        if (p.mode == "kill") {
            EXPECT_TRUE(hit.status == 0 || hit.status == 128 + SIGKILL);
        } else {
            check_status(hit, harmless);
        }
        promises.check_sealed();
        if (hit.status == 3) promises.check_success(source);
        if (hit.status == 0 && (at % 8 == 0 || harmless)) promises.check_success(source);
        CommandResult next = run("");
        EXPECT_EQ(next.status, 0) << next.err;
        promises.check_success(source);
        if (HasFailure()) return;
    }
}

TEST(Calls, ANewBackupDirectoryIsMadeDurable) {
    FaultTree tree;
    std::string trace = tree.temp() / "trace";
    ASSERT_EQ(run_backup_child(tree.set, {.fault = "EIO:0", .trace = trace}).status, 0);
    EXPECT_NE(read_file(trace).find(" fsync " + tree.temp().path() + " \n"), std::string::npos)
        << "the directory that it was made in is never synced";
}

constexpr Program kEngine = Program::engine;
constexpr Program kIcecore = Program::icecore;

std::string test_name(const ::testing::TestParamInfo<Parameters>& info) {
    return info.param.mode + (info.param.sticky ? "_and_all_later" : "");
}

std::vector<Parameters> backups(Program program, Job job, unsigned most) {
    return {{program, job, "EIO", false, most},        {program, job, "EIO", true, most / 2},
            {program, job, "ENOSPC", false, most / 2}, {program, job, "ENOSPC", true, most / 2},
            {program, job, "EINTR", false, most / 3},  {program, job, "EMFILE", false, most / 3},
            {program, job, "short", false, most / 3},  {program, job, "kill", false, most}};
}

INSTANTIATE_TEST_SUITE_P(Full, FailingBackup, ::testing::ValuesIn(backups(kEngine, Job::full, 6)), test_name);
INSTANTIATE_TEST_SUITE_P(Incremental, FailingBackup,
                         ::testing::ValuesIn(backups(kEngine, Job::incremental, 12)), test_name);
INSTANTIATE_TEST_SUITE_P(IncrementalByIcecore, FailingBackup,
                         ::testing::ValuesIn(backups(kIcecore, Job::incremental, 3)), test_name);

class FailingRestore : public FailingCalls {
  protected:
    CommandResult restore_to(const std::string& to, const std::string& fault) {
        unlink(trace().c_str());
        return run_with_fault({ICECORE_PROGRAM, "--config", config(), "restore", "--quiet", "--to", to},
                              fault, trace());
    }
};

/// Whether `messages` name one of the paths of a difference, or a directory that it lies in.
bool is_told(const std::string& messages, const std::string& difference) {
    if (difference.find(".icecore-restore-") != std::string::npos) return true;
    std::string paths = difference.substr(0, difference.find(": "));
    for (std::size_t begin = 0; begin < paths.size();) {
        std::size_t end = std::min(paths.find(", ", begin), paths.size());
        for (std::string path = paths.substr(begin, end - begin); !path.empty();
             path = std::string(parent_path(path)))
            if (messages.find("not restored: " + path + ": ") != std::string::npos) return true;
        begin = end + 2;
    }
    return false;
}

TEST_P(FailingRestore, NeverLeavesAWrongFile) {
    const Parameters& p = GetParam();
    TreeSnapshot source = snapshot_tree(tree_.tree.root());
    std::string to = tree_.temp() / "to";
    ASSERT_EQ(restore_to(to, fault(0)).status, 0);
    remove_tree_at(AT_FDCWD, to);
    bool harmless = p.mode == "EINTR" || p.mode == "short";
    for (std::uint64_t at : places()) {
        CommandResult hit = restore_to(to, fault(at));
        std::vector<std::string> calls = trace_lines(trace());
        SCOPED_TRACE(format("ICECORE_POINT={}: {}\nstatus {}: {}", at, calls.empty() ? "no call" : calls[0],
                            hit.status, hit.err));
        check_status(hit, harmless);
        if (path_exists(to)) {
            TreeSnapshot got = snapshot_tree(to);
            for (const auto& [path, entry] : got.entries) {
                if (entry.type != FileType::regular || base_name(path).starts_with(".icecore-restore-"))
                    continue;
                auto there = source.entries.find(path);
                EXPECT_TRUE(there != source.entries.end() && there->second.content == entry.content) << path;
            }
            std::vector<std::string> wrong = differences(source, got, tree_.compare);
            if (hit.status == 0) {
                EXPECT_EQ(join_lines(wrong), "");
            }
            if (hit.status == 3) {  // each name that differs is told of, or the directory that it is in
                std::erase_if(wrong, [&](const std::string& line) { return is_told(hit.err, line); });
                EXPECT_EQ(join_lines(wrong), "") << "differs, and nothing was said";
            }
        }
        remove_tree_at(AT_FDCWD, to);
        if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Calls, FailingRestore,
                         ::testing::Values(Parameters{kIcecore, Job::restore, "EIO", false, 20},
                                           Parameters{kIcecore, Job::restore, "EIO", true, 8},
                                           Parameters{kIcecore, Job::restore, "ENOSPC", false, 12},
                                           Parameters{kIcecore, Job::restore, "EINTR", false, 8},
                                           Parameters{kIcecore, Job::restore, "EMFILE", false, 8},
                                           Parameters{kIcecore, Job::restore, "short", false, 8}),
                         test_name);

}  // namespace
}  // namespace icecore::testing
