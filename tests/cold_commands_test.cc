// Restoring from a Glacier vault, as seen from the command line: questions, exit statuses, messages. The
// vault is the simulator's; its clock moves when the program waits, or when a test says so.

#include <gmock/gmock.h>

#include "vault_program.h"

namespace icecore::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using ColdCommandsTest = VaultRestoreTest;

TEST_F(ColdCommandsTest, MoneyIsNotSpentWithoutAWord) {
    back_up_and_lose_volume();
    EXPECT_EQ(restore({}), kFailed);
    EXPECT_THAT(err(),
                ContainsRegex("1 of 1 range in 1 volume must be thawed: 12[.0-9]* MiB \\(bulk, usually 5 "
                              "to 12 hours\\); 12[.0-9]* MiB to download"));
    EXPECT_THAT(err(), HasSubstr("hint: --yes"));
    EXPECT_EQ(restore({"--tier", "expedited", "--json"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("(expedited, usually 1 to 5 minutes)"));
    EXPECT_EQ(jobs_begun(), 0U);

    on_terminal();
    EXPECT_EQ(restore({}, "n\n"), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("[y/N]"), HasSubstr("nothing was asked for")));
    EXPECT_EQ(restore({}, ""), kFailed);
    EXPECT_EQ(jobs_begun(), 0U);
    EXPECT_FALSE(path_exists(dir_ / "restored"));
}

TEST_F(ColdCommandsTest, TheSameCommandGoesOn) {
    back_up_and_lose_volume();
    on_terminal();
    EXPECT_EQ(restore({}, "y\n"), kPending) << err();
    EXPECT_THAT(err(), HasSubstr("0 of 1 range are here"));
    EXPECT_THAT(err(), HasSubstr("run the same command again later, or with --wait"));
    EXPECT_EQ(jobs_begun(), 1U);
    EXPECT_FALSE(path_exists(dir_ / "restored"));
    EXPECT_EQ(run({"jobs"}), kDone) << err();
    EXPECT_THAT(out(), AllOf(HasSubstr("thawing"), HasSubstr("bulk")));

    program_.io.in_is_terminal = false;  // what was agreed to needs no second word
    EXPECT_EQ(restore({"--json"}), kPending) << err();
    EXPECT_THAT(out(), HasSubstr("\"pending\":true,\"ranges\":1,\"fetched_ranges\":0,\"unasked_ranges\":0,"
                                 "\"failed_ranges\":0,\"bytes\":"));
    sim_.advance_hours(12);
    EXPECT_EQ(run({"jobs", "--offline"}), kDone);
    EXPECT_THAT(out(), HasSubstr("thawing"));
    EXPECT_EQ(run({"jobs", "--json"}), kDone);
    EXPECT_THAT(out(),
                AllOf(HasSubstr("\"tier\":\"bulk\",\"state\":\"ready\""), Not(HasSubstr("\"until\":null"))));
    EXPECT_EQ(restore({}), kDone) << err();
    expect_restored(0, kFiles - 1);
    EXPECT_EQ(jobs_begun(), 1U);
    EXPECT_TRUE(path_exists(volume())) << "the volume came whole";
    EXPECT_FALSE(path_exists(dir_ / "backup/.thawed"));
    EXPECT_EQ(run({"jobs"}), kDone);
    EXPECT_EQ(out(), "nothing is being thawed\n");
}

TEST_F(ColdCommandsTest, WaitingForAPart) {
    back_up_and_lose_volume();
    EXPECT_EQ(restore({"--yes", "--wait", "--tier", "standard", "d1"}), kDone) << err();
    EXPECT_THAT(err(), HasSubstr("(standard, usually 3 to 5 hours)"));
    EXPECT_THAT(out(), HasSubstr("restored 1 file"));
    expect_restored(1, 1);
    double retrieved = 0;
    Json bill = sim_.bill();
    for (const auto& [tier, bytes] : bill.at("retrieved_bytes").items()) retrieved += bytes.get<double>();
    EXPECT_GT(retrieved, 3 << 20);
    EXPECT_LT(retrieved, 10 << 20) << "two frames of 4 MiB, and what aligns them";
}

TEST_F(ColdCommandsTest, WhatExpiredIsAgreedToAgain) {
    back_up_and_lose_volume();
    EXPECT_EQ(restore({"--yes"}), kPending);
    sim_.advance_hours(12 + 30);
    EXPECT_EQ(restore({}), kFailed);
    EXPECT_THAT(err(), HasSubstr("must be thawed"));
    EXPECT_EQ(jobs_begun(), 1U);
    EXPECT_EQ(restore({"--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 2U);
    expect_restored(0, kFiles - 1);
}

TEST_F(ColdCommandsTest, JobThatFailsIsAskedForAgain) {
    back_up_and_lose_volume();
    sim_.order(R"({"operation":"InitiateJob","kind":"fail-job","count":1})");
    EXPECT_EQ(restore({"--yes", "--wait"}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 2U);
    expect_restored(0, kFiles - 1);
}

TEST_F(ColdCommandsTest, ArchiveThatIsGone) {
    back_up_and_lose_volume();
    sim_.advance_hours(48);
    cloud::GlacierClient client = sim_.client();
    std::string job = client.initiate_inventory_job("vault", "test");
    sim_.advance_hours(12);
    std::vector<std::string> volumes;
    client.get_inventory("vault", job, [&](const cloud::GlacierInventoryEntry& entry) {
        if (entry.description.ends_with(".tar.zst")) volumes.push_back(entry.archive_id);
    });
    ASSERT_EQ(volumes.size(), 1U);
    client.delete_archive("vault", volumes[0]);
    EXPECT_EQ(restore({"--yes", "--wait"}), kIncomplete) << err();
    EXPECT_THAT(err(), HasSubstr("not restored: "));
}

TEST_F(ColdCommandsTest, FromLocalAsksNobody) {
    back_up_and_lose_volume();
    std::string before = sim_.bill().at("requests").dump();
    EXPECT_EQ(restore({"--from", "local"}), kIncomplete);
    EXPECT_THAT(err(), HasSubstr("the file is missing"));
    EXPECT_EQ(sim_.bill().at("requests").dump(), before);
}

TEST_F(ColdCommandsTest, DamageHereIsHelpedFromRemote) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    damage_volume();
    EXPECT_EQ(restore({}), kIncomplete);
    EXPECT_THAT(err(), HasSubstr("it must be thawed first, which --from remote does"));
    EXPECT_EQ(jobs_begun(), 0U);
    std::filesystem::remove_all(dir_ / "restored");
    EXPECT_EQ(restore({"--from", "remote", "--yes", "--wait"}), kDone) << err();
    expect_restored(0, kFiles - 1);
    EXPECT_FALSE(path_exists(dir_ / "backup/.thawed"));
}

TEST_F(ColdCommandsTest, NothingIsAskedForThatIsHere) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    EXPECT_EQ(restore({}), kDone) << err();
    EXPECT_EQ(jobs_begun(), 0U);
    expect_restored(0, kFiles - 1);
}

TEST_F(ColdCommandsTest, DirectoryAsTheOnlySource) {
    std::filesystem::create_directory(dir_ / "usb");
    write_config("type = \"dir\"\npath = \"" + (dir_ / "usb") + "\"\n");
    ASSERT_EQ(run({"backup"}), kDone) << err();
    damage_volume();
    EXPECT_EQ(restore({"--from", "remote"}), kDone) << err();
    EXPECT_EQ(err(), "");
    expect_restored(0, kFiles - 1);
    std::filesystem::remove_all(dir_ / "restored");
    EXPECT_EQ(restore({"--from", "local"}), kIncomplete);
    EXPECT_EQ(run({"jobs"}), kDone);
    EXPECT_EQ(out(), "nothing is being thawed\n");
}

TEST_F(ColdCommandsTest, WordsThatAreNone) {
    EXPECT_EQ(restore({"--from", "moon"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("auto, local or remote"));
    EXPECT_EQ(restore({"--tier", "fast"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("bulk, standard or expedited"));
    write_config("type = \"none\"\n");
    ASSERT_EQ(run({"backup"}), kDone) << err();
    EXPECT_EQ(restore({"--from", "remote"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("set home has no target"));
}

}  // namespace
}  // namespace icecore::cli
