// Adopted histories of a lively tree: every run restores to what bare tar makes of the same archives, and the
// chain goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "adopt_fixture.h"
#include "support/directory.h"
#include "support/history.h"

namespace icecore::testing {
namespace {

using ::testing::IsEmpty;

struct Kind {
    std::string format;
    std::string suffix;
    bool attributes;
};
std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.format << kind.suffix;
}

class AdoptKinds : public Adopt, public ::testing::WithParamInterface<Kind> {};

/// A lively tree under tar for some runs, then under icecore. Bare tar gets many such histories wrong;
/// icecore must give back the same, and right after the next backup.
TEST_P(AdoptKinds, RandomHistories) {
    const char* wanted = std::getenv("ICECORE_HISTORIES");
    const char* only = std::getenv("ICECORE_HISTORY_SEED");
    for (int i = 0; i < (wanted != nullptr ? std::atoi(wanted) : 5); ++i) {
        std::uint64_t seed =
            only != nullptr ? std::strtoull(only, nullptr, 10) : 77000 + static_cast<unsigned>(i);
        SCOPED_TRACE(format("seed {}", seed));
        CheckedRuns runs;
        OldScript script(runs, {GetParam().format, GetParam().suffix, GetParam().attributes});
        bool exact = GetParam().format == "pax";
        Mix mix;
        if (!GetParam().attributes) mix.directory_xattr_removal = false;
        History history = random_history(seed, 6, 14, mix);
        for (std::size_t run = 0; run < 5; ++run) {
            apply_steps(history[run], runs.set.data_dir);
            if (run == 3)
                unlink(script.path("archive.snar").c_str());  // a new full archive, as it was asked for
            wait_for_next_tick(runs.temp().path());
            script.run();
        }
        engine::AdoptResult result = adopt_into(runs, script.dir());
        ASSERT_EQ(result.runs.size(), 5U);
        // Of some trees tar's own snapshot file and its archive tell different things.
        EXPECT_NE(result.snapshot, engine::AdoptResult::Snapshot::missing);
        check_adopted_runs(runs, script, result);
        EXPECT_THAT(runs.verify_deeply(), IsEmpty());

        apply_steps(history[5], runs.set.data_dir);
        TreeSnapshot source = snapshot_tree(runs.set.data_dir);
        engine::BackupResult next = runs.backup({.allow_empty = true});
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        for (const std::string& volume : runs.volumes(next)) script.extract(volume);
        TreeSnapshot bare = snapshot_tree(script.bare());
        auto seen = [&](const TreeSnapshot& tree) { return exact ? tree : in_whole_seconds(tree); };
        EXPECT_EQ(join_lines(differences(seen(source), seen(bare))), "")
            << "by bare tar, " << script.last().err;
        std::string to = runs.temp() / "restored-next";
        runs.restore(next.header.run, to);
        EXPECT_EQ(join_lines(differences(seen(source), seen(snapshot_tree(to)))), "");
        if (HasFailure() || only != nullptr) return;
    }
}

/// What GNU tar gets right: nothing is lost, nothing to complain about, and the next run stores next to
/// nothing.
TEST_P(AdoptKinds, PlainHistories) {
    for (std::uint64_t seed = 500; seed < 503; ++seed) {
        SCOPED_TRACE(format("seed {}", seed));
        CheckedRuns runs;
        OldScript script(runs, {GetParam().format, GetParam().suffix, GetParam().attributes});
        Mix mix = kPlainMix;
        for (const Steps& steps : random_history(seed, 4, 20, mix)) {
            for (const Step& step : steps)
                if (step.action != Action::touch &&
                    (GetParam().attributes ||
                     (step.action != Action::set_xattr && step.action != Action::set_acl)))
                    apply_step(step, runs.set.data_dir);
            wait_for_next_tick(runs.temp().path());
            script.run();
        }
        engine::AdoptResult result = adopt_into(runs, script.dir());
        EXPECT_TRUE(result.is_complete());
        EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches) << result.snapshot_problem;
        TreeSnapshot source = snapshot_tree(runs.set.data_dir);
        bool exact = GetParam().format == "pax";
        auto seen = [&](const TreeSnapshot& tree) { return exact ? tree : in_whole_seconds(tree); };
        runs.restore(4, runs.temp() / "restored4");
        EXPECT_EQ(join_lines(differences(seen(source), seen(snapshot_tree(runs.temp() / "restored4")))), "")
            << "the last archives give back the tree itself";
        engine::BackupResult next = runs.backup();
        EXPECT_EQ(next.trailer.counts.added + next.trailer.counts.deleted + next.trailer.counts.renamed, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, AdoptKinds,
                         ::testing::Values(Kind{"gnu", ".tar.gz", false}, Kind{"pax", ".tar.gz", true},
                                           Kind{"gnu", ".tar", false}, Kind{"pax", ".tar", true},
                                           Kind{"oldgnu", ".tar.zst", false}));

}  // namespace
}  // namespace icecore::testing
