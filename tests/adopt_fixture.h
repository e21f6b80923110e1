#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/adopt.h"
#include "old_script.h"

namespace icecore::testing {

inline engine::AdoptResult adopt_into(CheckedRuns& runs, const std::string& dir,
                                      engine::AdoptRequest request = {}) {
    request.find.dir = dir;
    return engine::adopt(runs.environment(), runs.set, request, runs.observer);
}

/// Extracts archive after archive by tar, and compares each state with the run's.
inline void check_adopted_runs(CheckedRuns& runs, OldScript& script, const engine::AdoptResult& result) {
    for (const engine::AdoptedRun& run : result.runs) {
        SCOPED_TRACE(format("run {} ({})", run.header.run, run.name));
        if (run.header.kind == archive::RunKind::full) {
            ASSERT_EQ(run_command({"find", script.bare(), "-mindepth", "1", "-delete"}).status, 0);
        }
        script.extract(join_path(runs.set.backup_dir, run.header.archive_name));
        EXPECT_EQ(join_lines(runs.restore_differences(run.header.run, snapshot_tree(script.bare()))), "")
            << script.last().err;
    }
}

inline void make_socket(const std::string& path) {
    ASSERT_EQ(
        run_command({"python3", "-c", "import socket; socket.socket(socket.AF_UNIX).bind('" + path + "')"})
            .status,
        0);
}

/// A set whose past is archives of GNU tar.
class Adopt : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    engine::AdoptResult adopt(const std::string& dir, const engine::AdoptRequest& request = {}) {
        return adopt_into(runs_, dir, request);
    }
    Error error_of(const std::string& dir, const engine::AdoptRequest& request = {}) {
        try {
            adopt(dir, request);
        } catch (const Error& e) {
            return e;
        }
        ADD_FAILURE() << "it was adopted";
        return Error(Error::Kind::io, "none");
    }
    void check_runs(OldScript& script, const engine::AdoptResult& result) {
        check_adopted_runs(runs_, script, result);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

}  // namespace icecore::testing
