// Locks offsite: every restore point stays whole for the configured days after its run.

#include <gmock/gmock.h>

#include "base/format.h"
#include "borrowed_target.h"
#include "catalog/sqlite.h"
#include "engine/object_locks.h"
#include "fake_target.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using engine::UploadResult;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kDay = 24 * 3600;

class ObjectLockTest : public UploadTest {
  protected:
    /// The machine's clock, some days ahead.
    class LaterClock final : public Clock {
      public:
        Timestamp now() const override {
            Timestamp t = SystemClock().now();
            t.sec += 60 + days * kDay;
            return t;
        }
        std::int64_t monotonic_ns() const override { return SystemClock().monotonic_ns(); }
        std::int64_t days = 0;
    };

    ObjectLockTest()
        : environment_{clock_,
                       runs_.environment().fs,
                       "host",
                       "0.0.0-test",
                       2,
                       [](std::int64_t) {},
                       [] {
                           return 0.5; }} {
        runs_.set.target.object_lock = {.mode = engine::TargetOptions::ObjectLock::Mode::compliance,
                                        .days = 80};
        target_.abilities.locks = true;
    }

    engine::BackupResult run_on(std::int64_t day) {
        clock_.days = day;
        change(format("day {}", day));
        return engine::run_backup(environment_, runs_.set, {.no_upload = true}, runs_.observer);
    }
    UploadResult store() { return engine::upload(environment_, runs_.set, target_, runs_.observer); }
    UploadResult store_on(std::int64_t day) {
        run_on(day);
        target_.locked.clear();
        return store();
    }
    /// In days from now.
    double locked_for(const std::string& name) const {
        auto found = target_.locks.find(name);
        if (found == target_.locks.end()) return 0;
        return static_cast<double>(found->second.sec - clock_.now().sec) / kDay;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& [name, content] : target_.objects)
            if (name != "README.restore.txt" && !name.ends_with(".catalog.zst")) out.push_back(name);
        return out;
    }
    double shortest() const {
        double least = 1e9;
        for (const std::string& name : names()) least = std::min(least, locked_for(name));
        return least;
    }

    LaterClock clock_;
    engine::Environment environment_;
    FakeTarget target_;
};

TEST_F(ObjectLockTest, WhatIsStoredIsLocked) {
    ASSERT_TRUE(store_on(0).complete());
    EXPECT_GT(shortest(), 89);
    EXPECT_THAT(target_.locked, IsEmpty()) << "the put has locked it";
    EXPECT_FALSE(target_.locks.contains("README.restore.txt")) << "it is replaced now and then";
    for (const std::string& name : names())
        EXPECT_EQ(item("fake:here", name).locked_until, target_.locks.at(name)) << name;
}

TEST_F(ObjectLockTest, OldFilesOfTheChainAreLockedAsLongAsTheNewRun) {
    ASSERT_TRUE(store_on(0).complete());
    std::size_t first = names().size();
    ASSERT_TRUE(store_on(5).complete());
    EXPECT_THAT(target_.locked, IsEmpty()) << "an eighth of the days is to spare";
    EXPECT_GT(shortest(), 80);
    ASSERT_TRUE(store_on(12).complete());
    EXPECT_THAT(target_.locked, SizeIs(first));
    EXPECT_GT(shortest(), 80);
    ASSERT_TRUE(store_on(13).complete());
    EXPECT_THAT(target_.locked, IsEmpty());
}

TEST_F(ObjectLockTest, AnotherChainIsNotLockedAnyLonger) {
    ASSERT_TRUE(store_on(0).complete());
    clock_.days = 30;
    change("full");
    engine::run_backup(environment_, runs_.set, {.full = true, .no_upload = true}, runs_.observer);
    ASSERT_TRUE(store().complete());
    EXPECT_THAT(target_.locked, IsEmpty());
    EXPECT_LT(shortest(), 61);
}

TEST_F(ObjectLockTest, NothingNewNeedsNoLongerLocks) {
    ASSERT_TRUE(store_on(0).complete());
    clock_.days = 85;
    ASSERT_TRUE(store().complete());
    EXPECT_THAT(target_.locked, IsEmpty());
}

TEST_F(ObjectLockTest, FilesThatAreNotHereAnyMoreAreLocked) {
    ASSERT_TRUE(store_on(0).complete());
    for (const std::string& name : names()) {
        bool volume = name.find(".tar.zst") != std::string::npos;
        if (volume && name.find("-000001-") != std::string::npos) std::filesystem::remove(here(name));
    }
    ASSERT_TRUE(store_on(20).complete());
    EXPECT_GT(shortest(), 80);
}

TEST_F(ObjectLockTest, WhatWasStoredBeforeLocksWereWantedIsLocked) {
    std::optional<engine::TargetOptions::ObjectLock> lock = std::exchange(runs_.set.target.object_lock, {});
    ASSERT_TRUE(store_on(0).complete());
    EXPECT_THAT(target_.locks, IsEmpty());
    runs_.set.target.object_lock = lock;
    ASSERT_TRUE(store().complete());
    EXPECT_GT(shortest(), 89);
}

TEST_F(ObjectLockTest, AfterTheLossOfTheOutboxToo) {
    ASSERT_TRUE(store_on(0).complete());
    lose_outbox();
    ASSERT_TRUE(store_on(20).complete());
    EXPECT_GT(shortest(), 80);
}

TEST_F(ObjectLockTest, FailureIsToldAndTriedAgainByTheNextUpload) {
    ASSERT_TRUE(store_on(0).complete());
    std::string lost = names().front();
    std::string content = target_.objects.at(lost);
    target_.objects.erase(lost);
    UploadResult result = store_on(20);
    ASSERT_THAT(result.problems, SizeIs(1));
    EXPECT_THAT(result.problems[0], HasSubstr(lost));
    EXPECT_THAT(result.problems[0], HasSubstr("locking"));
    target_.objects[lost] = content;
    target_.locked.clear();
    EXPECT_TRUE(store().complete());
    EXPECT_THAT(target_.locked, ::testing::ElementsAre(lost));
    EXPECT_GT(shortest(), 80);
}

TEST_F(ObjectLockTest, TargetThatDoesNotLetUsLockEndsItAtOnceAndItGoesOnLater) {
    ASSERT_TRUE(store_on(0).complete());
    int left = 2;
    target_.on_lock = [&](const std::string&) {
        if (left-- == 0) throw Error(Error::Kind::denied, "s3:PutObjectRetention is missing");
    };
    UploadResult result = store_on(20);
    ASSERT_TRUE(result.failure);
    EXPECT_THAT(result.failure->message(), HasSubstr("s3:PutObjectRetention"));
    EXPECT_THAT(target_.locked, SizeIs(3));
    target_.on_lock = nullptr;
    target_.locked.clear();
    EXPECT_TRUE(store().complete());
    EXPECT_GT(shortest(), 80);
}

TEST_F(ObjectLockTest, SeveralTargetsShareTheLocks) {
    ASSERT_TRUE(store_on(0).complete());
    for (std::int64_t day = 1; day < 9; ++day) run_on(day);
    ASSERT_TRUE(store().complete());
    std::size_t files = names().size();
    ASSERT_GE(files, 27U);
    std::recursive_mutex mutex;
    std::atomic<unsigned> opened = 0;
    auto more = [&](engine::Observer&) {
        ++opened;
        return std::make_unique<BorrowedTarget>(target_, mutex);
    };
    auto store_in_parallel = [&] {
        target_.locked.clear();
        return engine::upload(environment_, runs_.set, target_, runs_.observer, more);
    };
    run_on(40);
    std::string lost = names().at(files / 2);
    std::string content = target_.objects.at(lost);
    target_.objects.erase(lost);
    UploadResult result = store_in_parallel();
    EXPECT_EQ(opened, 10U);
    EXPECT_THAT(result.problems, SizeIs(1))
        << "one file's problem does not keep the others from being locked";
    EXPECT_THAT(result.problems[0], HasSubstr(lost));
    EXPECT_THAT(target_.locked, SizeIs(files)) << "each was asked for once";
    EXPECT_GT(shortest(), 80);
    target_.objects[lost] = content;

    run_on(80);
    int left = 5;
    target_.on_lock = [&](const std::string&) {
        if (left-- <= 0) throw Error(Error::Kind::denied, "s3:PutObjectRetention is missing");
    };
    result = store_in_parallel();
    ASSERT_TRUE(result.failure) << "the target's own refusal ends it";
    EXPECT_THAT(target_.locked.size(), ::testing::Le(15U)) << "soon";
    target_.on_lock = nullptr;
    EXPECT_TRUE(store_in_parallel().complete());
    EXPECT_GT(shortest(), 80);
    EXPECT_EQ(target_.locked.size() + 5, files + 3) << "what was locked before the refusal was noted";
}

TEST(LocksNeeded, LastRunOfAChainDecides) {
    auto run = [](std::uint32_t number, std::uint32_t chain, std::int64_t day) {
        catalog::Run out;
        out.header.run = number;
        out.header.chain = chain;
        out.header.started = {day * kDay, 0};
        return out;
    };
    auto needed = engine::locks_needed({run(1, 1, 1), run(2, 1, 2), run(3, 3, 3), run(4, 1, 9)}, 10);
    EXPECT_EQ(needed.at(1), (Timestamp{19 * kDay, 0}));
    EXPECT_EQ(needed.at(2), (Timestamp{19 * kDay, 0}));
    EXPECT_EQ(needed.at(3), (Timestamp{13 * kDay, 0}));
    EXPECT_EQ(engine::lock_end({100, 5}, 8), (Timestamp{100 + 9 * kDay, 0}));
    EXPECT_EQ(engine::lock_end({100, 5}, 1), (Timestamp{100 + 2 * kDay, 0}));
}

}  // namespace
}  // namespace icecore::testing
