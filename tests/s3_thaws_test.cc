// Thousands of thaws: how many requests they take, and in the long form how long.

#include <gmock/gmock.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "base/format.h"
#include "checked_runs.h"
#include "engine/fetch.h"
#include "sim_s3.h"

namespace icecore::testing {
namespace {

bool is_long() {
    return std::getenv("ICECORE_LONG") != nullptr;
}

class S3ThawsTest : public ::testing::Test {
  protected:
    static constexpr unsigned kThreads = 8;

    S3ThawsTest() : environment_(runs_.environment()) {
        if (is_long())
            environment_.sleep_ns = [](std::int64_t ns) {
                std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
            };
    }

    engine::OpenTarget opener() {
        return [this](engine::Observer&) {
            std::lock_guard lock(mutex_);
            store::S3TargetOptions options = bucket_.options();
            options.storage_class = "DEEP_ARCHIVE";
            options.load_features = [this] {
                std::lock_guard lock_again(mutex_);
                return bucket_.features;
            };
            options.save_features = [this](const std::string& text) {
                std::lock_guard lock_again(mutex_);
                bucket_.features = text;
            };
            return store::make_s3_target(options);
        };
    }
    static std::string name(std::size_t i) { return format("set-{:06}-incr-20300101T000000Z.tar.zst", i); }
    static std::string key(std::size_t i) { return "p/host/home/" + name(i); }

    void in_parallel(std::size_t first, std::size_t end,
                     const std::function<void(cloud::S3Client&, std::size_t)>& action) {
        std::vector<std::jthread> threads;
        for (unsigned t = 0; t < kThreads; ++t)
            threads.emplace_back([&, t] {
                cloud::S3Client client = bucket_.client();
                for (std::size_t i = first + t; i < end; i += kThreads) action(client, i);
            });
    }
    void put(std::size_t count) {
        cloud::S3ObjectOptions object;
        object.storage_class = "DEEP_ARCHIVE";
        in_parallel(0, count, [&](cloud::S3Client& client, std::size_t i) {
            StringSource source("x");
            client.put_object(key(i), object, {&source, 0, 1, sha256("x")}, true, "storing");
        });
    }

    struct StringSource final : RandomAccessSource {
        explicit StringSource(std::string_view bytes) : text(bytes) {}
        std::uint64_t size_bytes() const override { return text.size(); }
        void read(std::uint64_t offset, char* buffer, std::size_t size) override {
            text.copy(buffer, size, offset);
        }
        std::string_view text;
    };

    std::unique_ptr<engine::Fetch> fetch(catalog::Thaws& ledger) {
        return std::make_unique<engine::Fetch>(environment_, opener(), ledger,
                                               engine::FetchOptions{.dir = runs_.temp() / "thawed"},
                                               runs_.observer);
    }
    static std::vector<engine::FetchRange> ranges(std::size_t count) {
        std::vector<engine::FetchRange> all;
        for (std::size_t i = 0; i < count; ++i) all.push_back({{name(i), {}}, 1, 0, 1});
        return all;
    }
    double seconds_of(const std::function<void()>& action) const {
        std::int64_t begin_ns = environment_.clock.monotonic_ns();
        action();
        return static_cast<double>(environment_.clock.monotonic_ns() - begin_ns) / 1e9;
    }

    CheckedRuns runs_;
    SimBucket bucket_;
    engine::Environment environment_;
    std::recursive_mutex mutex_;
};

TEST_F(S3ThawsTest, RequestsAndTime) {
    const std::size_t asked = is_long() ? 10'000 : 400;
    const std::size_t polled = is_long() ? 100'000 : 2'500;
    put(polled);
    bucket_.requests();
    std::string path = runs_.temp() / "thaws.db";
    {
        auto ledger = catalog::Thaws::open(path);
        auto first = fetch(*ledger);
        first->want(ranges(asked));
        double seconds = seconds_of([&] { EXPECT_EQ(first->run().pending, asked); });
        EXPECT_EQ(bucket_.requests()["RestoreObject"], asked);
        std::cout << format("{} requests for thaws sent and looked at: {:.1f} s\n", asked, seconds);
        if (is_long()) {
            EXPECT_LT(seconds, 30);
        }
    }
    in_parallel(asked, polled, [](cloud::S3Client& client, std::size_t i) {
        client.restore_object(key(i), "", 7, cloud::S3Tier::bulk);
    });
    auto ledger = catalog::Thaws::open(path);
    std::string target = opener()(runs_.observer)->identity();
    ledger->at_once([&] {
        for (std::size_t i = asked; i < polled; ++i) {
            catalog::Thaw thaw;
            thaw.target = target;
            thaw.name = name(i);
            thaw.object_bytes = thaw.length_bytes = 1;
            thaw.state = catalog::Thaw::State::asked;
            ledger->add(thaw);
        }
    });
    bucket_.requests();
    auto next = fetch(*ledger);
    double seconds = seconds_of([&] { next->want(ranges(polled)); });
    EXPECT_EQ(next->state().pending, polled);
    auto requests = bucket_.requests();
    EXPECT_LE(requests["ListObjectsV2"], polled / 1000 + 1);
    EXPECT_EQ(requests.count("HeadObject"), 0U);
    std::cout << format("the state of {} objects: {} list requests, {:.1f} s\n", polled,
                        requests["ListObjectsV2"], seconds);
    if (is_long()) {
        EXPECT_LT(seconds, 60);
    }
}

}  // namespace
}  // namespace icecore::testing
