#include "sim/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/test_dir.h"

namespace icecore::sim {
namespace {

using ::testing::HasSubstr;

/// Real time that the test owns.
class HandClock final : public Clock {
  public:
    Timestamp now() const override { return now_; }
    std::int64_t monotonic_ns() const override { return monotonic_ns_; }
    void pass(std::int64_t ns) {
        now_ = add_ns(now_, ns);
        monotonic_ns_ += ns;
    }
    /// The administrator sets the machine's clock.
    void jump(std::int64_t seconds) { now_.sec += seconds; }

  private:
    Timestamp now_{1'795'305'600, 0};  // 2026-11-22T00:00:00Z
    std::int64_t monotonic_ns_ = 42;
};

class VirtualClockTest : public ::testing::Test {
  protected:
    static constexpr std::int64_t kSecondNs = 1'000'000'000;
    VirtualClock make() const { return {real_, dir_.path("clock.json")}; }
    static std::string refusal(VirtualClock& clock, std::string_view order) {
        try {
            clock.order(order);
        } catch (const Error& error) {
            return error.message();
        }
        return "";
    }

    TestDir dir_;
    HandClock real_;
};

TEST_F(VirtualClockTest, BeginsAtRealTimeAndRunsWithIt) {
    VirtualClock clock = make();
    EXPECT_EQ(clock.now(), real_.now());
    real_.pass(3 * kSecondNs + 7);
    EXPECT_EQ(clock.now(), real_.now());
    EXPECT_FALSE(clock.state().frozen);
}

TEST_F(VirtualClockTest, RunsAnHourASecond) {
    VirtualClock clock = make();
    Timestamp begin = clock.now();
    clock.set_scale(3600);
    real_.pass(kSecondNs / 2);
    EXPECT_EQ(clock.now().sec, begin.sec + 1800);
    clock.set_scale(1);
    real_.pass(kSecondNs);
    EXPECT_EQ(clock.now().sec, begin.sec + 1801);
}

TEST_F(VirtualClockTest, FrozenItMovesOnOrderOnly) {
    VirtualClock clock = make();
    clock.order(R"({"scale":60})");
    clock.order(R"({"frozen":true})");
    Timestamp begin = clock.now();
    real_.pass(5 * kSecondNs);
    EXPECT_EQ(clock.now(), begin);
    clock.order(R"({"advance_seconds":86400})");
    EXPECT_EQ(clock.now(), (Timestamp{begin.sec + 86400, begin.nsec}));
    clock.order(R"({"set":"2027-01-01T00:00:00Z"})");
    EXPECT_EQ(clock.json(), R"({"now":"2027-01-01T00:00:00Z","scale":60,"frozen":true})");
    clock.order(R"({"frozen":false})");
    real_.pass(kSecondNs);
    EXPECT_EQ(format_iso_utc(clock.now()), "2027-01-01T00:01:00Z");
}

TEST_F(VirtualClockTest, ScaleZeroFreezesAndKeepsTheScale) {
    VirtualClock clock = make();
    clock.set_scale(10);
    clock.set_scale(0);
    EXPECT_TRUE(clock.state().frozen);
    EXPECT_EQ(clock.state().scale, 10);
}

TEST_F(VirtualClockTest, NeverGoesBackward) {
    VirtualClock clock = make();
    real_.pass(100 * kSecondNs);
    Timestamp before = clock.now();
    real_.jump(-3600);
    EXPECT_EQ(clock.now(), before);
    clock.set_frozen(true);
    EXPECT_EQ(clock.now(), before);
    EXPECT_THAT(refusal(clock, R"({"set":"2026-11-22T00:01:39Z"})"), HasSubstr("forward only"));
    EXPECT_EQ(clock.now(), before);
}

TEST_F(VirtualClockTest, ARestartGoesOn) {
    make().set_scale(60);
    real_.pass(10 * kSecondNs);
    VirtualClock again = make();
    EXPECT_EQ(format_iso_utc(again.now()), "2026-11-22T00:10:00Z");
    again.set_frozen(true);
    Timestamp at = again.now();
    real_.pass(1000 * kSecondNs + 1);
    VirtualClock third = make();
    EXPECT_EQ(third.now(), at);
    EXPECT_TRUE(third.state().frozen);
    EXPECT_EQ(third.state().scale, 60);
}

TEST_F(VirtualClockTest, ARealClockThatWasSetBackWhileStoppedDoesNotTakeItBack) {
    make().set_scale(1);
    real_.jump(-1'000'000);
    EXPECT_EQ(format_iso_utc(make().now()), "2026-11-22T00:00:00Z");
}

TEST_F(VirtualClockTest, RefusesWhatItDoesNotKnowAndDoesNothingThen) {
    VirtualClock clock = make();
    clock.set_frozen(true);
    std::string before = clock.json();
    for (const char* order :
         {R"({"advance":3})", R"({"advance_seconds":-1})", R"({"advance_seconds":1.5})",
          R"({"advance_seconds":"1"})", R"({"advance_seconds":18446744073709551615})",
          R"({"advance_seconds":9223372036854775807})", R"({"scale":-1})", R"({"scale":1e8})",
          R"({"scale":"1"})", R"({"frozen":1})", R"({"set":"tomorrow"})", R"({"set":12})", "{}", "[]", "3",
          "", "{", R"({"frozen":false,"nonsense":1})", R"({"scale":2,"set":"1999-01-01T00:00:00Z"})"}) {
        EXPECT_NE(refusal(clock, order), "") << order;
        EXPECT_EQ(clock.json(), before) << order;
    }
    EXPECT_THROW(clock.set_scale(NAN), Error);
}

TEST_F(VirtualClockTest, EndsWithTheYear9999) {
    VirtualClock clock = make();
    clock.set({253'402'300'798, 0});
    clock.set_scale(VirtualClock::kScaleMax);
    real_.pass(3600 * kSecondNs);
    EXPECT_EQ(format_iso_utc(clock.now()), "9999-12-31T23:59:59Z");
    EXPECT_THROW(clock.advance(1), Error);
}

TEST_F(VirtualClockTest, SaysWhichFileIsNotItsOwn) {
    for (const char* text : {"", "[]", "{}", R"({"virtual":"x","real":"y","scale":1,"frozen":false})"}) {
        std::ofstream(dir_.path("clock.json")) << text;
        try {
            make();
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_THAT(error.message(), HasSubstr("clock.json"));
        }
    }
}

}  // namespace
}  // namespace icecore::sim
