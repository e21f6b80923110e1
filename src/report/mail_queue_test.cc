#include "report/mail_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/format.h"
#include "base/forwarding_file_system.h"
#include "base/test_dir.h"

namespace icecore::report {
namespace {

/// The backup directory's disk can be full.
class FullDisk final : public ForwardingFileSystem {
  public:
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        if (dir == full_dir) throw Error::from_errno(ENOSPC, "writing " + name);
        return ForwardingFileSystem::create(dir, name, replace);
    }
    std::string full_dir;
};

class MailQueueTest : public ::testing::Test {
  protected:
    MailQueueTest() { std::filesystem::create_directory(places_.backup_dir); }
    MailState state() const { return MailQueue::read(places_); }
    MailQueue queue() { return {fs_, places_}; }
    static Failure failure(std::int64_t at) {
        return {static_cast<Failure::Kind>(at % 3), {at, 5}, 0, format("failure {}", at), "hint"};
    }

    TestDir dir_;
    FullDisk fs_;
    MailQueue::Places places_{dir_.path("backup"), dir_.path("a/state"), "home.json"};
};

TEST_F(MailQueueTest, RemembersUntilItIsTold) {
    queue().add(failure(1));
    queue().note_failed("no connection", {2, 0});
    queue().add(failure(3));
    EXPECT_EQ(state().failures, (std::vector<Failure>{failure(1), failure(3)}));
    EXPECT_EQ(state().tries, 1U);
    EXPECT_EQ(state().last_error, "no connection");
    queue().note_sent(12, {4, 0});
    EXPECT_TRUE(state().failures.empty());
    EXPECT_EQ(state().mailed_through, 12U);
    EXPECT_EQ(state().tries, 0U);
    EXPECT_EQ(state().last_sent, (Timestamp{4, 0}));
    EXPECT_FALSE(std::filesystem::exists(dir_.path("a")));
}

TEST_F(MailQueueTest, GoesElsewhereWhenTheDiskIsFullAndComesBack) {
    queue().note_sent(7, {1, 0});
    queue().add(failure(2));
    fs_.full_dir = places_.backup_dir;
    queue().add(failure(3));
    queue().note_failed("down", {4, 0});
    EXPECT_EQ(state().failures, (std::vector<Failure>{failure(2), failure(3)}));
    EXPECT_EQ(state().mailed_through, 7U);
    EXPECT_EQ(state().tries, 1U);
    EXPECT_THROW(queue().note_sent(8, {5, 0}), Error);  // it will be told again
    EXPECT_EQ(state().failures.size(), 2U);
    fs_.full_dir.clear();
    queue().note_failed("down again", {6, 0});
    EXPECT_EQ(state().failures, (std::vector<Failure>{failure(2), failure(3)}));
    EXPECT_EQ(state().tries, 2U);
    EXPECT_FALSE(std::filesystem::exists(dir_.path("a/state/home.json")));
    queue().note_sent(9, {7, 0});
    EXPECT_TRUE(state().failures.empty());
    EXPECT_EQ(state().mailed_through, 9U);
}

TEST_F(MailQueueTest, WithoutAnyPlaceItSaysSo) {
    std::filesystem::remove(places_.backup_dir);
    places_.state_dir.clear();
    MailQueue queue(fs_, places_);
    EXPECT_THROW(queue.add(failure(1)), Error);
    EXPECT_EQ(queue.state().failures.size(), 1U);
}

TEST_F(MailQueueTest, HowItBeganAndHowItIsNowAreKept) {
    for (std::int64_t i = 0; i < 250; ++i) queue().add(failure(i));
    MailState state = this->state();
    ASSERT_EQ(state.failures.size(), MailQueue::kFailuresMax);
    EXPECT_EQ(state.left_out, 50U);
    EXPECT_EQ(state.failures.front(), failure(0));
    EXPECT_EQ(state.failures.back(), failure(249));
}

TEST_F(MailQueueTest, WhatCannotBeReadIsNone) {
    for (const char* text :
         {"", "{", "[]", "{\"version\":2,\"mailed_through\":9}", "{\"version\":1,\"failures\":[1,{}]}",
          "{\"version\":1,\"mailed_through\":-1,\"failures\":7,\"last_sent\":\"x\"}"}) {
        std::ofstream(dir_.path("backup/mail.json")) << text;
        EXPECT_EQ(state().mailed_through, 0U) << text;
        EXPECT_TRUE(state().failures.empty()) << text;
    }
    std::ofstream(dir_.path("backup/mail.json"))
        << "{\"version\":1,\"failures\":[{\"at\":\"2026-11-22T03:15:00Z\",\"run\":4294967303}]}";
    ASSERT_EQ(state().failures.size(), 1U);
    EXPECT_EQ(state().failures[0].run, UINT32_MAX) << "not run 7";
    std::ofstream(dir_.path("backup/mail.json")) << "";
    queue().add({Failure::Kind::not_offsite,
                 {1, 0},
                 3,
                 std::string("bad\xff\n\x1b[31m") + std::string(10'000, 'x'),
                 ""});
    EXPECT_EQ(state().failures.size(), 1U);
    EXPECT_LT(state().failures[0].error.size(), 3000U);
}

}  // namespace
}  // namespace icecore::report
