// A change within the same clock tick as the backup is not missed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/format.h"
#include "base/hash.h"
#include "checked_runs.h"
#include "scan/change.h"

namespace icecore::testing {
namespace {

/// The same size, and the old mtime set again: only ctime could tell, if the tick had passed.
void overwrite_quietly(const std::string& path, std::string_view content) {
    struct stat st {};
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    Fd fd = open_file(path, O_WRONLY);
    pwrite_full(fd.get(), content, 0);
    timespec times[2] = {st.st_atim, st.st_mtim};
    ASSERT_EQ(futimens(fd.get(), times), 0);
}

TEST(Racy, FreshFilesAreMarkedAndCheckedAgain) {
    CheckedRuns runs(
        -1);  // the clock shows what it showed before the files were written: they are within the window
    runs.tree.file("fresh", "content");
    runs.tree.file("dir/large", noise(2 << 20, 1));
    engine::BackupResult first = runs.backup();
    for (const auto& [path, entry] : runs.entries(first)) EXPECT_TRUE(entry.racy) << path;
    std::optional<catalog::Entry> fresh = runs.catalog()->lookup(1, "fresh");
    ASSERT_TRUE(fresh && fresh->racy);
    // If such a file is written again within the tick, nothing that stat(2) tells differs: it must be hashed.
    EXPECT_EQ(scan::compare(fresh->stat, fresh->racy, fresh->stat), scan::Verdict::suspect);
    EXPECT_EQ(scan::compare(fresh->stat, false, fresh->stat), scan::Verdict::unchanged);

    // Once the tick has passed, it is read once more, found unchanged, and trusted from then on.
    ShiftedClock later(10);
    std::unique_ptr<FileSystem> fs = make_file_system();
    engine::Environment environment{later, *fs, "host", "0.0.0-test", 2};
    engine::BackupResult second = engine::run_backup(environment, runs.set, {}, runs.observer);
    EXPECT_GT(second.trailer.counts.read_bytes, 2U << 20);
    EXPECT_EQ(runs.catalog()->lookup(2, "fresh")->location.run, 1U) << "not stored again";
    EXPECT_FALSE(runs.catalog()->lookup(2, "fresh")->racy);
    engine::BackupResult third = engine::run_backup(environment, runs.set, {}, runs.observer);
    EXPECT_EQ(third.trailer.counts.read_bytes, 0U);
}

TEST(Racy, OldFilesAreNot) {
    CheckedRuns runs(10);
    runs.tree.file("old", "content");
    engine::BackupResult first = runs.backup();
    EXPECT_FALSE(runs.entries(first).at("old").racy);
}

/// The race itself, as often as there is time for: change, back up, change again as quickly as possible.
void race(CheckedRuns& runs, int rounds) {
    std::string path = runs.tree / "file";
    std::string last;
    runs.tree.file("file", format("{:08}", 0));
    for (int i = 1; i <= rounds; ++i) {
        last = format("{:08}", i);
        overwrite_quietly(path, last);
        engine::BackupResult result = runs.backup();
        overwrite_quietly(path, format("{:08}", i + 10'000));
        std::optional<catalog::Entry> entry = runs.catalog()->lookup(result.header.run, "file");
        ASSERT_TRUE(entry);
        ASSERT_EQ(entry->sha256, sha256(last)) << "round " << i;
    }
    engine::BackupResult result = runs.backup();
    EXPECT_EQ(join_lines(runs.restore_differences(result.header.run, snapshot_tree(runs.tree.root()))), "");
}

TEST(Racy, QuickChangesAreNeverMissedOnDisk) {
    CheckedRuns runs(0);
    race(runs, 40);
}

TEST(Racy, QuickChangesAreNeverMissedInMemory) {
    prefer_memory_for_temporary_files();
    CheckedRuns runs(0);
    race(runs, 160);
}

}  // namespace
}  // namespace icecore::testing
