// Damage costs the files that it hits, and no others; and how little a restore reads.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using engine::RestoreRequest;
using engine::RestoreResult;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kFiles = 24;

/// Files of 700 KiB, so six to a frame, in volumes of 8 MiB; with each method of compression.
class RestoreDamage : public ::testing::TestWithParam<const char*> {
  protected:
    RestoreDamage() {
        runs_.set.compression = archive::parse_compression(GetParam());
        runs_.set.volume_bytes_max = 8 << 20;
        for (int i = 0; i < kFiles; ++i)
            tree_.file(name_of(i), noise(700 << 10, static_cast<std::uint32_t>(i)));
        full_ = runs_.backup();
        wait_for_next_tick(runs_.temp().path());
        tree_.file("second run", noise(1000, 99));
        runs_.backup();
        wait_for_next_tick(runs_.temp().path());
        tree_.file("third run", noise(1000, 100));
        runs_.backup();
        source_ = snapshot_tree(tree_.root());
        good_ = runs_.temp().make_dir("good");
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            if (name != "catalog.db" && !name.starts_with("."))
                Tree(good_).file(name, read_file(runs_.set.backup_dir + "/" + name));
    }

    static std::string name_of(int i) { return format("f{:02}", i); }
    bool compressed() const { return runs_.set.compression.method != archive::Compression::Method::none; }
    std::string volume(std::size_t number) const { return full_.trailer.volumes.at(number).name; }
    void change(const std::string& name, const std::function<void(std::string&)>& f) const {
        std::string bytes = read_file(runs_.set.backup_dir + "/" + name);
        f(bytes);
        Tree(runs_.set.backup_dir).file(name, bytes);
    }
    void remove(const std::string& name) const { Tree(runs_.set.backup_dir).remove(name); }
    void break_seek_tables() const {
        for (const archive::VolumeInfo& info : full_.trailer.volumes)
            change(info.name, [](std::string& bytes) { bytes.back() ^= 0x7f; });
    }

    /// Restores the last run; `lost` are the files that it cannot give back. All others must be right.
    RestoreResult restore(bool with_other_source = false) {
        std::string to = runs_.temp() / format("to{}", ++restores_);
        RestoreRequest request{.at = 3, .to = to};
        if (with_other_source) request.further_sources.push_back(archive::local_volumes(good_));
        auto catalog = runs_.catalog();
        RestoreResult result =
            engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
        lost_.clear();
        result.problems.for_each([&](std::string_view path, std::string_view) { lost_.emplace(path); });
        CompareOptions options;
        options.ignore_owner = geteuid() != 0;
        options.exclude = [&](std::string_view path) { return lost_.contains(std::string(path)); };
        EXPECT_EQ(join_lines(differences(source_, snapshot_tree(to), options)), "");
        for (const std::string& path : lost_) EXPECT_FALSE(path_exists(to + "/" + path)) << path;
        remove_tree_at(AT_FDCWD, to);
        return result;
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
    engine::BackupResult full_;
    TreeSnapshot source_;
    std::string good_;
    std::set<std::string> lost_;
    int restores_ = 0;
};

TEST_P(RestoreDamage, AFlippedByteCostsItsFrame) {
    change(volume(1), [](std::string& bytes) { bytes[bytes.size() / 4 * 3] ^= 0x01; });
    RestoreResult result = restore();
    EXPECT_GE(lost_.size(), 1U);
    EXPECT_LE(lost_.size(), compressed() ? 7U : 1U);
    for (const std::string& line : result.problems.lines())
        EXPECT_THAT(line, compressed() ? HasSubstr(volume(1) + ": frame ")
                                       : HasSubstr(volume(1) + ": SHA-256 differs"));
    EXPECT_EQ(result.problems.groups().size(), 1U);
}

TEST_P(RestoreDamage, AMissingVolumeCostsWhatIsInIt) {
    remove(volume(1));
    RestoreResult result = restore();
    EXPECT_GE(lost_.size(), 8U);
    EXPECT_LE(lost_.size(), 14U);
    EXPECT_FALSE(lost_.contains("f00"));
    EXPECT_FALSE(lost_.contains("second run"));
    EXPECT_THAT(result.problems.lines(), Each(HasSubstr(volume(1) + ": the file is missing")));
    EXPECT_EQ(restore(true).problems.count(), 0U);
}

TEST_P(RestoreDamage, AMissingArchiveInTheMiddleCostsWhatItStored) {
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.find("-000002-") != std::string::npos && name.find(".tar") != std::string::npos)
            remove(name);
    RestoreResult result = restore();
    EXPECT_THAT(lost_, ElementsAre("second run"));
    EXPECT_THAT(result.problems.lines(), Each(HasSubstr("the file is missing")));
}

TEST_P(RestoreDamage, ATruncatedVolumeGivesWhatIsLeft) {
    change(volume(0), [](std::string& bytes) { bytes.resize(bytes.size() - 10); });
    RestoreResult table_only = restore();
    EXPECT_LE(lost_.size(), compressed() ? 0U : 1U) << "only the seek table was cut";
    EXPECT_EQ(table_only.remarks.size(), compressed() ? 1U : 0U) << join_lines(table_only.remarks);
    change(volume(0), [](std::string& bytes) { bytes.resize(bytes.size() / 4 * 3); });
    restore();
    EXPECT_FALSE(lost_.contains("f00"));
    EXPECT_GE(lost_.size(), 1U);
    EXPECT_LE(lost_.size(), 8U);
    RestoreResult helped = restore(true);
    EXPECT_EQ(helped.problems.count(), 0U);
    EXPECT_THAT(helped.remarks, ::testing::Contains(HasSubstr("(read from " + good_ + " instead)")));
}

TEST_P(RestoreDamage, SwappedVolumesCostWhatIsInThem) {
    std::string first = read_file(good_ + "/" + volume(0));
    change(volume(0), [&](std::string& bytes) { bytes = read_file(good_ + "/" + volume(1)); });
    change(volume(1), [&](std::string& bytes) { bytes = first; });
    restore();
    EXPECT_GE(lost_.size(), 12U);
    EXPECT_FALSE(lost_.contains("third run"));
    EXPECT_EQ(restore(true).problems.count(), 0U);
}

TEST_P(RestoreDamage, DestroyedSeekTablesCostNothing) {
    if (!compressed()) GTEST_SKIP() << "has none";
    break_seek_tables();
    RestoreResult result = restore();
    EXPECT_EQ(lost_.size(), 0U);
    EXPECT_EQ(result.remarks.size(), full_.trailer.volumes.size());
    EXPECT_THAT(result.remarks, Each(HasSubstr("(its frames were found by the manifest)")));
    // Nor without the manifest.
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.find("-000001-") != std::string::npos && name.ends_with(".manifest.zst"))
            change(name, [](std::string& bytes) { bytes.resize(10); });
    result = restore();
    EXPECT_EQ(lost_.size(), 0U);
    EXPECT_THAT(result.remarks, Each(HasSubstr("walking through it")));
}

TEST_P(RestoreDamage, EachSourceGivesTheFramesThatTheOtherLost) {
    break_seek_tables();
    change(volume(0), [](std::string& bytes) { bytes[bytes.size() / 4 * 3] ^= 0x01; });
    remove(volume(1));
    std::string other = join_path(good_, volume(0));
    std::string bytes = read_file(other);
    bytes[100] ^= 0x01;
    Tree(good_).file(volume(0), bytes);
    RestoreResult result = restore(true);
    EXPECT_EQ(lost_.size(), 0U) << join_lines(result.problems.lines());
}

TEST_P(RestoreDamage, AFileReadsItsFramesOnly) {
    std::uint64_t stored_bytes = full_.trailer.counts.stored_bytes;
    ASSERT_GT(stored_bytes, 16U << 20);
    RestoreResult result = runs_.restore(3, runs_.temp() / "one", {"f13"});
    EXPECT_EQ(result.counts.files, 1U);
    EXPECT_LE(result.stored_bytes_read, 2 * (archive::kFrameBytesMax + (64U << 10)));
    result = runs_.restore(3, runs_.temp() / "small", {"second run"});
    EXPECT_LE(result.stored_bytes_read, 64U << 10);
    result = runs_.restore(3, runs_.temp() / "all");
    EXPECT_LE(result.stored_bytes_read, stored_bytes + stored_bytes / 4) << "frames are hardly read twice";
}

INSTANTIATE_TEST_SUITE_P(Methods, RestoreDamage, ::testing::Values("zstd:1", "gzip:1", "none"),
                         [](const auto& tested) {
                             std::string text = tested.param;
                             return text.substr(0, text.find(':'));
                         });

}  // namespace
}  // namespace icecore::testing
