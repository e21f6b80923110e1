// `icecore adopt` is killed, and meets failing system calls: the old archives are never lost, and whatever it
// left behind, it or the next backup goes on.

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
#include "old_script.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

enum class Way { link, copy, rename_in_place };

struct Parameters {
    Way way;
    std::string mode;   ///< of the fault injector
    bool sticky;        ///< all calls from the N-th on
    unsigned in_short;  ///< places that the short form tries
};

void PrintTo(const Parameters& p, std::ostream* out) {
    *out << p.mode << (p.sticky ? "+" : "");
}

class FailingAdoption : public ::testing::TestWithParam<Parameters> {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    /// Three archives as the old script made them, and the tree as it was at the last.
    void SetUp() override {
        tree_.set.volume_bytes_max = 1 << 30;  // as in the configuration: the program makes the next run
        wait_for_next_tick(tree_.temp().path());
        script_.run();
        tree_.change();
        script_.run();
        tree_.tree.remove("z/linked");
        tree_.tree.rename("new", "newer");
        script_.run();
        source_ = snapshot_tree(tree_.tree.root());
        if (GetParam().way == Way::rename_in_place) tree_.set.backup_dir = script_.dir();
        ASSERT_EQ(run_command({"cp", "-a", script_.dir(), saved()}).status, 0);
        for (const std::string& name : list_directory(saved())) originals_[name] = digest(saved(), name);
        std::ofstream(config()) << format(
            "[[set]]\nname = \"set\"\ndata = \"{}\"\nbackup = \"{}\"\ncompression = \"zstd:1\"\n",
            tree_.set.data_dir, tree_.set.backup_dir);
    }

    std::string saved() const { return tree_.temp() / "saved"; }
    std::string config() const { return tree_.temp() / "icecore.toml"; }
    std::string trace() const { return tree_.temp() / "trace"; }
    static std::string digest(const std::string& dir, const std::string& name) {
        return sha256(read_file(join_path(dir, name))).hex();
    }

    /// As before anything was adopted.
    void reset() {
        remove_tree_at(AT_FDCWD, tree_.set.backup_dir);
        remove_tree_at(AT_FDCWD, script_.dir());
        ASSERT_EQ(run_command({"cp", "-a", saved(), script_.dir()}).status, 0);
    }

    CommandResult adopt(const std::string& fault) {
        unlink(trace().c_str());
        Argv argv = {ICECORE_PROGRAM, "--config", config(), "adopt"};
        if (GetParam().way == Way::copy) argv.emplace_back("--copy");
        if (GetParam().way == Way::rename_in_place) argv.emplace_back("--rename");
        argv.push_back(script_.dir());
        return run_with_fault(argv, fault, trace());
    }
    CommandResult backup() const {
        return run_command({ICECORE_PROGRAM, "--config", config(), "backup", "--quiet"});
    }
    std::string fault(std::uint64_t at) const {
        return format("{}:{}{}", GetParam().mode, at, GetParam().sticky ? "+" : "");
    }

    /// A sample, and the places around each name that is made, changed or removed.
    std::vector<std::uint64_t> places() const {
        std::vector<std::string> calls = trace_lines(trace());
        EXPECT_GT(calls.size(), 50U) << "the fault injector saw no calls";
        std::vector<std::uint64_t> points = fault_points(calls.size(), GetParam().in_short);
        if (long_form() || GetParam().mode != "kill" || std::getenv("ICECORE_POINT") != nullptr)
            return points;
        for (std::uint64_t i = 1; i <= calls.size(); ++i)
            for (const char* call : {" rename", " link", " unlink"})
                if (calls[i - 1].find(call) != std::string::npos &&
                    calls[i - 1].find(".db") == std::string::npos)
                    points.insert(points.end(), {i, i + 1});
        std::sort(points.begin(), points.end());
        points.erase(std::unique(points.begin(), points.end()), points.end());
        std::erase_if(points, [&](std::uint64_t at) { return at > calls.size(); });
        return points;
    }

    /// Each archive of tar's is there with its bytes: under its name, unless that was to be removed; else
    /// under the run's. And the snapshot file, until a run of ours has one in its place.
    void check_originals(bool gone_on = false) const {
        std::set<std::string> there;
        for (const std::string& dir : {script_.dir(), tree_.set.backup_dir}) {
            if (!path_exists(dir)) continue;
            for (const std::string& name : list_directory(dir)) there.insert(digest(dir, name));
        }
        for (const auto& [name, was] : originals_) {
            bool in_place = GetParam().way == Way::rename_in_place;
            if (in_place && name != "archive.snar") {
                EXPECT_TRUE(there.contains(was)) << name << " is lost";
            } else if (!in_place || !gone_on) {
                ASSERT_TRUE(path_exists(script_.path(name))) << name << " is gone";
                EXPECT_EQ(digest(script_.dir(), name), was) << name << " has changed";
            }
        }
    }

    /// The adoption was complete but for that, and a run has come after it.
    void remove_old_names() const {
        for (const auto& [name, was] : originals_)
            if (name != "archive.snar") unlink(script_.path(name).c_str());
    }

    void check_status(const CommandResult& hit) const {
        if (GetParam().mode == "kill") {
            EXPECT_TRUE(hit.status == 0 || hit.status == 128 + SIGKILL);
            return;
        }
        bool harmless = GetParam().mode == "EINTR" || GetParam().mode == "short";
        bool no_config = hit.status == 2 && hit.err.find(config()) != std::string::npos;
        EXPECT_TRUE(hit.status == 0 || (!harmless && (hit.status == 1 || hit.status == 3 || no_config)));
        if (hit.status != 0) {
            EXPECT_NE(hit.err.find(hit.status == 3 ? "warning: " : "error: "), std::string::npos);
        }
    }

    FaultTree tree_;
    OldScript script_{tree_, {.format = "pax", .suffix = ".tar.zst", .attributes = true}};
    TreeSnapshot source_;
    std::map<std::string, std::string> originals_;  ///< digests by name
};

TEST_P(FailingAdoption, GoesOn) {
    ASSERT_EQ(adopt(fault(0)).status, 0);
    std::vector<std::uint64_t> points = places();
    unsigned hits = 0;
    for (std::uint64_t at : points) {
        reset();
        Promises promises(tree_);
        CommandResult hit = adopt(fault(at));
        std::vector<std::string> calls = trace_lines(trace());
        SCOPED_TRACE(format("ICECORE_POINT={}: {}\nstatus {}: {}", at, calls.empty() ? "no call" : calls[0],
                            hit.status, hit.err));
        hits += hit.status == 0 ? 0 : 1;
        check_status(hit);
        check_originals();
        promises.check_sealed();
        bool gone_on = false;
        if (at % 3 == 0) {  // cron comes first
            CommandResult next = backup();
            gone_on = next.status == 0;
            if (gone_on && GetParam().way == Way::rename_in_place) remove_old_names();
            check_originals(gone_on);
            if (!gone_on) {
                EXPECT_NE(next.err.find("`icecore adopt "), std::string::npos) << next.err;
            }
        }
        if (!gone_on) {
            CommandResult next = adopt("");
            EXPECT_EQ(next.status, 0) << next.err;
            check_originals();
            EXPECT_EQ(tree_.catalog()->runs().size(), 3U);
        }
        promises.check_success(source_);
        if (HasFailure()) return;
    }
    EXPECT_TRUE(hits > 0 || GetParam().mode == "EINTR" || GetParam().mode == "short");
}

std::string test_name(const ::testing::TestParamInfo<Parameters>& info) {
    return info.param.mode + (info.param.sticky ? "_and_all_later" : "");
}

std::vector<Parameters> faults(Way way, unsigned most) {
    return {{way, "kill", false, most},      {way, "EIO", false, most},
            {way, "EIO", true, most / 2},    {way, "ENOSPC", false, most / 2},
            {way, "ENOSPC", true, most / 2}, {way, "EMFILE", false, most / 3},
            {way, "EINTR", false, most / 3}, {way, "short", false, most / 3}};
}

INSTANTIATE_TEST_SUITE_P(Linking, FailingAdoption, ::testing::ValuesIn(faults(Way::link, 9)), test_name);
INSTANTIATE_TEST_SUITE_P(Copying, FailingAdoption, ::testing::ValuesIn(faults(Way::copy, 6)), test_name);
INSTANTIATE_TEST_SUITE_P(RenamingInPlace, FailingAdoption,
                         ::testing::ValuesIn(faults(Way::rename_in_place, 9)), test_name);

}  // namespace
}  // namespace icecore::testing
