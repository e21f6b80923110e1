// What goes wrong between icecore and a vault, as its user sees it: one error that says what is wrong and
// what to do, nothing that counts as done and is not, and a next run that goes on and pays for nothing twice.

#include <gmock/gmock.h>

#include "cloud/test_server.h"
#include "cloud/test_tls_server.h"
#include "lasting_faults.h"
#include "small_disk.h"
#include "vault_program.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using VaultFaultsTest = VaultRestoreTest;

TEST_F(VaultFaultsTest, AVaultThatCannotBeReached) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    auto expect_refused = [&](const std::string& target, const std::string& message,
                              const std::string& hint) {
        SCOPED_TRACE(target);
        write_config(target);
        EXPECT_EQ(run({"upload"}), kFailed);
        expect_one_error(message, hint);
        EXPECT_EQ(stored_files(), 0U);
    };
    expect_refused(vault_target("vault", "eu-west-9"), "signature", "\"eu-west-9\" the right region");
    expect_refused(vault_target("vautl"), "vautl", "vault create");
    auto at = [](const std::string& endpoint) {
        return "type = \"glacier\"\nvault = \"vault\"\nregion = \"us-east-1\"\nendpoint = \"" + endpoint +
               "\"\n";
    };
    expect_refused(at("http://" + std::string(64, 'x') + ".invalid"), "name not found", "spelled right");
    expect_refused(at("http://127.0.0.1:1"), "no connection", "is the network up");
    cloud::ScriptedServer plain([](cloud::Connection& peer) {
        if (peer.respond(400, "plain")) peer.stall();
    });
    expect_refused(at(format("https://127.0.0.1:{}", plain.port())), "TLS failed", "https, and not http");
    cloud::TlsServer stranger;
    std::string url = stranger.url("localhost");
    url.pop_back();
    expect_refused(at(url), "certificate is not accepted", "AWS_CA_BUNDLE");
    write_config(vault_target("vault"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(requests("UploadArchive"), kFilesOfRun);
}

TEST_F(VaultFaultsTest, KeysThatAreWrong) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    expect_keys_refused("OTHER", "hush", "does not know the access key", "is it active");
    expect_keys_refused("KEY", "hush", "does not accept the signature", "is the secret access key the one");
    use_keys("KEY", "SECRET");
    EXPECT_EQ(run({"upload"}), kDone) << err();
}

TEST_F(VaultFaultsTest, NoKeysAtAll) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    lose_keys();
    EXPECT_EQ(run({"upload"}), kFailed);
    expect_one_error("credentials", "AWS_ACCESS_KEY_ID");
}

TEST_F(VaultFaultsTest, AClockThatIsOff) {
    program_.clock.advance_ns((std::int64_t{18} * 60 - 1) * 1'000'000'000);  // a slow machine has a minute
    EXPECT_EQ(run({"backup"}), kFailed);
    expect_one_error("this machine's clock is 17 min", "NTP");
    EXPECT_EQ(stored_files(), 0U);
    program_.clock.set(SystemClock().now());
    EXPECT_EQ(run({"upload"}), kDone) << err();
}

TEST_F(VaultFaultsTest, AVaultThatVanished) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::string stored_volume = volume();
    cloud::GlacierClient client = sim_.client();
    sim_.advance_hours(48);
    std::string job = client.initiate_inventory_job("vault", "test");
    sim_.advance_hours(12);
    std::vector<std::string> ids;
    client.get_inventory("vault", job,
                         [&](const cloud::GlacierInventoryEntry& entry) { ids.push_back(entry.archive_id); });
    for (const std::string& id : ids) client.delete_archive("vault", id);
    sim_.advance_hours(72);
    client.delete_vault("vault");
    write_text(data("new"), "news");
    EXPECT_EQ(run({"backup"}), kFailed);
    expect_one_error("vault", "vault create");
    std::filesystem::remove(stored_volume);
    EXPECT_EQ(restore({"--yes", "--wait"}), kFailed);
    expect_one_error("vault", "vault create");
    EXPECT_EQ(run({"verify", "--remote"}), kFailed);
    expect_one_error("vault", "vault create");
    EXPECT_EQ(run({"recover", "--yes"}), kFailed);
    expect_one_error("vault", "vault create");
}

TEST_F(VaultFaultsTest, OneUploadThatIsAnsweredUntrulyIsOneFilesProblem) {
    sim_.order(R"({"operation":"UploadArchive","kind":"wrong-tree-hash"})");
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(said("icecore: error: "), SizeIs(1)) << err();
    EXPECT_THAT(err(), HasSubstr("another tree hash"));
    EXPECT_EQ(stored_files(), kFilesOfRun - 1);
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(stored_files(), kFilesOfRun);
}

class VaultFaultsIn : public UnderLastingFault<VaultFaultsTest> {
  protected:
    void expect_told(int status) {
        EXPECT_EQ(status, GetParam().status);
        expect_one_error(GetParam().message, GetParam().hint);
    }
};

constexpr const char* kOverload = R"("kind":"error","status":503)";
constexpr const char* kThrottling = R"("kind":"error","status":400,"code":"ThrottlingException")";
constexpr const char* kDenied =
    R"("kind":"error","status":403,"code":"AccessDeniedException","message":"no")";
constexpr const char* kRetired = R"("kind":"error","status":400,"code":"NoLongerSupportedException")";
constexpr const char* kMalformed = R"("kind":"malformed-json")";
constexpr const char* kWrongHash = R"("kind":"wrong-tree-hash")";

class UploadsTo : public VaultFaultsIn {};

TEST_P(UploadsTo, SayItOnceAndGoOn) {
    break_it();
    expect_told(run({"backup"}));
    EXPECT_EQ(stored_files(), 0U);
    expect_told(run({"upload"}));
    EXPECT_EQ(stored_files(), 0U);
    sim_.clear_faults();
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(stored_files(), kFilesOfRun);
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("nothing to store"));
}

INSTANTIATE_TEST_SUITE_P(
    Vaults, UploadsTo,
    ::testing::Values(
        LastingFault{"WrongTreeHash", "UploadArchive", kWrongHash, kFailed, "another tree hash",
                     "nothing counts as stored"},
        LastingFault{"HtmlPage", "UploadArchive", kHtml, kFailed, "the answer has no", "proxy"},
        LastingFault{"Proxy", "*", kProxy, kFailed, "does not answer as the service does", "proxy"},
        LastingFault{"Overload", "UploadArchive", kOverload, kFailed, "after 8 attempts", ""},
        LastingFault{"Throttling", "UploadArchive", kThrottling, kFailed, "after 8 attempts", ""},
        LastingFault{"Denied", "UploadArchive", kDenied, kFailed, "no (AccessDenied", "policy"},
        LastingFault{"Retired", "*", kRetired, kFailed, "only for accounts that had some", "type = \"s3\""},
        LastingFault{"Cut", "UploadArchive", kCut, kFailed, "connection was lost", ""}),
    name_of_fault);

class DownloadsFrom : public VaultFaultsIn {
  protected:
    std::uint64_t thawed_bytes() {
        std::uint64_t bytes = 0;
        Json bill = sim_.bill();
        for (const auto& [tier, of_tier] : bill.at("retrieved_bytes").items())
            bytes += of_tier.get<std::uint64_t>();
        return bytes;
    }
};

TEST_P(DownloadsFrom, SayItOnceAndGoOn) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::uint64_t size = std::filesystem::file_size(volume());
    std::filesystem::remove(volume());
    break_it();
    int status = restore({"--yes", "--wait"});
    EXPECT_EQ(status, GetParam().status);
    std::vector<std::string> errors = said("icecore: error: ");
    std::erase_if(errors, [](const std::string& line) { return line.starts_with("not restored: "); });
    EXPECT_THAT(errors, SizeIs(1)) << err();
    EXPECT_THAT(said("hint: "), SizeIs(1)) << err();
    EXPECT_THAT(err(), HasSubstr(GetParam().message));
    EXPECT_THAT(err(), HasSubstr(GetParam().hint));
    for (unsigned i = 0; i < kFiles; ++i) EXPECT_FALSE(is_restored(i)) << i;
    EXPECT_FALSE(path_exists(volume()));
    sim_.clear_faults();
    EXPECT_EQ(restore({"--yes", "--overwrite", "always", "--wait"}), kDone) << err();
    expect_restored(0, kFiles - 1);
    EXPECT_EQ(thawed_bytes(), size) << "paid for once";
    EXPECT_FALSE(path_exists(dir_ / "backup/.thawed"));
}

INSTANTIATE_TEST_SUITE_P(
    Vaults, DownloadsFrom,
    ::testing::Values(
        LastingFault{"Damaged", "GetJobOutput", kDamaged, kIncomplete, "came damaged", "tries again"},
        LastingFault{"WrongTreeHash", "GetJobOutput", kWrongHash, kIncomplete, "came damaged", "tries again"},
        LastingFault{"Truncated", "GetJobOutput", kTruncated, kFailed, "connection was lost", "goes on"},
        LastingFault{"LostReply", "GetJobOutput", kLost, kFailed, "connection was lost", "goes on"},
        LastingFault{"Endless", "GetJobOutput", kEndless, kIncomplete, "more than was asked", "tries again"},
        LastingFault{"HtmlPage", "GetJobOutput", kHtml, kIncomplete, "bytes came instead of", "tries again"},
        LastingFault{"Proxy", "GetJobOutput", kProxy, kFailed, "does not answer as the service", "proxy"},
        LastingFault{"Malformed", "GetJobOutput", kMalformed, kIncomplete, "bytes came instead",
                     "tries again"},
        LastingFault{"Overload", "GetJobOutput", kOverload, kFailed, "after 8 attempts", "goes on"},
        LastingFault{"MalformedJob", "DescribeJob", kMalformed, kFailed, "looking at a job", ""},
        LastingFault{"HtmlJob", "DescribeJob", kHtml, kFailed, "looking at a job", ""},
        LastingFault{"EndlessJob", "DescribeJob", kEndless, kFailed, "more than 8 MiB", "proxy"},
        LastingFault{"MalformedJobs", "ListJobs", kMalformed, kFailed, "listing the jobs", ""},
        LastingFault{"HtmlJobs", "ListJobs", kHtml, kFailed, "listing the jobs", ""},
        LastingFault{"EndlessJobs", "ListJobs", kEndless, kFailed, "more than 8 MiB", "proxy"},
        LastingFault{"JobWithoutId", "InitiateJob", kHtml, kFailed, "no x-amz-job-id header", ""},
        LastingFault{"JobRefused", "InitiateJob", kOverload, kFailed, "after 8 attempts", "goes on"}),
    name_of_fault);

class RecoveriesFrom : public DownloadsFrom {};

TEST_P(RecoveriesFrom, SayItOnceAndGoOn) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove_all(dir_ / "backup");
    sim_.advance_hours(48);
    break_it();
    expect_told(run({"recover", "--yes", "--wait"}));
    sim_.clear_faults();
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 3U) << "inventory, manifest, log";
    EXPECT_EQ(restore({"--from", "remote", "--yes", "--wait"}), kDone) << err();
    expect_restored(0, kFiles - 1);
}

INSTANTIATE_TEST_SUITE_P(
    Vaults, RecoveriesFrom,
    ::testing::Values(
        LastingFault{"Truncated", "GetJobOutput", kTruncated, kFailed, "connection was lost", ""},
        LastingFault{"Malformed", "GetJobOutput", kMalformed, kFailed, "reading the inventory", ""},
        LastingFault{"HtmlPage", "GetJobOutput", kHtml, kFailed, "reading the inventory", ""},
        LastingFault{"Endless", "GetJobOutput", kEndless, kFailed, "reading the inventory", ""},
        LastingFault{"MalformedVault", "DescribeVault", kMalformed, kFailed, "looking at vault", ""}),
    name_of_fault);

TEST_F(VaultFaultsTest, ManifestThatComesDamagedIsFetchedByTheNextRecovery) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove_all(dir_ / "backup");
    sim_.advance_hours(48);
    sim_.order(R"({"operation":"GetJobOutput","kind":"wrong-tree-hash","skip":1,"count":10})");
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kFailed);
    EXPECT_THAT(said("hint: "), SizeIs(1)) << err();
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 3U);
    EXPECT_FALSE(path_exists(dir_ / "backup/.thawed"));
}

TEST_F(VaultFaultsTest, DiskThatFillsUpInADownload) {
    back_up_and_lose_volume();
    std::filesystem::create_directory(dir_ / "backup/.thawed");
    testing::SmallDisk disk(dir_ / "backup/.thawed");
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    EXPECT_EQ(restore({"--yes", "--wait"}), kFailed);
    expect_one_error("No space left", "make room there");
    disk.grow();
    EXPECT_EQ(restore({"--wait"}), kDone) << err();
    expect_restored(0, kFiles - 1);
    EXPECT_EQ(jobs_begun(), 1U);
}

TEST_F(VaultFaultsTest, StagingDirectoryOnADiskOfItsOwn) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove_all(dir_ / "backup");
    std::filesystem::create_directories(dir_ / "backup/.thawed");
    sim_.advance_hours(48);
    testing::SmallDisk disk(dir_ / "backup/.thawed");
    if (!disk.mounted()) GTEST_SKIP() << "mounting is not permitted";
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kDone) << err();
    EXPECT_THAT(list_directory(dir_ / "backup/.thawed"), IsEmpty());
    disk.grow();
    EXPECT_EQ(restore({"--from", "remote", "--yes", "--wait"}), kDone) << err();
    expect_restored(0, kFiles - 1);
}

TEST_F(VaultFaultsTest, WhatIsInPlaceIsNotPaidFor) {
    write_text(data("link"), testing::noise(2 << 20, 99));
    std::filesystem::create_hard_link(data("link"), data("d1/other"));
    ASSERT_EQ(run({"backup"}), kDone) << err();
    EXPECT_EQ(restore({"--from", "remote", "--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 1U);
    EXPECT_EQ(restore({"--from", "remote", "--overwrite", "always"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("6 files were there already"));
    EXPECT_EQ(restore({"--from", "remote", "--overwrite", "older"}), kDone) << err();
    EXPECT_EQ(restore({"--from", "remote"}), kIncomplete) << "they are in the way";
    EXPECT_EQ(jobs_begun(), 1U);
    sim_.advance_hours(48);
    write_text(dir_ / "restored/d2/noise", "changed since");
    std::filesystem::remove(dir_ / "restored/link");
    EXPECT_EQ(restore({"--from", "remote", "--overwrite", "older"}), kDone)
        << "a newer one, a link: " << err();
    EXPECT_EQ(jobs_begun(), 1U);
    EXPECT_EQ(restore({"--from", "remote", "--overwrite", "always", "--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 2U);
    expect_restored(0, kFiles - 1);
    EXPECT_EQ(read_file(dir_ / "restored/link"), read_file(data("link")));
}

}  // namespace
}  // namespace icecore::cli
