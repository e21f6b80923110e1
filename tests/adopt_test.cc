// Directories of archives that GNU tar made are taken over: every run that comes out of it restores to what
// bare tar makes of the same archives, and the chain goes on.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "archive/snar.h"
#include "base/error.h"
#include "base/format.h"
#include "base/forwarding_file_system.h"
#include "checked_runs.h"
#include "engine/adopt.h"
#include "engine/offsite_volumes.h"
#include "engine/rebuild.h"
#include "engine/upload.h"
#include "old_script.h"
#include "support/directory.h"
#include "support/history.h"

namespace icecore::testing {

TreeSnapshot in_whole_seconds(TreeSnapshot tree) {
    for (auto& [path, entry] : tree.entries) entry.mtime.nsec = 0;
    return tree;
}

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Adopt : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    engine::AdoptResult adopt(const std::string& dir, engine::AdoptRequest request = {}) {
        request.find.dir = dir;
        return engine::adopt(runs_.environment(), runs_.set, request, runs_.observer);
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

    /// Extracts archive after archive by tar, and compares each state with the run's.
    void check_runs(OldScript& script, const engine::AdoptResult& result) {
        for (const engine::AdoptedRun& run : result.runs) {
            SCOPED_TRACE(format("run {} ({})", run.header.run, run.name));
            if (run.header.kind == archive::RunKind::full) remove_content(script.bare());
            script.extract(join_path(runs_.set.backup_dir, run.header.archive_name));
            EXPECT_EQ(join_lines(runs_.restore_differences(run.header.run, snapshot_tree(script.bare()))), "")
                << script.last().err;
        }
    }

    static void remove_content(const std::string& dir) {
        ASSERT_EQ(run_command({"find", dir, "-mindepth", "1", "-delete"}).status, 0);
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

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
        engine::AdoptRequest request;
        request.find.dir = script.dir();
        engine::AdoptResult result = engine::adopt(runs.environment(), runs.set, request, runs.observer);
        ASSERT_EQ(result.runs.size(), 5U);
        // Of some trees tar's own snapshot file and its archive tell different things.
        EXPECT_NE(result.snapshot, engine::AdoptResult::Snapshot::missing);
        for (const engine::AdoptedRun& run : result.runs) {
            SCOPED_TRACE(format("run {}", run.header.run));
            if (run.header.kind == archive::RunKind::full) {
                ASSERT_EQ(run_command({"find", script.bare(), "-mindepth", "1", "-delete"}).status, 0);
            }
            script.extract(join_path(runs.set.backup_dir, run.header.archive_name));
            EXPECT_EQ(join_lines(runs.restore_differences(run.header.run, snapshot_tree(script.bare()))), "")
                << script.last().err;
        }
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

INSTANTIATE_TEST_SUITE_P(Kinds, AdoptKinds,
                         ::testing::Values(Kind{"gnu", ".tar.gz", false}, Kind{"pax", ".tar.gz", true},
                                           Kind{"gnu", ".tar", false}, Kind{"pax", ".tar", true},
                                           Kind{"oldgnu", ".tar.zst", false}));

TEST_F(Adopt, TheNextRunsStoreAndReadOnlyWhatChanged) {
    OldScript script(runs_, {});
    tree_.file("a/one", noise(60'000, 1));
    tree_.file("a/two", noise(50'000, 2));
    tree_.link("a/two", "b-two");
    tree_.file("large", noise(2 << 20, 3));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b/three", noise(30'000, 4));
    script.run();
    engine::AdoptResult result = adopt(script.dir());
    check_runs(script, result);

    tree_.rename("a", "renamed");
    engine::BackupResult next = runs_.backup();
    EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
    EXPECT_EQ(next.trailer.counts.renamed, 1U) << "the snapshot file told the directory's inode number";
    EXPECT_LT(next.trailer.counts.stored_bytes, 4000U) << "mtimes without fraction are no changes";
    EXPECT_GT(next.trailer.counts.read_bytes, 2U << 20) << "everything was compared once";
    script.extract(runs_.volumes(next).at(0));
    EXPECT_EQ(join_lines(runs_.restore_differences(3, snapshot_tree(script.bare()))), "");

    wait_for_next_tick(runs_.temp().path());
    engine::BackupResult last = runs_.backup();
    EXPECT_EQ(last.trailer.counts.read_bytes, 0U);
    EXPECT_EQ(last.trailer.counts.changed, 0U);
    tree_.append("renamed/one", "more");
    tree_.rename("large", "renamed/large");
    engine::BackupResult changed = runs_.backup();
    EXPECT_LT(changed.trailer.counts.stored_bytes, 65'000U);
    EXPECT_EQ(changed.trailer.counts.renamed, 1U) << "also of a file whose recorded time has no fraction";
    EXPECT_EQ(join_lines(differences(in_whole_seconds(snapshot_tree(tree_.root())), in_whole_seconds([&] {
                                         runs_.restore(5, runs_.temp() / "last");
                                         return snapshot_tree(runs_.temp() / "last");
                                     }()))),
              "");
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
}

TEST_F(Adopt, OddNamesAttributesSparseFilesAndLinks) {
    for (const char* format : {"gnu", "pax"}) {
        SCOPED_TRACE(format);
        CheckedRuns runs;
        Tree& tree = runs.tree;
        bool pax = std::string(format) == "pax";
        OldScript script(runs, {format, ".tar.gz", pax});
        std::string deep(200, 'd');
        tree.file("new\nline/tab\t and blank ", "1");
        tree.file("not \xff utf-8/\xe9", "2");
        tree.file(deep + "/" + std::string(200, 'e') + "/" + std::string(255, 'f'), "3");
        tree.symlink("link", std::string(300, 'x'));
        tree.file("-starts-with-a-dash", "4");
        tree.file("back\\slash*[glob]?", "5");
        tree.file("linked/one", noise(2000, 5));
        tree.link("linked/one", deep + "/two");
        tree.file("sparse", "");
        ASSERT_EQ(truncate((tree / "sparse").c_str(), 5 << 20), 0);
        {
            Fd fd = open_file(tree / "sparse", O_WRONLY);
            pwrite_full(fd.get(), noise(8192, 6), 1 << 20);
            pwrite_full(fd.get(), noise(8192, 7), 4 << 20);
        }
        if (pax) {
            ASSERT_EQ(setxattr((tree / "linked/one").c_str(), "user.note", "value=\n%", 8, 0), 0);
            ASSERT_EQ(setxattr((tree / "linked").c_str(), "user.dir", "d", 1, 0), 0);
            ASSERT_EQ(run_command({"setfacl", "-m", "u:4711:r,d:g:42:rx", tree / "linked"}).status, 0);
        }
        wait_for_next_tick(runs.temp().path());
        script.run();
        tree.rename("not \xff utf-8", "r\xe4name");
        tree.remove("new\nline/tab\t and blank ");
        tree.rename(deep, "short");
        if (pax) {
            ASSERT_EQ(removexattr((tree / "linked").c_str(), "user.dir"), 0);
        }
        tree.file("linked/new", "6");
        script.run();
        tree.file("linked/one", "changed");
        script.run();

        engine::AdoptRequest request;
        request.find.dir = script.dir();
        engine::AdoptResult result = engine::adopt(runs.environment(), runs.set, request, runs.observer);
        ASSERT_EQ(result.runs.size(), 3U);
        for (const engine::AdoptedRun& run : result.runs) {
            script.extract(join_path(runs.set.backup_dir, run.header.archive_name));
            EXPECT_EQ(script.last().status, 0) << script.last().err;
            EXPECT_EQ(join_lines(runs.restore_differences(run.header.run, snapshot_tree(script.bare()))), "");
        }
        TreeSnapshot source = snapshot_tree(tree.root());
        engine::BackupResult next = runs.backup();
        EXPECT_LT(next.trailer.counts.stored_bytes, 5000U) << "the sparse file is the same";
        script.extract(runs.volumes(next).at(0));
        TreeSnapshot bare = snapshot_tree(script.bare());
        EXPECT_EQ(join_lines(differences(pax ? source : in_whole_seconds(source),
                                         pax ? bare : in_whole_seconds(bare))),
                  "");
        EXPECT_EQ(join_lines(runs.restore_differences(4, bare)), "");
    }
}

/// Formats 0 and 1 of the snapshot file are those of older tars, written here by the manual's description:
/// tar 1.34 itself takes neither any more ("Invalid inode number", because of the blank before it).
TEST_F(Adopt, SnapshotFilesOfAllFormats) {
    for (int format_number = 0; format_number <= 2; ++format_number) {
        SCOPED_TRACE(format_number);
        CheckedRuns runs;
        OldScript script(runs, {});
        runs.tree.file("dir/file", noise(9000, 1));
        runs.tree.file("top", "top");
        wait_for_next_tick(runs.temp().path());
        script.run();
        archive::Snar snar = archive::parse_snar(read_file(script.path("archive.snar")));
        if (format_number < 2) {
            std::string text;
            if (format_number == 1) text = "GNU tar-1.15.1-1\n";
            text += format_number == 0 ? format("{}\n", snar.run_time.sec + 1)
                                       : format("{} {}\n", snar.run_time.sec, snar.run_time.nsec);
            for (const archive::SnarDirectory& dir : snar.directories)
                text += format_number == 0 ? format("{} {} {}\n", dir.dev, dir.ino, dir.name)
                                           : format("{} {} {} {} {}\n", dir.mtime.sec, dir.mtime.nsec,
                                                    dir.dev, dir.ino, dir.name);
            write_file_durably(runs.environment().fs, script.dir(), "archive.snar", text, true);
        }
        engine::AdoptRequest request;
        request.find.dir = script.dir();
        engine::AdoptResult result = engine::adopt(runs.environment(), runs.set, request, runs.observer);
        EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches) << result.snapshot_problem;
        EXPECT_TRUE(path_exists(join_path(runs.set.backup_dir, "archive.snar")));
        runs.tree.rename("dir", "moved");
        engine::BackupResult next = runs.backup();
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        EXPECT_EQ(next.trailer.counts.renamed, 1U);
    }
}

TEST_F(Adopt, CatalogueAndManifestsCanBeMadeAgain) {
    OldScript script(runs_, {});
    tree_.file("a/one", noise(6000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.rename("a", "z");
    tree_.file("z/two", noise(100, 2));
    script.run();
    tree_.remove("z/one");
    script.run("uncompressed.tar");
    engine::AdoptResult result = adopt(script.dir());
    runs_.backup();
    std::vector<std::string> trees;
    for (catalog::RunNumber run = 1; run <= 4; ++run) trees.push_back(dump_tree(*runs_.catalog(), run));
    EXPECT_THAT(trees[3], HasSubstr("z/two"));

    engine::RebuildResult rebuilt = engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
    EXPECT_THAT(rebuilt.left_out, IsEmpty());
    for (catalog::RunNumber run = 1; run <= 4; ++run)
        EXPECT_EQ(dump_tree(*runs_.catalog(), run), trees[run - 1]);
    EXPECT_EQ(runs_.catalog()->run(3)->header, result.runs[2].header);

    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.ends_with(".manifest.zst")) unlink(join_path(runs_.set.backup_dir, name).c_str());
    rebuilt = engine::rebuild(runs_.environment(), runs_.set, runs_.observer);
    for (const engine::RebuiltRun& run : rebuilt.left_out) ADD_FAILURE() << run.run << ": " << run.reason;
    EXPECT_EQ(rebuilt.recovered.size(), 4U);
    for (catalog::RunNumber run = 1; run <= 3; ++run)
        EXPECT_TRUE(runs_.catalog()->run(run)->header.adopted.has_value());
    EXPECT_FALSE(runs_.catalog()->run(4)->header.adopted.has_value());
    check_runs(script, result);
}

TEST_F(Adopt, CanBeStoppedAnywhereAndDoneAgain) {
    OldScript script(runs_, {});
    tree_.file("a", noise(5000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b", noise(5000, 2));
    script.run();

    struct Stopping final : ForwardingFileSystem {
        void step() override {
            if (--left == 0) throw Error(Error::Kind::io, "stopped here");
        }
        int left = 0;
    };
    for (bool copy : {false, true}) {
        int stops = 0;
        for (int at = 1;; ++at) {
            SCOPED_TRACE(format("{} {}", copy, at));
            engine::SetOptions set = runs_.set;
            set.backup_dir = runs_.temp() / format("backup-{}-{}", copy, at);
            Stopping fs;
            fs.left = at;
            SystemClock clock;
            engine::Environment environment{clock, fs, "host", "test", 2};
            engine::AdoptRequest request;
            request.find.dir = script.dir();
            request.copy = copy;
            try {
                engine::adopt(environment, set, request, runs_.observer);
            } catch (const Error& e) {
                EXPECT_THAT(e.message(), HasSubstr("stopped here"));
                ++stops;
            }
            bool stopped = fs.left <= 0;
            fs.left = 0;
            engine::AdoptResult again = engine::adopt(environment, set, request, runs_.observer);
            ASSERT_EQ(again.runs.size(), 2U);
            for (const engine::AdoptedRun& run : again.runs) EXPECT_TRUE(stopped || run.adopted_before);
            auto catalog = engine::open_catalog(environment, set, runs_.observer);
            EXPECT_EQ(catalog->runs().size(), 2U);
            EXPECT_EQ(catalog->lookup(2, "b")->sha256, sha256(noise(5000, 2)));
            EXPECT_TRUE(path_exists(join_path(set.backup_dir, "archive.snar")));
            for (const std::string& name : script.names()) EXPECT_TRUE(path_exists(script.path(name)));
            if (!stopped) break;
        }
        EXPECT_GE(stops, 6);
    }
}

// ---- what is wrong with a directory ----

class AdoptDamage : public Adopt {
  protected:
    /// Three archives; each has something that the others do not.
    void make_chain(OldScript& script) {
        tree_.file("dir/one", noise(40'000, 1));
        tree_.file("dir/same", "same");
        wait_for_next_tick(runs_.temp().path());
        script.run();
        tree_.file("two", noise(40'000, 2));
        tree_.file("two-more", noise(40'000, 3));
        script.run();
        tree_.file("three", noise(3000, 4));
        script.run();
    }
    void change(const std::string& path, const std::function<void(std::string&)>& change) {
        FileStat stat;
        ASSERT_TRUE(stat_at(AT_FDCWD, path.c_str(), stat));
        std::string bytes = read_file(path);
        change(bytes);
        write_file_durably(runs_.environment().fs, std::string(parent_path(path)),
                           std::string(base_name(path)), bytes, true);
        timespec times[2] = {{0, UTIME_OMIT}, {stat.mtime.sec, static_cast<long>(stat.mtime.nsec)}};
        ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);  // rot does not change it
    }
    /// After all, the next run has everything, by tar and by icecore.
    void check_next_run(OldScript& script) {
        TreeSnapshot source = in_whole_seconds(snapshot_tree(tree_.root()));
        engine::BackupResult next = runs_.backup();
        EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
        for (const std::string& volume : runs_.volumes(next)) script.extract(volume);
        EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(script.bare())))), "");
        std::string to = runs_.temp() / "restored-next";
        runs_.restore(next.header.run, to);
        EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(to)))), "");
    }
    OldScript script_{runs_, {}};
};

TEST_F(AdoptDamage, AMissingArchiveIsSeenByWhatOnlyItHeld) {
    make_chain(script_);
    unlink(script_.path("backup-2.tar.gz").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_FALSE(result.is_complete());
    EXPECT_EQ(result.runs[1].lost, 2U);
    EXPECT_THAT(result.runs[1].examples, ::testing::ElementsAre("two", "two-more"));
    EXPECT_EQ(result.runs[1].trailer.counts.errors, 2U);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, TheFullArchiveIsMissing) {
    make_chain(script_);
    unlink(script_.path("backup-1.tar.gz").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_EQ(result.runs[0].header.kind, archive::RunKind::full);
    EXPECT_THAT(result.runs[0].header.reason, HasSubstr("missing"));
    EXPECT_EQ(result.runs[0].lost, 2U);
    EXPECT_EQ(result.runs[1].lost, 2U);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, ATruncatedArchiveGivesWhatIsBeforeTheCut) {
    make_chain(script_);
    change(script_.path("backup-2.tar.gz"), [](std::string& bytes) { bytes.resize(bytes.size() * 6 / 10); });
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 3U);
    EXPECT_THAT(result.runs[1].header.adopted->damage, HasSubstr("ends too early"));
    EXPECT_EQ(result.runs[1].not_stored, 1U);
    EXPECT_EQ(result.runs[2].lost, 0U) << "that it is not there is no news";
    EXPECT_TRUE(runs_.catalog()->lookup(2, "two").has_value());
    EXPECT_FALSE(runs_.catalog()->lookup(2, "two-more").has_value());
    EXPECT_EQ(runs_.catalog()->lookup(3, "two")->sha256, sha256(noise(40'000, 2)));
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty()) << "it is what it was when it was adopted";
    for (const engine::AdoptedRun& run : result.runs)
        script_.extract(join_path(runs_.set.backup_dir, run.header.archive_name));
    check_next_run(script_);
}

TEST_F(AdoptDamage, AFlippedBit) {
    make_chain(script_);
    change(script_.path("backup-2.tar.gz"), [](std::string& bytes) { bytes[bytes.size() * 6 / 10] ^= 16; });
    engine::AdoptResult result = adopt(script_.dir());
    ASSERT_EQ(result.runs.size(), 3U);
    EXPECT_THAT(result.runs[1].header.adopted->damage, HasSubstr("damaged"));
    EXPECT_FALSE(result.is_complete());
    EXPECT_EQ(runs_.catalog()->lookup(3, "dir/one")->sha256, sha256(noise(40'000, 1)));
    for (const engine::AdoptedRun& run : result.runs)
        script_.extract(join_path(runs_.set.backup_dir, run.header.archive_name));
    check_next_run(script_);
}

TEST_F(AdoptDamage, WhatIsNoArchiveIsLeftOut) {
    make_chain(script_);
    write_file_durably(runs_.environment().fs, script_.dir(), "broken.tar.gz", "this is no archive", false);
    write_file_durably(runs_.environment().fs, script_.dir(), "empty.tar", "", false);
    write_file_durably(runs_.environment().fs, script_.dir(), "script.log", "done\n", false);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.runs.size(), 3U);
    ASSERT_EQ(result.passed_over.size(), 2U);
    EXPECT_EQ(result.passed_over[0].name, "broken.tar.gz");
    EXPECT_THAT(result.passed_over[1].reason, HasSubstr("empty"));
    EXPECT_FALSE(result.is_complete());
}

TEST_F(AdoptDamage, SocketsAndUnreadableFilesAreNoMissingArchives) {
    ASSERT_EQ(run_command({"python3", "-c",
                           "import socket; socket.socket(socket.AF_UNIX).bind('" + tree_ / "socket" + "')"})
                  .status,
              0);
    make_chain(script_);
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_TRUE(result.is_complete());
    EXPECT_EQ(result.runs[0].not_stored, 1U);
    EXPECT_EQ(result.runs[0].trailer.counts.errors, 0U);
    EXPECT_EQ(result.runs[1].not_stored + result.runs[1].lost, 0U);
}

TEST_F(AdoptDamage, SnapshotFileMissing) {
    make_chain(script_);
    unlink(script_.path("archive.snar").c_str());
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::missing);
    EXPECT_EQ(runs_.backup().header.kind, archive::RunKind::full);
}

TEST_F(AdoptDamage, SnapshotFileOfAnotherRun) {
    tree_.file("early", "early");
    wait_for_next_tick(runs_.temp().path());
    script_.run("backup-0.tar.gz");
    std::string stale = read_file(script_.path("archive.snar"));
    make_chain(script_);
    change(script_.path("archive.snar"), [&](std::string& bytes) { bytes = stale; });
    tree_.file("two", noise(40'000, 22));
    tree_.rename("dir/one", "dir/renamed");
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::differs);
    EXPECT_THAT(result.snapshot_problem, HasSubstr("backup-4.tar.gz"));
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, SnapshotFileDamaged) {
    make_chain(script_);
    change(script_.path("archive.snar"), [](std::string& bytes) { bytes.resize(bytes.size() / 2); });
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::damaged);
    check_runs(script_, result);
    check_next_run(script_);
}

TEST_F(AdoptDamage, MultiVolumeArchivesAreRefused) {
    for (const char* format : {"gnu", "pax"}) {
        SCOPED_TRACE(format);
        std::string dir = runs_.temp().make_dir(std::string("multi-") + format);
        tree_.file("large", noise(60'000, 1));
        std::string answers = join_path(dir, "more");
        ASSERT_EQ(run_command({"tar", std::string("--format=") + format, "-M", "-L", "40", "-c", "-f",
                               join_path(dir, "a-1.tar"), "-f", join_path(dir, "a-2.tar"), "-C",
                               runs_.set.data_dir, "."})
                      .status,
                  0);
        Error error = error_of(dir);
        EXPECT_EQ(error.kind(), Error::Kind::unsupported);
        EXPECT_THAT(error.message(), HasSubstr("multi-volume"));
        EXPECT_THAT(error.message(), HasSubstr("a-2.tar"));
    }
    EXPECT_FALSE(path_exists(runs_.set.backup_dir)) << "nothing is made for nothing";
}

TEST_F(AdoptDamage, OtherCompressionIsRefusedWithTheWayOut) {
    make_chain(script_);
    ASSERT_EQ(run_command({"tar", "-c", "-J", "-f", script_.path("b.tar.xz"), "-C", runs_.set.data_dir, "."})
                  .status,
              0);
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("b.tar.xz is compressed with xz"));
    EXPECT_THAT(error.hint(), HasSubstr("xz -dc"));
    engine::AdoptRequest request;
    request.find.names = script_.names();
    EXPECT_EQ(adopt(script_.dir(), request).runs.size(), 3U) << "those that are named do";
}

TEST_F(AdoptDamage, ArchivesOfOtherDirectories) {
    make_chain(script_);
    std::string other = runs_.temp().make_dir("etc");
    write_file_durably(runs_.environment().fs, other, "passwd", "root", false);
    ASSERT_EQ(
        run_command({"tar", "-c", "-z", "-f", script_.path("etc.tar.gz"), "-C", runs_.temp().path(), "etc"})
            .status,
        0);
    engine::AdoptRequest request;
    request.find.names = {"etc.tar.gz"};
    Error error = error_of(script_.dir(), request);
    EXPECT_THAT(error.message(), HasSubstr("\"etc\""));
    EXPECT_THAT(error.hint(), HasSubstr("--root"));
    engine::AdoptResult result = adopt(script_.dir());
    EXPECT_EQ(result.runs.size(), 3U);
    ASSERT_EQ(result.passed_over.size(), 1U);
    EXPECT_THAT(result.passed_over[0].reason, HasSubstr("it is of \"etc\""));
    EXPECT_TRUE(result.is_complete());
}

TEST_F(AdoptDamage, SeveralSetsInADirectoryAreToldApart) {
    make_chain(script_);
    std::string other = runs_.temp().make_dir("other");
    write_file_durably(runs_.environment().fs, other, "unlike", "1", false);
    std::string snar = runs_.temp() / "other.snar";
    for (const char* name : {"other-1.tar.gz", "other-2.tar.gz"}) {
        ASSERT_EQ(
            run_command({"tar", "-g", snar, "-c", "-z", "-f", script_.path(name), "-C", other, "."}).status,
            0);
        wait_for_next_tick(runs_.temp().path());
    }
    tree_.file("four", "4");
    script_.run("backup-4.tar.gz");
    Error error = error_of(script_.dir());
    EXPECT_THAT(error.message(), HasSubstr("not one name in common"));
    EXPECT_THAT(error.hint(), HasSubstr("name the archives"));
    engine::AdoptRequest request;
    request.find.names = script_.names();
    engine::AdoptResult result = adopt(script_.dir(), request);
    EXPECT_EQ(result.runs.size(), 4U);
    EXPECT_TRUE(result.is_complete());
    check_runs(script_, result);
}

TEST_F(AdoptDamage, ADirectoryOfIcecoresIsRefused) {
    tree_.file("a", "a");
    runs_.backup();
    Error error = error_of(runs_.set.backup_dir);
    EXPECT_EQ(error.kind(), Error::Kind::exists);
    EXPECT_THAT(error.message(), HasSubstr("run 1"));
    std::string ours = runs_.set.backup_dir;
    runs_.set.backup_dir = runs_.temp() / "elsewhere";
    error = error_of(ours);
    EXPECT_EQ(error.kind(), Error::Kind::exists);
    EXPECT_THAT(error.hint(), HasSubstr("rebuild"));
    EXPECT_FALSE(path_exists(runs_.set.backup_dir));
}

// ---- names and places ----

TEST_F(Adopt, FromAnAbsolutePathWithTheReadmesCommands) {
    OldScript script(runs_, {});
    tree_.file("dir/one", noise(4000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run({}, "/", {runs_.set.data_dir});
    tree_.rename("dir", "moved");
    tree_.file("moved/two", "2");
    script.run({}, "/", {runs_.set.data_dir});
    engine::AdoptResult result = adopt(script.dir());
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_EQ("/" + result.root, runs_.set.data_dir);
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches) << result.snapshot_problem;
    EXPECT_TRUE(runs_.catalog()->lookup(2, "moved/one").has_value());
    EXPECT_FALSE(runs_.catalog()->lookup(2, "dir").has_value());
    tree_.remove("moved/one");
    engine::BackupResult next = runs_.backup();
    EXPECT_EQ(next.header.kind, archive::RunKind::incremental);
    EXPECT_THAT(runs_.verify_deeply(), IsEmpty());
    TreeSnapshot source = in_whole_seconds(snapshot_tree(tree_.root()));

    std::string readme = read_file(join_path(runs_.set.backup_dir, "README.restore.txt"));
    std::size_t begin = readme.find("    mkdir /restore");
    std::string commands = readme.substr(begin, readme.find("\n\n", begin) - begin);
    std::string place = runs_.temp() / "by-readme";
    for (std::size_t at = 0; (at = commands.find("/restore", at)) != std::string::npos; at += place.size())
        commands.replace(at, 8, place);
    CommandResult shell = run_command({"sh", "-eu", "-c", commands});
    EXPECT_EQ(shell.status, 0) << commands << shell.err;
    EXPECT_EQ(join_lines(differences(source, in_whole_seconds(snapshot_tree(place + runs_.set.data_dir)))),
              "");
}

TEST_F(Adopt, InTheBackupDirectoryItselfAndRenamed) {
    OldScript script(runs_, {});
    runs_.set.backup_dir = script.dir();
    tree_.file("a", noise(3000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("b", "b");
    script.run();
    std::string snapshot = read_file(script.path("archive.snar"));
    std::string bytes = read_file(script.path("backup-1.tar.gz"));
    engine::AdoptRequest request;
    request.rename = true;
    engine::AdoptResult result = adopt(script.dir(), request);
    EXPECT_EQ(result.renamed, script.names());
    EXPECT_FALSE(path_exists(script.path("backup-1.tar.gz")));
    EXPECT_EQ(read_file(script.path(result.runs[0].header.archive_name)), bytes);
    EXPECT_EQ(read_file(script.path("archive.snar")), snapshot);
    check_runs(script, result);

    // The script runs once more.
    tree_.file("c", "c");
    script.run("later.tar.gz");
    result = adopt(script.dir());
    ASSERT_EQ(result.runs.size(), 1U);
    EXPECT_EQ(result.runs[0].header.run, 3U);
    EXPECT_EQ(result.runs[0].header.parent, 2U);
    EXPECT_EQ(result.runs[0].lost, 0U);
    check_runs(script, result);
    EXPECT_EQ(runs_.backup().header.kind, archive::RunKind::incremental);
    EXPECT_EQ(error_of(script.dir()).kind(), Error::Kind::exists) << "now there are runs of ours";
}

TEST_F(Adopt, DryRunsAndCopies) {
    OldScript script(runs_, {});
    tree_.file("a", noise(3000, 1));
    wait_for_next_tick(runs_.temp().path());
    script.run("2024-05-02.tar.gz");
    tree_.file("b", "b");
    script.run("2024-05-03.tar.gz");
    engine::AdoptRequest request;
    request.dry_run = true;
    engine::AdoptResult result = adopt(script.dir(), request);
    ASSERT_EQ(result.runs.size(), 2U);
    EXPECT_TRUE(result.runs[0].time_from_name);
    EXPECT_EQ(format_local(result.runs[1].header.started), "2024-05-03 00:00:00");
    EXPECT_THAT(result.runs[0].header.archive_name, ::testing::StartsWith("set-000001-full-2024050"));
    EXPECT_EQ(result.snapshot, engine::AdoptResult::Snapshot::matches);
    EXPECT_FALSE(path_exists(runs_.set.backup_dir));
    request = {};
    request.copy = true;
    result = adopt(script.dir(), request);
    EXPECT_FALSE(result.runs[0].linked);
    FileStat stat;
    ASSERT_TRUE(stat_at(AT_FDCWD, script.path("2024-05-02.tar.gz").c_str(), stat));
    EXPECT_EQ(stat.nlink, 1U);
    check_runs(script, result);
}

TEST_F(Adopt, IsStoredOffsiteAndRestoredFromThere) {
    OldScript script(runs_, {});
    tree_.file("dir/large", noise(3 << 20, 1));
    tree_.file("small", "1");
    wait_for_next_tick(runs_.temp().path());
    script.run();
    tree_.file("small", "2");
    tree_.file("more", noise(100'000, 2));
    script.run("second.tar");
    engine::AdoptResult result = adopt(script.dir());
    check_runs(script, result);
    runs_.set.target.type = engine::TargetOptions::Type::dir;
    runs_.set.target.directory = runs_.temp().make_dir("usb");
    engine::BackupResult next = runs_.backup();
    ASSERT_TRUE(next.upload && next.upload->complete()) << join_lines(next.upload->problems);
    for (const engine::AdoptedRun& run : result.runs) {
        std::string name = run.header.archive_name;
        std::string offsite = runs_.set.target.directory + "/host/set/" + name;
        EXPECT_EQ(read_file(offsite), read_file(script.path(run.name))) << "byte for byte";
        ASSERT_EQ(unlink(join_path(runs_.set.backup_dir, name).c_str()), 0);
    }
    auto catalog = runs_.catalog();
    engine::RestoreRequest request{.at = 3, .to = runs_.temp() / "restored"};
    auto offsite = engine::offsite_volumes(runs_.environment(), runs_.set, runs_.observer);
    ASSERT_TRUE(offsite.has_value());
    request.further_sources.push_back(std::move(*offsite));
    engine::RestoreResult restored =
        engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
    EXPECT_THAT(restored.problems.lines(), IsEmpty());
    EXPECT_EQ(join_lines(differences(in_whole_seconds(snapshot_tree(tree_.root())),
                                     in_whole_seconds(snapshot_tree(request.to)))),
              "");
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
        engine::AdoptRequest request;
        request.find.dir = script.dir();
        engine::AdoptResult result = engine::adopt(runs.environment(), runs.set, request, runs.observer);
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

}  // namespace
}  // namespace icecore::testing
