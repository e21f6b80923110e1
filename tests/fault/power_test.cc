// Power fails at every step of what is done to the backup directory's files.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "base/format.h"
#include "fault/child.h"
#include "fault/fault_points.h"
#include "fault/fault_tree.h"
#include "fault/promises.h"

namespace icecore::testing {
namespace {

enum class CatalogFate { kept, gone, halved };

struct Parameters {
    bool first_run;
    std::string variant;  ///< what the disk loses (PowerDisk)
};

void PrintTo(const Parameters& p, std::ostream* out) {
    *out << p.variant << (p.first_run ? ", first run" : "");
}

class PowerLoss : public ::testing::TestWithParam<Parameters> {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    CommandResult run(std::uint64_t at) {
        return run_backup_child(tree_.set, {.power = format("{}:{}", at, GetParam().variant)});
    }
    FaultTree tree_;
};

TEST_P(PowerLoss, KeepsThePromises) {
    if (!GetParam().first_run) {
        ASSERT_EQ(run_backup_child(tree_.set, {}).status, 0);
        tree_.change();
        tree_.save_backup();
    }
    CommandResult counted = run(0);
    ASSERT_EQ(counted.status, 0) << counted.err;
    std::uint64_t steps = std::strtoull(counted.err.c_str() + counted.err.rfind("steps ") + 6, nullptr, 10);
    ASSERT_GT(steps, 30U) << counted.err;
    TreeSnapshot source = snapshot_tree(tree_.tree.root());

    std::vector<std::uint64_t> points = fault_points(steps, 5);
    if (points.back() != steps) points.push_back(steps);
    std::uint64_t turn = fault_seed();
    for (std::uint64_t at : points) {
        for (CatalogFate fate : {CatalogFate::kept, CatalogFate::gone, CatalogFate::halved}) {
            if (!long_form() && static_cast<std::uint64_t>(fate) != turn % 3 && at != steps) continue;
            SCOPED_TRACE(format("ICECORE_POINT={} of {}, catalogue {}", at, steps, static_cast<int>(fate)));
            tree_.reset_backup();
            Promises promises(tree_);
            promises.check_sealed();
            ASSERT_EQ(run(at).status, 128 + SIGKILL);
            if (fate == CatalogFate::gone) tree_.remove_catalog();
            if (fate == CatalogFate::halved) tree_.halve_catalog();
            promises.check_sealed();
            if (at == steps) {  // the run had returned: it must be there
                promises.check_success(source);
                EXPECT_EQ(tree_.catalog()->last_run()->number(), GetParam().first_run ? 1U : 2U);
            }
            CommandResult next = run_backup_child(tree_.set, {});
            EXPECT_EQ(next.status, 0) << next.err;
            promises.check_success(source);
            if (HasFailure()) return;
        }
        ++turn;
    }
}

INSTANTIATE_TEST_SUITE_P(Disk, PowerLoss,
                         ::testing::Values(Parameters{true, "drop"}, Parameters{true, "names"},
                                           Parameters{true, "zeros"}, Parameters{true, "half"},
                                           Parameters{false, "drop"}, Parameters{false, "names"},
                                           Parameters{false, "zeros"}, Parameters{false, "half"}),
                         [](const auto& each) {
                             return (each.param.first_run ? "first_run_" : "later_run_") + each.param.variant;
                         });

}  // namespace
}  // namespace icecore::testing
