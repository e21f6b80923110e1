// Restoring from a target that must be thawed: what is asked for, and what it costs.

#include <gmock/gmock.h>

#include "cold_restore_fixture.h"

namespace icecore::testing {
namespace {

using engine::FetchState;
using engine::RestoreFrom;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ColdRestoreOf : public ColdRestoreTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Methods, ColdRestoreOf, ::testing::Values("zstd:1", "gzip:1", "none"));

TEST_P(ColdRestoreOf, OneFileCostsItsFrames) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true);
    FetchState before = process.remote->state();
    EXPECT_EQ(before.unasked, before.ranges);
    EXPECT_EQ(vault_.thawed_bytes, 0U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thawed_bytes, before.unasked_bytes);
    EXPECT_EQ(vault_.read_bytes, vault_.thawed_bytes);
    EXPECT_LE(vault_.thawed_bytes,
              3 * (kFrameBytes + 1024) + 2 * kAlignment);  // 50 KiB: in two or three frames
    process.expect_restored();
    process.remote->remove();
    EXPECT_FALSE(path_exists(in_backup(".thawed")));
    EXPECT_THAT(engine::list_thaws(environment_, runs_.set, false, opener(), runs_.observer), IsEmpty());
}

TEST_P(ColdRestoreOf, FileThatGoesOnInOtherVolumes) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {"z/large"}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_LT(vault_.thawed_bytes, (800 << 10) + 3 * (kFrameBytes + kAlignment) + volume_bytes() / 50);
    process.expect_restored();
}

TEST_P(ColdRestoreOf, EverythingPutsTheVolumesBack) {
    runs_.set.compression = archive::parse_compression(GetParam());
    back_up();
    lose_volumes();
    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_LE(vault_.thawed_bytes, volume_bytes());
    process.expect_restored();
    for (const archive::VolumeInfo& volume : result_.trailer.volumes) {
        ASSERT_TRUE(path_exists(in_backup(volume.name)));
        EXPECT_EQ(sha256(read_file(in_backup(volume.name))), volume.sha256);
    }
    EXPECT_THAT(plan(RestoreFrom::automatic).volumes, IsEmpty());
}

TEST_F(ColdRestoreTest, OnlyWhatIsNotHereIsThawed) {
    back_up();
    std::vector<std::string> volumes = runs_.volumes(result_);
    std::filesystem::remove(volumes[1]);
    std::filesystem::resize_file(volumes[2], 100);
    engine::RemotePlan wanted = plan(RestoreFrom::automatic);
    ASSERT_THAT(wanted.volumes, SizeIs(2));
    EXPECT_EQ(wanted.volumes[0].info.name, base_name(volumes[1]));
    EXPECT_EQ(wanted.volumes[1].info.name, base_name(volumes[2]));
    EXPECT_THAT(plan(RestoreFrom::local).volumes, IsEmpty());
    EXPECT_THAT(plan(RestoreFrom::remote).volumes, SizeIs(volumes.size()));

    Process process(*this, {}, RestoreFrom::automatic, true);
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
    EXPECT_EQ(std::filesystem::file_size(volumes[2]), 100U) << "what is there stays";
}

TEST_F(ColdRestoreTest, FromRemoteNeedsNothingThatIsHere) {
    back_up();
    for (const std::string& path : runs_.volumes(result_))
        write_file_durably(environment_.fs, runs_.set.backup_dir, std::string(base_name(path)),
                           std::string(std::filesystem::file_size(path), 'x'), true);
    Process process(*this, {}, RestoreFrom::remote, true);
    EXPECT_TRUE(process.remote->run().complete());
    process.expect_restored();
}

TEST_F(ColdRestoreTest, NearRangesAreThawedAsOne) {
    back_up();
    std::vector<std::string> paths = {"d0/noise", "d4/noise"};
    EXPECT_EQ(plan(RestoreFrom::remote, paths).ranges, 2U);
    vault_.thaw_gap_bytes = {1 << 20, 0, 0};
    EXPECT_EQ(plan(RestoreFrom::remote, paths).ranges, 1U);
}

// The service takes one request an object, and gives ranges of what it has thawed.
TEST_F(ColdRestoreTest, TargetThatThawsWholeObjectsOnly) {
    back_up();
    vault_.thaws_ranges = false;
    lose_volumes();
    Process process(*this, {"d0/noise", "d4/noise"}, RestoreFrom::automatic, true);
    FetchState before = process.remote->state();
    EXPECT_EQ(before.ranges, 2U);
    EXPECT_EQ(before.requests, 1U);
    EXPECT_EQ(before.unasked_bytes, result_.trailer.volumes[0].stored_bytes);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thaws, 1U);
    EXPECT_EQ(vault_.thawed_bytes, before.unasked_bytes);
    EXPECT_EQ(vault_.read_bytes, before.bytes);
    EXPECT_LT(vault_.read_bytes, vault_.thawed_bytes);
    process.expect_restored();
    process.remote.reset();

    Process all(*this, {}, RestoreFrom::automatic, true);
    EXPECT_EQ(all.remote->state().requests, result_.trailer.volumes.size() - 1)
        << "what else is wanted of a thawed object is there to be read";
    EXPECT_TRUE(all.remote->run().complete());
    EXPECT_EQ(vault_.thaws, result_.trailer.volumes.size());
    EXPECT_EQ(vault_.thawed_bytes, volume_bytes());
    EXPECT_EQ(vault_.read_bytes, volume_bytes()) << "nothing came twice";
    all.expect_restored();
}

TEST_F(ColdRestoreTest, WholeObjectsThatExpiredAreAskedForOnceMore) {
    back_up();
    vault_.thaws_ranges = false;
    lose_volumes();
    std::vector<std::string> paths = {"d0/noise", "d4/noise"};
    Process(*this, paths).remote->run();
    vault_.let_time_pass();
    vault_.let_thaws_expire();
    Process process(*this, paths, RestoreFrom::automatic, true);
    EXPECT_EQ(process.remote->state().requests, 1U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.thaws, 2U);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, FasterTierForWhatIsPending) {
    back_up();
    vault_.thaws_ranges = false;
    vault_.hastens = true;
    lose_volumes();
    Process(*this, {"d0/noise", "d4/noise"}).remote->run();
    EXPECT_FALSE(Process(*this, {"d0/noise"}).remote->state().costs());
    Process process(*this, {"d0/noise", "d4/noise"}, RestoreFrom::automatic, true, store::ThawTier::standard);
    FetchState state = process.remote->state();
    EXPECT_EQ(state.unasked, 0U);
    EXPECT_EQ(state.slower, 1U);
    EXPECT_EQ(state.slower_bytes, result_.trailer.volumes[0].stored_bytes);
    EXPECT_EQ(vault_.hastened, 0U) << "it costs, so nobody asks before run()";
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(vault_.hastened, 1U);
    EXPECT_EQ(vault_.thaws, 1U);
    process.expect_restored();
}

// A vault begins another job for that, which the user may not want: there what is pending is waited for.
TEST_F(ColdRestoreTest, FasterTierWhereATargetCannot) {
    back_up();
    lose_volumes();
    Process(*this, {"d5/noise"}).remote->run();
    Process process(*this, {"d5/noise"}, RestoreFrom::automatic, true, store::ThawTier::expedited);
    EXPECT_FALSE(process.remote->state().costs());
}

TEST_F(ColdRestoreTest, ReadingThatCostsIsPlannedThoughNothingMustBeThawed) {
    back_up();
    vault_.thaws_ranges = false;
    vault_.thaw_needed = false;
    lose_volumes();
    Process process(*this, {"d5/noise"});
    FetchState before = process.remote->state();
    EXPECT_TRUE(before.costs());
    EXPECT_EQ(vault_.read_bytes, 0U);
    EXPECT_TRUE(process.remote->run().complete());
    EXPECT_EQ(waits_, 0);
    EXPECT_EQ(vault_.read_bytes, before.bytes);
    process.expect_restored();
}

TEST_F(ColdRestoreTest, WithoutManifestVolumesAreThawedWhole) {
    back_up();
    lose_volumes();
    auto known = runs_.catalog();
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        if (name.ends_with(".manifest.zst")) std::filesystem::remove(in_backup(name));
    store::MemoryTarget target(vault_);
    engine::RemotePlan wanted =
        engine::plan_remote(runs_.set, *known, 1, {"d5/noise"}, RestoreFrom::automatic, target.capabilities(),
                            store::ThawTier::bulk);
    ASSERT_FALSE(wanted.volumes.empty());
    EXPECT_EQ(wanted.volumes[0].ranges[0].length_bytes, wanted.volumes[0].info.stored_bytes);
}

}  // namespace
}  // namespace icecore::testing
