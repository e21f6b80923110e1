// Every file of a backup directory with a byte flipped, or cut short: nothing crashes, and nothing wrong is
// restored.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>

#include "archive/snar.h"
#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "cli/test_io.h"
#include "fault/child.h"
#include "fault/fault_points.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using ::testing::Test;

class Damage : public Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    void back_up(const std::string& compression) {
        runs_.set.compression = archive::parse_compression(compression);
        tree_.file("file", "first content of the file");
        tree_.file("dir/noise", noise(300, 1));
        tree_.link("file", "dir/linked");
        tree_.symlink("symlink", "file");
        results_.push_back(runs_.backup());
        sources_.push_back(snapshot_tree(tree_.root()));
        wait_for_next_tick(runs_.temp().path());
        tree_.file("file", "second content");
        tree_.rename("dir", "renamed");
        results_.push_back(runs_.backup());
        sources_.push_back(snapshot_tree(tree_.root()));
        catalog_bytes_ = read_file(in_backup("catalog.db"));
    }

    std::string in_backup(const std::string& name) const { return join_path(runs_.set.backup_dir, name); }
    std::string names_of(std::size_t run, std::string engine::ArchiveNames::*part) const {
        const archive::ManifestHeader& header = results_[run].header;
        return engine::make_archive_names("set", header.run, header.kind, header.started,
                                          header.compression.method).*
               part;
    }

    static void write(const std::string& path, std::string_view bytes) {
        unlink(path.c_str());
        std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
    }
    void put_catalog(bool there) const {
        for (const char* suffix : {"", "-wal", "-shm"})
            unlink(in_backup(format("catalog.db{}", suffix)).c_str());
        if (there) write(in_backup("catalog.db"), catalog_bytes_);
    }

    /// Calls `look` with each damaged form of the file: a sample of flipped bytes and lengths, or all.
    void damage(const std::string& name, unsigned wanted, const std::function<void()>& look) {
        std::string good = read_file(in_backup(name));
        ASSERT_FALSE(good.empty());
        for (std::uint64_t at : fault_points(good.size(), wanted)) {
            for (int bits : {0x01, 0x80, 0}) {
                SCOPED_TRACE(format("ICECORE_POINT={} of {} in {}, {:#x}", at, good.size(), name, bits));
                std::string bad = good.substr(0, at - 1);
                if (bits != 0) {
                    bad = good;
                    bad[at - 1] = static_cast<char>(bad[at - 1] ^ bits);
                }
                write(in_backup(name), bad);
                look();
                if (HasFailure()) return;
            }
        }
        write(in_backup(name), good);
    }

    /// Restores a run and removes what came of it. What is not told as a problem is right.
    void check_restore(std::size_t run) {
        std::string to = runs_.temp() / "to";
        engine::RestoreResult result = runs_.restore(results_[run].header.run, to);
        for (std::string line : differences(sources_[run], snapshot_tree(to))) {
            bool told = false;  // "a: in expected only", "a, b: hard-linked in expected only"
            for (const std::string& problem : result.problems.lines()) {
                std::string path = problem.substr(0, problem.find(": ") + 1);
                told |= line.starts_with(path) || line.find(", " + path) != std::string::npos ||
                        line.starts_with(path.substr(0, path.size() - 1) + ", ");
            }
            EXPECT_TRUE(told) << line << "\nproblems: " << join_lines(result.problems.lines());
        }
        remove_tree_at(AT_FDCWD, to);
    }

    CheckedRuns runs_{10};
    Tree& tree_ = runs_.tree;
    std::vector<engine::BackupResult> results_;
    std::vector<TreeSnapshot> sources_;
    std::string catalog_bytes_;
};

class DamagedVolume : public Damage, public ::testing::WithParamInterface<std::string> {};

TEST_P(DamagedVolume, NeverGivesAWrongFile) {
    back_up(GetParam());
    for (std::size_t run : {0U, 1U})
        damage(results_[run].trailer.volumes.at(0).name, 60, [&] { check_restore(1); });
    check_restore(1);
}

INSTANTIATE_TEST_SUITE_P(Methods, DamagedVolume, ::testing::Values("zstd:1", "gzip:1", "none"),
                         [](const auto& each) { return each.param.substr(0, 4); });

TEST_F(Damage, OfAManifestIsToldAndCostsItsRunOnly) {
    back_up("zstd:1");
    for (std::size_t run : {0U, 1U}) {
        std::string name = names_of(run, &engine::ArchiveNames::manifest);
        damage(name, 40, [&] {
            put_catalog(false);
            runs_.observer.warnings.clear();
            std::size_t known = runs_.catalog()->runs().size();
            std::string warnings = join_lines(runs_.observer.warnings);
            // A flipped bit that changes nothing (an unused one in a header of zstd) is no loss.
            if (known < 2) {
                EXPECT_NE(warnings.find(name), std::string::npos) << warnings;
                EXPECT_EQ(known, run == 0 ? 0U : 1U);
            }
            for (std::size_t i = 0; i < known; ++i) check_restore(i);
        });
    }
}

TEST_F(Damage, OfTheCatalogueRestoresNothingThatWasNeverThere) {
    back_up("zstd:1");
    std::set<std::string> contents;
    for (const TreeSnapshot& source : sources_)
        for (const auto& [path, entry] : source.entries) contents.insert(entry.content.hex());
    unsigned restored = 0;
    damage("catalog.db", 300, [&] {
        std::string to = runs_.temp() / "to";
        try {
            runs_.catalog()->diff(1, 2, [](const auto&) {});
            runs_.restore(2, to);
            for (const auto& [path, entry] : snapshot_tree(to).entries) {
                EXPECT_TRUE(contents.contains(entry.content.hex())) << path;
                ++restored;
            }
        } catch (const Error& e) {
            EXPECT_NE(std::string(e.what()), "");
        }
        remove_tree_at(AT_FDCWD, to);
        put_catalog(false);
    });
    EXPECT_GT(restored, 0U);
    put_catalog(false);
    check_restore(1);
}

TEST_F(Damage, OfTheCatalogueStopsABackupAtMost) {
    back_up("zstd:1");
    tree_.file("renamed/new", "new");
    tree_.remove("file");
    std::set<int> seen;
    damage("catalog.db", 24, [&] {
        CommandResult child = run_backup_child(runs_.set, {});
        EXPECT_TRUE(child.status == 0 || child.status == 1 || child.status == 3) << child.status << child.err;
        seen.insert(child.status);
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            if (name.find("-000003-") != std::string::npos || name.find(".damaged") != std::string::npos)
                unlink(in_backup(name).c_str());
        put_catalog(false);
    });
    EXPECT_TRUE(seen.contains(0));
}

TEST_F(Damage, OfTheSnapshotFileIsRefusedOrHarmless) {
    back_up("zstd:1");
    unsigned refused = 0;
    damage("archive.snar", 200, [&] {
        try {
            archive::parse_snar(read_file(in_backup("archive.snar")));
        } catch (const Error& e) {
            EXPECT_TRUE(e.kind() == Error::Kind::corrupt || e.kind() == Error::Kind::unsupported) << e.what();
            ++refused;
        }
    });
    EXPECT_GT(refused, 0U);
}

TEST_F(Damage, OfALogReachesNoTerminal) {
    back_up("zstd:1");
    cli::TestProgram program;
    std::string config = runs_.temp() / "icecore.toml";
    cli::write_text(config, format("[[set]]\nname = \"set\"\ndata = \"{}\"\nbackup = \"{}\"\n",
                                   runs_.set.data_dir, runs_.set.backup_dir));
    damage(names_of(1, &engine::ArchiveNames::log), 200, [&] {
        EXPECT_EQ(program.run({"--config", config, "log"}), 0) << program.err.str();
        for (char c : program.out.str())
            EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' || c == '\n') << static_cast<int>(c);
    });
}

}  // namespace
}  // namespace icecore::testing
