#include "store/throttle.h"

#include <gtest/gtest.h>

#include "store/test_memory_target.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

constexpr std::uint64_t kUpRate = 1'000'000;
constexpr std::uint64_t kDownRate = 250'000;

class ThrottleTest : public ::testing::Test {
  protected:
    void open(std::uint64_t up, std::uint64_t down) {
        target_ =
            make_throttled_target(std::make_unique<MemoryTarget>(vault_), clock_, {up, down, clock_.sleep()});
    }
    double seconds() const { return static_cast<double>(clock_.monotonic_ns()) / 1e9; }
    ObjectRef put(std::uint64_t size) {
        PatternSource source(1, size);
        ObjectRef object = put_whole(*target_, source.upload("object"), source);
        vault_.make_readable(object.id);
        return object;
    }
    void read(const ObjectRef& object, std::uint64_t size) {
        EXPECT_EQ(read_range(*target_, object, 0, size).size(), size);
    }

    MemoryVault vault_;
    VirtualClock clock_;
    std::unique_ptr<Target> target_;
};

TEST_F(ThrottleTest, PutsAndReadsTakeTheirTime) {
    vault_.part_bytes = 100'000;
    open(kUpRate, kDownRate);
    ObjectRef object = put(10'000'000);
    EXPECT_NEAR(seconds(), 10 - 1, 0.001);  // a second's worth was there at first
    read(object, 1'000'000);
    EXPECT_NEAR(seconds(), 9 + 4 - 1, 0.001);  // a bucket of its own
    put(2'000'000);
    EXPECT_NEAR(seconds(), 12 + 1, 0.001);  // it is full again
}

TEST_F(ThrottleTest, NeverMoreThanASecondAhead) {
    vault_.part_bytes = 70'000;
    open(kUpRate, 0);
    PatternSource source(1, 5'000'000);
    MemoryResume resume;
    std::uint64_t sent = 0;
    target_->put(source.upload("object"), source, resume, [&](std::uint64_t bytes) {
        sent += bytes;
        EXPECT_LE(static_cast<double>(sent), static_cast<double>(kUpRate) * (seconds() + 1) + 1);
    });
}

TEST_F(ThrottleTest, IdleTimeIsNotSaved) {
    vault_.part_bytes = 50'000;
    open(kUpRate, 0);
    put(1'000'000);
    EXPECT_EQ(seconds(), 0);
    clock_.advance(3600'000'000'000);
    put(3'000'000);
    EXPECT_NEAR(seconds(), 3600 + 2, 0.001);
}

TEST_F(ThrottleTest, PiecesLargerThanTheBucket) {
    vault_.part_bytes = 8'000'000;
    open(kUpRate, 0);
    put(16'000'000);
    EXPECT_NEAR(seconds(), 15, 0.001);
}

TEST_F(ThrottleTest, NoLimit) {
    open(0, 0);
    read(put(5'000'000), 5'000'000);
    EXPECT_EQ(seconds(), 0);
}

}  // namespace
}  // namespace icecore::store
