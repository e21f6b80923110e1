// What a target has, compared with what should be there, and recovery from it alone: a target that tells
// digests by one request a file, locks, has storage classes, and keeps what was deleted.

#include <gmock/gmock.h>

#include "base/format.h"
#include "borrowed_target.h"
#include "engine/recover.h"
#include "engine/verify_remote.h"
#include "fake_target.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using engine::RecoverResult;
using engine::RemoteVerifyResult;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kDay = 24 * 3600;

class RemoteTruthTest : public UploadTest {
  protected:
    RemoteTruthTest() {
        target_.abilities.lists_digests = false;
        target_.abilities.thaw_needed = true;
        target_.abilities.storage_classes = {"STANDARD", "DEEP_ARCHIVE"};
        target_.on_put = [this](const store::Upload& upload, const auto&) {
            if (upload.temperature == store::Temperature::cold) target_.classes[upload.name] = "DEEP_ARCHIVE";
        };
    }
    void back_up(unsigned runs) {
        for (unsigned i = 0; i < runs; ++i) {
            change(format("run {}", i));
            results_.push_back(backup(true));
        }
        ASSERT_TRUE(upload_to(target_).complete());
        target_.stats = 0;
    }
    void with_locks() {
        runs_.set.target.object_lock = {.mode = engine::TargetOptions::ObjectLock::Mode::governance,
                                        .days = 80};
        target_.abilities.locks = true;
    }
    engine::OpenTarget opener() {
        return [this](engine::Observer&) { return std::make_unique<BorrowedTarget>(target_, mutex_); };
    }

    RemoteVerifyResult verify() {
        findings_.clear();
        return engine::verify_remote(
            runs_.environment(), runs_.set, opener(), runs_.observer, [this](const engine::Finding& finding) {
                bool problem = finding.severity == engine::Finding::Severity::problem;
                findings_.push_back(
                    format("{}: {}", problem ? "problem" : "remark", engine::finding_text(finding)));
            });
    }
    std::string volume(std::size_t run, std::size_t number = 0) const {
        return results_[run].trailer.volumes[number].name;
    }
    std::string manifest(std::size_t run) const {
        return volume(run).substr(0, volume(run).find(".tar")) + ".manifest.zst";
    }

    RecoverResult recover(bool archives = false) {
        engine::Recovery recovery(runs_.environment(), runs_.set, {.dir = {}}, runs_.observer, opener());
        recovery.list();
        state_ = recovery.plan(archives);
        EXPECT_TRUE(recovery.fetch().ended());
        return recovery.finish();
    }
    void lose_everything() const {
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            std::filesystem::remove_all(here(name));
    }

    FakeTarget target_;
    std::recursive_mutex mutex_;
    std::vector<engine::BackupResult> results_;
    std::vector<std::string> findings_;
    engine::FetchState state_;
};

TEST_F(RemoteTruthTest, AllWell) {
    back_up(2);
    RemoteVerifyResult result = verify();
    EXPECT_THAT(findings_, IsEmpty());
    EXPECT_EQ(result.files, sealed().size() - 1);
    EXPECT_EQ(target_.stats, result.files) << "one request a file";
    ASSERT_THAT(result.snapshots, SizeIs(2));
    EXPECT_TRUE(result.snapshots[1].complete);
    EXPECT_FALSE(result.snapshots[1].locked_until);
}

TEST_F(RemoteTruthTest, OtherContentOfTheSameSizeAndWhatIsNotThere) {
    back_up(2);
    target_.objects[volume(0)].back() ^= 1;
    target_.objects.erase(manifest(1));
    target_.objects["set-000009-full-20200101T000000Z.tar.zst"] = "x";
    RemoteVerifyResult result = verify();
    EXPECT_EQ(result.problems, 2U);
    EXPECT_EQ(result.remarks, 1U);
    EXPECT_THAT(findings_, Contains(AllOf(HasSubstr(volume(0)), HasSubstr("another tree hash"))));
    EXPECT_THAT(findings_, Contains(AllOf(HasSubstr(manifest(1)), HasSubstr("not offsite any more"))));
    EXPECT_THAT(findings_, Contains(AllOf(HasSubstr("000009"), HasSubstr("nothing here knows it"))));
    ASSERT_THAT(result.snapshots, SizeIs(2));
    EXPECT_FALSE(result.snapshots[0].complete);
    EXPECT_FALSE(result.snapshots[1].complete) << "it needs the run before";
    EXPECT_EQ(upload_to(target_).files, 1U) << "the manifest is stored again";
}

TEST_F(RemoteTruthTest, OtherClass) {
    back_up(1);
    target_.classes[volume(0)] = "STANDARD";
    target_.classes[manifest(0)] = "GLACIER";
    target_.frozen.insert(manifest(0));
    RemoteVerifyResult result = verify();
    EXPECT_EQ(result.files, sealed().size() - 1);
    EXPECT_THAT(findings_, ::testing::UnorderedElementsAre(
                               AllOf(HasSubstr("problem"), HasSubstr(manifest(0)), HasSubstr("GLACIER"),
                                     HasSubstr("thaw")),
                               AllOf(HasSubstr("remark"), HasSubstr(volume(0)),
                                     HasSubstr("STANDARD offsite, and was put into DEEP_ARCHIVE"))))
        << join_lines(findings_);
}

TEST_F(RemoteTruthTest, WhatSomebodyDeleted) {
    back_up(1);
    target_.deleted.insert(volume(0));
    RemoteVerifyResult result = verify();
    EXPECT_EQ(result.problems, 1U);
    EXPECT_THAT(findings_, ElementsAre(AllOf(HasSubstr(volume(0)), HasSubstr("deleted it offsite"))));
    EXPECT_EQ(item("fake:here", volume(0)).state, catalog::OutboxItem::State::stored);
}

TEST_F(RemoteTruthTest, LocksAndUntilWhenEachSnapshotIsSafe) {
    with_locks();
    back_up(3);
    RemoteVerifyResult result = verify();
    EXPECT_THAT(findings_, IsEmpty());
    ASSERT_THAT(result.snapshots, SizeIs(3));
    Timestamp earliest = target_.locks.begin()->second;
    for (const auto& [name, until] : target_.locks) earliest = std::min(earliest, until);
    EXPECT_EQ(result.snapshots[2].locked_until, earliest);

    Timestamp soon = {runs_.environment().clock.now().sec + 3 * kDay, 0};
    target_.locks[volume(1)] = soon;
    result = verify();
    EXPECT_THAT(findings_, ElementsAre(AllOf(HasSubstr(volume(1)), HasSubstr("is locked offsite until"))));
    EXPECT_GT(result.snapshots[0].locked_until, soon);
    EXPECT_EQ(result.snapshots[1].locked_until, soon);
    EXPECT_EQ(result.snapshots[2].locked_until, soon) << "it needs the run before";
    target_.locks.erase(volume(0));
    result = verify();
    EXPECT_THAT(findings_, Contains(AllOf(HasSubstr(volume(0)), HasSubstr("is not locked"))));
    EXPECT_FALSE(result.snapshots[0].locked_until);
    EXPECT_FALSE(result.snapshots[2].locked_until);

    EXPECT_TRUE(upload_to(target_).complete()) << "what verify learned is put right by the next upload";
    verify();
    EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(RemoteTruthTest, RecoverReadsNothingCold) {
    back_up(3);
    std::set<std::string> before = sealed();
    lose_everything();
    RecoverResult result = recover();
    EXPECT_EQ(state_.unasked, 0U);
    EXPECT_EQ(state_.ranges, 6U) << "a manifest and a log of each run";
    EXPECT_EQ(result.runs, 3U);
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_THAT(result.lost, IsEmpty());
    EXPECT_EQ(result.volumes, results_[0].trailer.volumes.size() + 2);
    verify();
    EXPECT_THAT(findings_, IsEmpty());
    EXPECT_EQ(upload_to(target_).files, 0U) << "all is known to be there";
}

TEST_F(RemoteTruthTest, RecoverOfWhatSomebodyDeleted) {
    back_up(2);
    target_.deleted = {manifest(0), volume(0)};
    lose_everything();
    RecoverResult result = recover();
    EXPECT_EQ(result.runs, 2U);
    EXPECT_EQ(result.deleted, 2U);
    EXPECT_THAT(result.problems, IsEmpty());
}

TEST_F(RemoteTruthTest, LostManifestIsMadeAgainIfItsArchiveIsBrought) {
    back_up(3);
    target_.objects.erase(manifest(1));
    lose_everything();
    RecoverResult result = recover();
    EXPECT_EQ(result.runs, 1U) << "what came after needs it";
    ASSERT_THAT(result.lost, SizeIs(1));
    EXPECT_EQ(result.lost[0].run, 2U);
    EXPECT_EQ(result.lost[0].volumes, 1U);
    EXPECT_FALSE(result.lost[0].last);
    for (const std::string& path : runs_.volumes(results_[1])) EXPECT_FALSE(path_exists(path));

    result = recover(true);
    EXPECT_EQ(result.runs, 3U);
    EXPECT_THAT(result.lost, IsEmpty());
    EXPECT_THAT(result.rebuilt.recovered, SizeIs(1));
    EXPECT_EQ(upload_to(target_).files, 1U);
    EXPECT_TRUE(target_.objects.contains(manifest(1)));
}

TEST_F(RemoteTruthTest, ManifestThatCameDamagedIsLost) {
    back_up(2);
    lose_everything();
    target_.lies = manifest(1);
    RecoverResult result = recover();
    EXPECT_THAT(result.not_fetched, ElementsAre(HasSubstr("does not have the checksum")));
    EXPECT_EQ(result.runs, 1U);
    target_.lies.reset();
    EXPECT_EQ(recover().runs, 2U);
}

TEST_F(RemoteTruthTest, ManifestThatWasDamagedThereIsNotKeptHere) {
    back_up(2);
    lose_everything();
    std::string good = std::exchange(target_.objects.at(manifest(1)), "scribbled over");
    RecoverResult result = recover();
    EXPECT_THAT(result.not_fetched, ElementsAre(HasSubstr("what is offsite is no whole manifest")));
    EXPECT_EQ(result.runs, 1U);
    target_.objects.at(manifest(1)) = good;
    EXPECT_EQ(recover().runs, 2U);
}

TEST_F(RemoteTruthTest, WhatRecoverDoesNotFindIsStoredAgain) {
    back_up(2);
    target_.objects.erase(manifest(0));
    RecoverResult result = recover();
    EXPECT_THAT(result.problems, ElementsAre(HasSubstr("it is not offsite any more")));
    EXPECT_EQ(upload_to(target_).files, 1U);
    EXPECT_TRUE(target_.objects.contains(manifest(0)));
}

class CatalogueSnapshotTest : public RemoteTruthTest {
  protected:
    /// Runs whose manifests are larger than the catalogue, together.
    void back_up_much() {
        for (unsigned i = 0; i < 12; ++i) {
            for (unsigned f = 0; f < 80; ++f) tree_.file(format("r{}/file{}", i, f), format("{}", i * f));
            back_up(1);
        }
        for (const auto& [name, content] : target_.objects)
            if (name.ends_with(".catalog.zst")) snapshot_ = name;
    }
    std::string snapshot_;
};

TEST_F(CatalogueSnapshotTest, IsStoredNowAndThenAndNotKeptHere) {
    back_up_much();
    ASSERT_NE(snapshot_, "") << join_lines(runs_.observer.warnings);
    EXPECT_FALSE(path_exists(here(snapshot_)));
    std::size_t snapshots = 0;
    std::size_t bytes = 0;
    std::size_t manifest_bytes = 0;
    for (const auto& [name, content] : target_.objects) {
        snapshots += name.ends_with(".catalog.zst");
        if (name.ends_with(".catalog.zst")) bytes += content.size();
        if (name.ends_with(".manifest.zst")) manifest_bytes += content.size();
    }
    EXPECT_EQ(snapshots, 1U);
    EXPECT_LE(bytes, 2 * manifest_bytes);
    EXPECT_FALSE(target_.classes.contains(snapshot_)) << "it is hot";
    verify();
    EXPECT_THAT(findings_, IsEmpty());
}

TEST_F(CatalogueSnapshotTest, RecoverBeginsWithIt) {
    back_up_much();
    std::string tree = dump_tree(*runs_.catalog(), 12);
    lose_everything();
    RecoverResult result = recover();
    EXPECT_TRUE(result.rebuilt.from_snapshot);
    EXPECT_EQ(result.runs, 12U);
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(dump_tree(*runs_.catalog(), 12), tree);
    EXPECT_FALSE(path_exists(here(".thawed")));
    EXPECT_EQ(upload_to(target_).files, 0U);
}

TEST_F(CatalogueSnapshotTest, StandsInForALostManifest) {
    back_up_much();
    target_.objects.erase(manifest(1));
    lose_everything();
    RecoverResult result = recover();
    EXPECT_EQ(result.runs, 12U);
    EXPECT_THAT(result.problems, ElementsAre(AllOf(HasSubstr(manifest(1)), HasSubstr("stands in"))));
    EXPECT_THAT(result.lost, IsEmpty());
    lose_everything();
    EXPECT_EQ(recover(true).rebuilt.recovered.size(), 1U) << "made again from its archive";
    EXPECT_TRUE(path_exists(here(manifest(1))));
}

TEST_F(CatalogueSnapshotTest, UnsoundOneIsPassedOver) {
    back_up_much();
    std::string tree = dump_tree(*runs_.catalog(), 12);
    for (std::string bad :
         {std::string("nothing of the kind"),
          target_.objects.at(snapshot_).substr(0, target_.objects.at(snapshot_).size() / 2)}) {
        target_.objects[snapshot_] = bad;
        lose_everything();
        RecoverResult result = recover();
        EXPECT_FALSE(result.rebuilt.from_snapshot);
        EXPECT_EQ(result.runs, 12U);
        EXPECT_EQ(dump_tree(*runs_.catalog(), 12), tree);
    }
}

TEST_F(RemoteTruthTest, RunThatNeverEnded) {
    back_up(1);
    target_.objects["set-000002-incr-20301122T031500Z.tar.zst"] = "half of it";
    lose_everything();
    RecoverResult result = recover();
    EXPECT_EQ(result.runs, 1U);
    ASSERT_THAT(result.lost, SizeIs(1));
    EXPECT_TRUE(result.lost[0].last);
}

}  // namespace
}  // namespace icecore::testing
