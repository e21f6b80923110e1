// Storing offsite: what is stored, when, and what goes wrong on the way.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/format.h"
#include "fake_target.h"
#include "small_disk.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using engine::UploadResult;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(UploadTest, EverythingIsOffsiteAfterABackup) {
    engine::BackupResult first = backup();
    ASSERT_GE(first.trailer.volumes.size(), 3U);
    ASSERT_TRUE(first.upload && first.upload->complete());
    EXPECT_EQ(first.upload->files, sealed().size());
    expect_everything_offsite();
    change("second");
    tree_.rename("d0", "moved");
    engine::BackupResult second = backup();
    EXPECT_EQ(second.upload->files, 3U);
    engine::BackupResult unchanged = backup();
    EXPECT_EQ(unchanged.upload->files, 3U);
    expect_everything_offsite();

    runs_.compare.ignore_root_mtime = true;
    // The disk with the backup directory is lost: bare tar restores from the target alone.
    std::filesystem::remove_all(runs_.set.backup_dir);
    std::string bare = runs_.temp().make_dir("from-offsite");
    for (const auto& run : {first, second, unchanged}) {
        std::vector<std::string> volumes;
        for (const archive::VolumeInfo& volume : run.trailer.volumes) volumes.push_back(there(volume.name));
        CommandResult tar = extract_with_gnu_tar(volumes, runs_.method(), bare);
        EXPECT_EQ(tar.status, 0) << tar.err;
    }
    EXPECT_THAT(differences(snapshot_tree(tree_.root()), snapshot_tree(bare), runs_.compare), IsEmpty());
}

TEST_F(UploadTest, NoUploadLeavesItToALaterOne) {
    EXPECT_FALSE(backup(true).upload);
    EXPECT_THAT(stored(), IsEmpty());
    EXPECT_FALSE(path_exists(outbox_path()));
    auto status = [this] {
        return engine::read_offsite_status(runs_.environment(), runs_.set, runs_.catalog()->runs()).value();
    };
    EXPECT_EQ(status().waiting_files, sealed().size() - 1);  // README.restore.txt does not count yet
    UploadResult result = upload();
    EXPECT_TRUE(result.complete());
    EXPECT_EQ(result.files, sealed().size());
    EXPECT_EQ(runs_.observer.last.phase, engine::Progress::Phase::uploading);
    EXPECT_EQ(runs_.observer.last.bytes, runs_.observer.last.bytes_total);
    EXPECT_EQ(runs_.observer.last.files, runs_.observer.last.files_total);
    expect_everything_offsite();
    EXPECT_EQ(status().waiting_files, 0U);
    EXPECT_EQ(status().stored_files, sealed().size());
    EXPECT_TRUE(status().last_stored);
    EXPECT_EQ(status().target, "dir:" + offsite_dir());
    result = upload();
    EXPECT_TRUE(result.complete());
    EXPECT_EQ(result.files, 0U);
    EXPECT_EQ(result.stored_files, sealed().size());
}

TEST_F(UploadTest, OldestRunFirstAndTheReadmeLast) {
    engine::BackupResult first = backup(true);
    change("second");
    engine::BackupResult second = backup(true);
    FakeTarget target;
    EXPECT_TRUE(upload_to(target).complete());
    std::vector<std::string> expected;
    for (const auto& run : {first, second}) {
        for (const archive::VolumeInfo& volume : run.trailer.volumes) expected.push_back(volume.name);
        std::string stem = run.header.archive_name.substr(0, run.header.archive_name.find(".tar"));
        expected.push_back(stem + ".manifest.zst");
        expected.push_back(stem + ".log");
    }
    expected.emplace_back("README.restore.txt");
    EXPECT_EQ(target.puts, expected);
    catalog::OutboxItem volume = item("fake:here", expected[0]);
    EXPECT_EQ(volume.object_id, "id of " + expected[0]);
    EXPECT_EQ(volume.sha256, first.trailer.volumes[0].sha256);
    EXPECT_EQ(volume.tree_hash, first.trailer.volumes[0].tree_hash);
}

TEST_F(UploadTest, TheReadmeIsStoredAgainWhenItChanges) {
    backup();
    write_file_durably(const_cast<FileSystem&>(runs_.environment().fs), runs_.set.backup_dir,
                       "README.restore.txt", "look elsewhere\n", true);
    EXPECT_EQ(upload().files, 1U);
    EXPECT_EQ(read_file(there("README.restore.txt")), "look elsewhere\n");
    backup();  // writes its own again
    expect_everything_offsite();
    FakeTarget keeps_all;
    keeps_all.abilities.replaces = false;
    EXPECT_TRUE(upload_to(keeps_all).complete());
    EXPECT_EQ(keeps_all.objects.size(), sealed().size() - 1);
}

// The process may end anywhere: each later one goes on where it ended, and sends no part twice.
TEST_F(UploadTest, GoesOnAtThePartWhereItWasStopped) {
    backup(true);
    FakeTarget whole;
    ASSERT_TRUE(upload_to(whole).complete());
    lose_outbox();
    struct Killed {};
    FakeTarget target;
    std::uint64_t stops = 0;
    for (bool done = false; !done;) {
        std::uint64_t begun_at = target.parts;
        target.on_part = [&] {
            if (target.parts == begun_at + 2) throw Killed();
        };
        try {
            UploadResult result = upload_to(target);
            EXPECT_TRUE(result.complete());
            done = true;
        } catch (const Killed&) {
            ++stops;
        }
    }
    EXPECT_EQ(stops, whole.parts / 2);
    EXPECT_EQ(target.parts, whole.parts);
    EXPECT_EQ(target.objects, whole.objects);
}

/// kill -9 when the observer is told something for the N-th time.
class KillingObserver final : public engine::Observer {
  public:
    explicit KillingObserver(unsigned at) : at_(at) {}
    void progress(const engine::Progress&) override {
        if (--at_ == 0) kill(getpid(), SIGKILL);
    }
    void warning(std::string_view) override {}

  private:
    unsigned at_;
};

TEST_F(UploadTest, KilledAnywhereItHealsWithTheNextOne) {
    backup(true);
    unsigned kills = 0;
    for (unsigned at = 1;; ++at) {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            KillingObserver observer(at);
            auto target = engine::open_target(runs_.environment(), runs_.set, observer);
            bool complete = engine::upload(runs_.environment(), runs_.set, *target, observer).complete();
            _exit(complete ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        for (const std::string& name : stored())
            EXPECT_TRUE(name[0] == '.' || read_file(there(name)) == read_file(here(name))) << name;
        if (!WIFSIGNALED(status)) {
            EXPECT_EQ(status, 0);
            break;
        }
        ++kills;
    }
    EXPECT_GE(kills, 3U);
    expect_everything_offsite();
}

TEST_F(UploadTest, AMissingTargetDoesNotStopTheBackup) {
    std::filesystem::remove(runs_.set.target.directory);
    engine::BackupResult result = backup();
    ASSERT_TRUE(result.upload && result.upload->failure);
    EXPECT_EQ(result.upload->failure->kind(), Error::Kind::not_found);
    EXPECT_THAT(result.upload->failure->hint(), HasSubstr("is the disk mounted?"));
    EXPECT_EQ(result.upload->waiting_files, sealed().size());
    EXPECT_FALSE(path_exists(runs_.set.target.directory));
    EXPECT_EQ(runs_.catalog()->last_run()->number(), 1U);
    auto status =
        engine::read_offsite_status(runs_.environment(), runs_.set, runs_.catalog()->runs()).value();
    EXPECT_EQ(status.waiting_files, sealed().size());
    EXPECT_THAT(status.last_error, HasSubstr(runs_.set.target.directory));

    std::filesystem::create_directory(runs_.set.target.directory);
    EXPECT_TRUE(upload().complete());
    expect_everything_offsite();
    status = engine::read_offsite_status(runs_.environment(), runs_.set, runs_.catalog()->runs()).value();
    EXPECT_EQ(status.last_error, "");
}

TEST_F(UploadTest, AFullTargetEndsTheUploadUntilThereIsSpace) {
    SmallDisk disk(runs_.set.target.directory);
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    engine::BackupResult result = backup();
    ASSERT_TRUE(result.upload && result.upload->failure);
    EXPECT_EQ(result.upload->failure->os_error(), ENOSPC);
    EXPECT_THAT(result.upload->failure->hint(), HasSubstr("free some space"));
    EXPECT_GE(result.upload->files, 1U);
    EXPECT_EQ(result.upload->files + result.upload->waiting_files, sealed().size());
    disk.grow();
    EXPECT_TRUE(upload().complete());
    expect_everything_offsite();
}

TEST_F(UploadTest, AReadOnlyTargetIsDenied) {
    SmallDisk disk(runs_.set.target.directory);
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    disk.make_read_only();
    engine::BackupResult result = backup();
    ASSERT_TRUE(result.upload && result.upload->failure);
    EXPECT_EQ(result.upload->failure->kind(), Error::Kind::denied);
    EXPECT_EQ(result.upload->waiting_files, sealed().size());
}

TEST_F(UploadTest, ATargetInsideTheDataIsRefusedAndTheRunMade) {
    runs_.set.target.directory = runs_.temp() / "link";
    std::filesystem::create_directory_symlink(runs_.set.data_dir + "/d0", runs_.set.target.directory);
    engine::BackupResult result = backup();
    ASSERT_TRUE(result.upload && result.upload->failure);
    EXPECT_EQ(result.upload->failure->kind(), Error::Kind::invalid);
    EXPECT_THAT(result.upload->failure->message(), HasSubstr("lie inside each other"));
    EXPECT_EQ(runs_.catalog()->last_run()->number(), 1U);
}

TEST_F(UploadTest, ADamagedVolumeIsNamedAndTheOthersStored) {
    engine::BackupResult result = backup(true);
    const auto& volumes = result.trailer.volumes;
    ASSERT_GE(volumes.size(), 4U);
    flip_byte(here(volumes[0].name), volumes[0].stored_bytes / 2);
    std::filesystem::resize_file(here(volumes[1].name), 1000);
    std::filesystem::remove(here(volumes[2].name));
    UploadResult uploaded = upload();
    EXPECT_FALSE(uploaded.failure);
    EXPECT_THAT(uploaded.problems,
                ::testing::UnorderedElementsAre(
                    AllOf(HasSubstr(volumes[0].name), HasSubstr("does not have the SHA-256")),
                    AllOf(HasSubstr(volumes[1].name), HasSubstr("has 1000 bytes instead of")),
                    AllOf(HasSubstr(volumes[2].name), HasSubstr("neither here nor offsite"))));
    EXPECT_EQ(uploaded.waiting_files, 2U);
    EXPECT_EQ(stored().size(), sealed().size() - 2);
    for (const std::string& name : stored()) EXPECT_NE(name[0], '.') << name;
    EXPECT_EQ(item("dir:" + offsite_dir(), volumes[0].name).attempts, 1U);
}

TEST_F(UploadTest, AFileThatTheTargetRefusesDoesNotStopTheOthers) {
    engine::BackupResult result = backup(true);
    FakeTarget target;
    target.objects[result.trailer.volumes[0].name] = "something else";
    UploadResult uploaded = upload_to(target);
    EXPECT_THAT(uploaded.problems, ElementsAre(HasSubstr(result.trailer.volumes[0].name)));
    EXPECT_EQ(uploaded.waiting_files, 1U);
    EXPECT_EQ(uploaded.files, sealed().size() - 1);
    EXPECT_EQ(target.objects[result.trailer.volumes[0].name], "something else");
}

TEST_F(UploadTest, ADiskThatIsNotMountedIsNoEmptyOne) {
    backup();
    std::string disk = runs_.set.target.directory;
    std::filesystem::rename(disk, disk + ".unmounted");
    std::filesystem::create_directory(disk);  // the mount point
    change("second");
    engine::BackupResult next = backup();
    ASSERT_TRUE(next.upload && next.upload->failure);
    EXPECT_NE(next.upload->failure->message().find("has nothing of what was stored there"),
              std::string::npos);
    EXPECT_TRUE(list_directory(disk).empty());
    std::filesystem::remove(disk);
    std::filesystem::rename(disk + ".unmounted", disk);
    EXPECT_TRUE(upload().complete());
    expect_everything_offsite();
}

TEST_F(UploadTest, AFailureOfTheTargetEndsTheUpload) {
    backup(true);
    for (Error::Kind kind : {Error::Kind::io, Error::Kind::denied, Error::Kind::not_found,
                             Error::Kind::transient, Error::Kind::not_ready}) {
        FakeTarget target;
        target.on_put = [&](const store::Upload&, const auto&) {
            if (target.puts.size() == 2) throw Error(kind, "the line is dead", "mend it");
        };
        UploadResult result = upload_to(target);
        EXPECT_EQ(target.puts.size(), 2U);
        EXPECT_EQ(result.files, 1U);
        ASSERT_TRUE(result.failure);
        EXPECT_EQ(result.failure->kind(), kind);
        EXPECT_EQ(result.failure->hint(), "mend it");
        EXPECT_THAT(result.problems, IsEmpty());
        EXPECT_EQ(item("fake:here", target.puts[1]).last_error, "the line is dead");
        lose_outbox();
    }
}

TEST_F(UploadTest, ALostOutboxIsMadeAnewFromWhatTheTargetSays) {
    engine::BackupResult result = backup();
    const auto& volumes = result.trailer.volumes;
    lose_outbox();
    std::filesystem::remove(there(volumes[1].name));  // heals
    flip_byte(there(volumes[2].name), 5);             // is reported, never replaced
    std::string damaged = read_file(there(volumes[2].name));
    std::filesystem::remove(here(volumes[0].name));  // is offsite
    FileStat before;
    ASSERT_TRUE(stat_at(AT_FDCWD, there(volumes[3].name).c_str(), before));
    UploadResult again = upload();
    EXPECT_THAT(again.problems, ElementsAre(AllOf(HasSubstr(volumes[2].name), HasSubstr("other content"))));
    EXPECT_EQ(read_file(there(volumes[1].name)), read_file(here(volumes[1].name)));
    EXPECT_EQ(read_file(there(volumes[2].name)), damaged);
    EXPECT_EQ(item("dir:" + offsite_dir(), volumes[0].name).state, catalog::OutboxItem::State::stored);
    FileStat after;
    ASSERT_TRUE(stat_at(AT_FDCWD, there(volumes[3].name).c_str(), after));
    EXPECT_EQ(before.ino, after.ino);  // confirmed, not stored again
    EXPECT_EQ(before.mtime, after.mtime);
}

TEST_F(UploadTest, ALostOutboxIsMadeAnewFromTheListOfATargetThatKnowsNoNames) {
    FakeTarget target;
    target.abilities.lists_at_once = false;
    target.abilities.replaces = false;
    runs_.backup();
    EXPECT_TRUE(upload_to(target).complete());
    std::size_t stored = target.objects.size();
    lose_outbox();
    target.puts.clear();

    target.listed = false;
    UploadResult waiting = upload_to(target);
    ASSERT_TRUE(waiting.failure);
    EXPECT_EQ(waiting.failure->kind(), Error::Kind::not_ready);
    EXPECT_THAT(target.puts, IsEmpty());

    target.listed = true;
    auto largest =
        std::max_element(target.objects.begin(), target.objects.end(),
                         [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    std::string name = largest->first;
    target.objects.erase(largest);
    UploadResult again = upload_to(target);
    EXPECT_TRUE(again.complete());
    EXPECT_THAT(target.puts, ElementsAre(name));
    EXPECT_EQ(target.objects.size(), stored);
    EXPECT_EQ(again.stored_files, stored);
}

TEST_F(UploadTest, ADamagedOutboxIsPutAside) {
    backup();
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(outbox_path() + suffix);
    std::ofstream(outbox_path(), std::ios::binary | std::ios::trunc) << std::string(9000, 'x');
    auto status =
        engine::read_offsite_status(runs_.environment(), runs_.set, runs_.catalog()->runs()).value();
    EXPECT_EQ(status.stored_files, 0U);
    EXPECT_EQ(status.waiting_files, sealed().size() - 1);
    EXPECT_THAT(status.last_error, HasSubstr("outbox.db"));
    change("second");
    engine::BackupResult second = backup();
    EXPECT_TRUE(second.upload->complete());
    EXPECT_THAT(runs_.observer.warnings, ElementsAre(HasSubstr("outbox.db")));
    EXPECT_TRUE(path_exists(outbox_path() + ".damaged"));
    expect_everything_offsite();
}

TEST_F(UploadTest, RunsThatSomebodyRemovedAreLeftOut) {
    backup(true);
    for (const std::string& name : sealed())
        if (name.starts_with("set-")) std::filesystem::remove(here(name));
    change("second");
    backup(true);  // full: the manifest is gone, but the catalogue knows run 1
    UploadResult result = upload();
    EXPECT_TRUE(result.complete()) << join_lines(result.problems);
    expect_everything_offsite();
}

TEST_F(UploadTest, TwoAtOnce) {
    backup(true);
    {
        engine::SetLock lock(runs_.environment(), runs_.set.backup_dir, engine::SetActivity::upload);
        try {
            upload();
            FAIL();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::denied);
            EXPECT_THAT(e.message(),
                        HasSubstr(format("another upload holds the lock of {}: process {} on host",
                                         runs_.set.backup_dir, getpid())));
        }
        change("second");
        engine::BackupResult meanwhile = backup();
        ASSERT_TRUE(meanwhile.upload->failure);
        EXPECT_EQ(meanwhile.upload->failure->kind(), Error::Kind::denied);
        EXPECT_EQ(meanwhile.upload->waiting_files, sealed().size());
        EXPECT_THAT(stored(), IsEmpty());
    }
    // A backup's lock does not matter to an upload.
    engine::SetLock lock(runs_.environment(), runs_.set.backup_dir);
    EXPECT_TRUE(upload().complete());
    expect_everything_offsite();
}

TEST_F(UploadTest, WithoutARunThereIsNothingToUpload) {
    runs_.temp().make_dir("backup");
    try {
        upload();
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::not_found);
    }
}

}  // namespace
}  // namespace icecore::testing
