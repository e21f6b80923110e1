// engine::verify: every kind of damage is found, named, and does not hide the rest.

#include "engine/verify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

/// Three runs: a full one with frames of small files around one of a large file, and two small ones.
class VerifyTest : public ::testing::Test {
  protected:
    VerifyTest() : fixture_(10), tree_(fixture_.set.data_dir) {}
    void make_runs() {
        tree_.file("a/first", noise(20 << 10, 1));
        tree_.file("a/large", noise(6 << 20, 2));
        for (int i = 0; i < 30; ++i)
            tree_.file(format("m/{:02}", i), noise(100 << 10, 10U + static_cast<unsigned>(i)));
        tree_.file("z/last", noise(20 << 10, 4));
        tree_.link("z/last", "z/name");
        tree_.symlink("z/symlink", "last");
        results_.push_back(fixture_.backup());
        tree_.file("a/first", noise(20 << 10, 5));
        results_.push_back(fixture_.backup());
        tree_.rename("m", "n");
        results_.push_back(fixture_.backup());
    }
    std::string in_backup(std::string_view name) const { return join_path(fixture_.set.backup_dir, name); }
    std::string volume(std::size_t run, std::size_t number = 0) const {
        return results_[run - 1].trailer.volumes.at(number).name;
    }
    std::string manifest(std::size_t run) const {
        const archive::ManifestHeader& header = results_[run - 1].header;
        return engine::make_archive_names("set", header.run, header.kind, header.started,
                                          header.compression.method)
            .manifest;
    }
    void flip(const std::string& name, std::uint64_t at) const {
        Fd fd = open_file(in_backup(name), O_RDWR);
        char byte = 0;
        ASSERT_EQ(pread_full(fd.get(), &byte, 1, at), 1U);
        byte = static_cast<char>(byte ^ 0x40);
        pwrite_full(fd.get(), {&byte, 1}, at);
    }
    void remove_catalogue() const {
        for (const char* suffix : {"", "-wal", "-shm"})
            unlink(in_backup(format("catalog.db{}", suffix)).c_str());
    }
    std::vector<std::string> shallow() { return fixture_.verify({}); }
    std::vector<std::string> deep() { return fixture_.verify_deeply(); }

    EngineFixture fixture_;
    Tree tree_;
    std::vector<engine::BackupResult> results_;
};

class VerifyMethods : public VerifyTest, public ::testing::WithParamInterface<const char*> {
  protected:
    VerifyMethods() { fixture_.set.compression = archive::parse_compression(GetParam()); }
};

TEST_P(VerifyMethods, AllIsWell) {
    make_runs();
    EXPECT_THAT(shallow(), IsEmpty());
    EXPECT_EQ(fixture_.verified.runs, 3U);
    EXPECT_EQ(fixture_.verified.volumes, 3U);
    EXPECT_THAT(deep(), IsEmpty());
    EXPECT_GT(fixture_.verified.members, 40U);
    EXPECT_EQ(fixture_.verified.problems, 0U);
    EXPECT_GE(fixture_.observer.last.bytes_total, fixture_.observer.last.bytes);
}

TEST_P(VerifyMethods, FlippedByteNamesTheFilesThatItHits) {
    make_runs();
    // The batch of all small files stands at the end, after the large one, which spans several frames.
    flip(volume(1), results_[0].trailer.volumes[0].stored_bytes - (600 << 10));
    EXPECT_THAT(shallow(), ElementsAre(volume(1) + ": SHA-256 differs"));
    EXPECT_EQ(fixture_.verified.problems, 1U);
    std::vector<std::string> found = deep();
    EXPECT_EQ(found[0], volume(1) + ": SHA-256 differs");
    EXPECT_THAT(found, Contains(StartsWith("run 1: m/")));
    EXPECT_THAT(found, Not(Contains(StartsWith("run 1: a/large"))));
    EXPECT_THAT(found, Not(Contains(StartsWith("run 2: "))));
    flip(volume(1), results_[0].trailer.volumes[0].stored_bytes - (600 << 10));
    flip(volume(1), 4 << 20);
    EXPECT_THAT(deep(), ElementsAre(volume(1) + ": SHA-256 differs", StartsWith("run 1: a/large: ")));
}

TEST_P(VerifyMethods, EveryFlippedByteIsFound) {
    tree_.file("a/one", noise(3000, 1));
    tree_.file("b", "b");
    results_.push_back(fixture_.backup());
    std::uint64_t size = results_[0].trailer.volumes[0].stored_bytes;
    for (std::uint64_t at = 0; at < size; at += 257) {
        flip(volume(1), at);
        EXPECT_THAT(deep(), Contains(volume(1) + ": SHA-256 differs")) << at;
        flip(volume(1), at);
    }
    EXPECT_THAT(deep(), IsEmpty());
}

TEST_P(VerifyMethods, TruncatedAndMissingVolumes) {
    make_runs();
    fs::resize_file(in_backup(volume(1)), results_[0].trailer.volumes[0].stored_bytes - 2000);
    fs::remove(in_backup(volume(2)));
    std::vector<std::string> found = shallow();
    EXPECT_THAT(found, Contains(AllOf(StartsWith(volume(1) + ": it has "), HasSubstr(" bytes instead of "))));
    EXPECT_THAT(found, Contains(volume(2) + ": the file is missing"));
    EXPECT_EQ(found.size(), 2U);
    found = deep();
    EXPECT_THAT(found, Contains(StartsWith("run 1: z/")));
    EXPECT_THAT(found,
                Contains(AllOf(StartsWith("run 2: a/first: cannot be read: "), HasSubstr("is missing"))));
    EXPECT_THAT(found, Not(Contains(StartsWith("run 3: "))));
}

TEST_F(VerifyTest, SwappedVolumes) {
    make_runs();
    fs::rename(in_backup(volume(1)), in_backup("x"));
    fs::rename(in_backup(volume(2)), in_backup(volume(1)));
    fs::rename(in_backup("x"), in_backup(volume(2)));
    EXPECT_THAT(shallow(),
                ElementsAre(StartsWith(volume(1) + ": it has "), StartsWith(volume(2) + ": it has ")));
}

TEST_P(VerifyMethods, SeveralVolumes) {
    fixture_.set.volume_bytes_max = 3 << 20;
    make_runs();
    ASSERT_GT(results_[0].trailer.volumes.size(), 2U);
    EXPECT_THAT(deep(), IsEmpty());
    fs::remove(in_backup(volume(1, 1)));
    std::vector<std::string> found = deep();
    EXPECT_THAT(found, Contains(volume(1, 1) + ": the file is missing"));
    EXPECT_THAT(found, Contains(StartsWith("run 1: a/large: ")));
    EXPECT_THAT(found, Not(Contains(StartsWith("run 1: z/last: ")))) << "goes on after the gap";
}

TEST_F(VerifyTest, ManifestDamagedOrMissing) {
    make_runs();
    flip(manifest(1), fs::file_size(in_backup(manifest(1))) / 2);
    fs::remove(in_backup(manifest(2)));
    EXPECT_THAT(shallow(), ElementsAre(StartsWith(manifest(1) + ": manifest "),
                                       manifest(2) + ": the manifest is missing"));
    EXPECT_EQ(fixture_.verified.volumes, 3U) << "the catalogue knows them";
    flip(volume(2), 100);
    EXPECT_THAT(shallow(), Contains(volume(2) + ": SHA-256 differs"));
    remove_catalogue();
    EXPECT_THAT(shallow(), Contains("catalog.db: the file is missing"));
}

TEST_F(VerifyTest, LostRunLeavesAGap) {
    make_runs();
    remove_catalogue();
    for (const std::string& name : {manifest(2), volume(2)}) fs::remove(in_backup(name));
    EXPECT_THAT(shallow(), Contains(volume(3) + ": it is incremental on run 2, which is not there"));
}

TEST_F(VerifyTest, ManifestOfAnotherRun) {
    make_runs();
    fs::copy_file(in_backup(manifest(3)), in_backup(manifest(2)), fs::copy_options::overwrite_existing);
    EXPECT_THAT(shallow(), Contains(manifest(2) + ": it is the manifest of another run: " + volume(3)));
}

TEST_F(VerifyTest, CatalogueThatDiffersOrIsDamaged) {
    make_runs();
    fs::copy_file(in_backup("catalog.db"), fixture_.temp() / "catalog.db");
    EngineFixture other(10);
    Tree(other.set.data_dir).file("other", "other");
    other.backup();
    for (const char* suffix : {"-wal", "-shm"}) unlink(in_backup(format("catalog.db{}", suffix)).c_str());
    fs::copy_file(other.set.backup_dir + "/catalog.db", in_backup("catalog.db"),
                  fs::copy_options::overwrite_existing);
    EXPECT_THAT(shallow(),
                ElementsAre("catalog.db: it differs from the manifest of run 1",
                            "catalog.db: it does not know run 2", "catalog.db: it does not know run 3"));
    EXPECT_EQ(fixture_.verified.problems, 1U);
    EXPECT_EQ(fixture_.verified.remarks, 2U);
    write_file_durably(fixture_.environment().fs, fixture_.set.backup_dir, "catalog.db", noise(9000, 1),
                       true);
    EXPECT_THAT(shallow(), ElementsAre(StartsWith("catalog.db: ")));
    EXPECT_EQ(fixture_.verified.problems, 1U);
}

TEST_F(VerifyTest, UnknownFilesAreRemarks) {
    make_runs();
    std::string stem = volume(3).substr(0, volume(3).find(".tar"));
    for (const std::string& name :
         {volume(3) + ".001", "." + stem + ".log.partial", std::string("notes.txt")})
        write_file_durably(fixture_.environment().fs, fixture_.set.backup_dir, name, "x", false);
    fs::remove(in_backup(stem + ".log"));
    EXPECT_THAT(shallow(), ElementsAre(volume(3) + ": its log is missing",
                                       volume(3) + ".001: no manifest knows this file",
                                       "." + stem + ".log.partial: an unfinished file"));
    EXPECT_EQ(fixture_.verified.problems, 0U);
    EXPECT_EQ(fixture_.verified.remarks, 3U);
}

TEST_F(VerifyTest, ChoosingARunChecksItsChainUpToIt) {
    make_runs();
    results_.push_back(fixture_.backup({.full = true}));
    flip(volume(1), 100);
    flip(volume(3), 100);
    auto choose = [this](catalog::RunNumber run) {
        return fixture_.verify({.choose = [run](const std::vector<catalog::Run>&) { return run; }});
    };
    EXPECT_THAT(choose(2), ElementsAre(volume(1) + ": SHA-256 differs"));
    EXPECT_EQ(fixture_.verified.runs, 2U);
    EXPECT_THAT(choose(3), ElementsAre(volume(1) + ": SHA-256 differs", volume(3) + ": SHA-256 differs"));
    EXPECT_THAT(choose(4), IsEmpty());
    EXPECT_EQ(fixture_.verified.runs, 1U);
}

TEST_F(VerifyTest, ManyNamesWithoutAPlace) {
    // Directories and hard links have no recorded place: more in a row than one piece of work takes.
    tree_.file("file", "content");
    tree_.dir("d");
    tree_.dir("l");
    for (int i = 0; i < 4200; ++i) fs::create_directory(tree_ / format("d/{:04}", i));
    for (int i = 0; i < 4200; ++i) fs::create_hard_link(tree_ / "file", tree_ / format("l/{:04}", i));
    tree_.file("z", "last");
    results_.push_back(fixture_.backup());
    EXPECT_THAT(deep(), IsEmpty());
    EXPECT_EQ(fixture_.verified.members, 8'405U);
}

/// The archive is as its manifest's trailer says, but its entries are those of another tree.
TEST_F(VerifyTest, ManifestThatTellsOfOtherFiles) {
    tree_.file("a", "aaaa");
    tree_.file("b", "bbbb");
    tree_.dir("c");
    tree_.file("d", "dddd");
    tree_.link("d", "e");
    results_.push_back(fixture_.backup());
    std::vector<archive::ManifestLine> lines;
    archive::ManifestReader reader(in_backup(manifest(1)));
    while (auto line = reader.next()) lines.push_back(std::move(*line));
    auto rewrite =
        [&](const std::function<std::optional<archive::ManifestEntry>(archive::ManifestEntry)>& change) {
            fs::remove(in_backup(manifest(1)));
            archive::ManifestWriter writer(fixture_.environment().fs, fixture_.set.backup_dir, manifest(1));
            for (const archive::ManifestLine& line : lines) {
                auto* entry = std::get_if<archive::ManifestEntry>(&line);
                if (entry == nullptr)
                    writer.write(line);
                else if (std::optional<archive::ManifestEntry> changed = change(*entry))
                    writer.write(*changed);
            }
            writer.seal();
            return deep();
        };
    auto altered = [&](const std::string& path, auto change) {
        return rewrite([&](archive::ManifestEntry entry) {
            if (entry.path == path) change(entry);
            return std::optional(entry);
        });
    };
    EXPECT_THAT(altered("a", [](auto& e) { e.sha256 = sha256("x"); }),
                ElementsAre("run 1: a: differs from the manifest: SHA-256"));
    EXPECT_THAT(altered("a", [](auto& e) { e.stat.size = 5; }),
                ElementsAre("run 1: a: differs from the manifest: size"));
    EXPECT_THAT(altered("b", [](auto& e) { e.path = "bb"; }),
                ElementsAre("run 1: bb: differs from the manifest: name"));
    EXPECT_THAT(altered("d", [](auto& e) { e.stat.ino += 1; }),
                ElementsAre("run 1: e: is stored as a hard link to d, which was another file"));
    EXPECT_THAT(altered("d", [](auto& e) { e.stat.ino = 0; }), IsEmpty()) << "unknown";
    EXPECT_THAT(altered("c",
                        [](auto& e) {
                            e.stat.mode = 0700;
                            e.stat.uid += 1;
                        }),
                Not(IsEmpty()));
    EXPECT_THAT(altered("b", [](auto& e) { e.location.length_bytes = INT64_MAX; }),
                Contains("run 1: b: its place in the manifest cannot be"));
    EXPECT_THAT(altered("b", [](auto& e) { e.location.volume = 7; }),
                Contains("run 1: b: its place in the manifest cannot be"));
    EXPECT_THAT(altered("b", [](auto& e) { e.location.offset += 512; }), Not(IsEmpty()));
    EXPECT_THAT(altered("b", [](auto& e) { e.stored = archive::Stored::earlier; }),
                Contains(HasSubstr("run 1: b: it is said to be stored in run 1")));
    auto without = [&](const std::string& path) {
        return rewrite([&](archive::ManifestEntry entry) {
            return entry.path == path ? std::nullopt : std::optional(entry);
        });
    };
    EXPECT_THAT(without("b"), ElementsAre(HasSubstr("run 1: b: is in the archive, but not in the manifest")));
    EXPECT_THAT(without("c"), ElementsAre("run 1: c/: is in the archive, but not in the manifest"));
    archive::ManifestEntry more;
    more.path = "more";
    more.stat.type = FileType::directory;
    lines.insert(lines.end() - 2, more);
    EXPECT_THAT(without(""), Not(IsEmpty()));
}

TEST_F(VerifyTest, NothingThereIsAnError) {
    EXPECT_THROW(shallow(), Error);
    fs::create_directory(fixture_.set.backup_dir);
    EXPECT_THROW(shallow(), Error);
}

INSTANTIATE_TEST_SUITE_P(Verify, VerifyMethods, ::testing::Values("zstd:1", "gzip:1", "none"),
                         [](const auto& param) {
                             std::string name = param.param;
                             return name.substr(0, name.find(':'));
                         });

}  // namespace
}  // namespace icecore::testing
