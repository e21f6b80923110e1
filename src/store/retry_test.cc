#include "store/retry.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "store/test_memory_target.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A target whose calls fail a number of times, in the middle of what they do where they have a middle.
class FailingTarget final : public PlainTarget {
  public:
    explicit FailingTarget(MemoryVault& vault) : vault_(vault), inner_(vault) {}

    unsigned failures = 0;  ///< of the next calls
    Error::Kind kind = Error::Kind::transient;
    unsigned calls = 0;
    std::vector<std::uint64_t> offsets;  ///< of reads

    Capabilities capabilities() const override { return inner_.capabilities(); }
    std::string identity() const override { return inner_.identity(); }
    void check() override {
        begin_and_fail();
        inner_.check();
    }
    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        bool fails = begin();
        std::uint64_t sent_bytes = 0;
        return inner_.put(upload, source, resume, [&](std::uint64_t bytes) {
            sent_bytes += bytes;
            sent(bytes);
            if (fails && sent_bytes >= source.size_bytes() / 2) fail();
        });
    }
    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        begin_and_fail();
        inner_.verify(object, size_bytes, sha256, tree_hash);
    }
    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        begin_and_fail();
        return inner_.stat(object);
    }
    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        bool fails = begin();
        return inner_.list(scope, [&](const ObjectInfo& info) {
            visit(info);
            if (!fails) return;
            vault_.inventory_ready = true;  // it can be read again
            fail();
        });
    }
    ThawState request_thaw(const ThawRequest& request) override {
        begin_and_fail();
        return inner_.request_thaw(request);
    }
    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        begin_and_fail();
        return inner_.poll_thaws(thaws);
    }
    void lock(const ObjectRef& object, Timestamp until) override {
        begin_and_fail();
        inner_.lock(object, until);
    }
    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) override {
        visit({.name = "begun"});
        begin_and_fail();
    }
    void abort_unfinished(const UnfinishedUpload& /*upload*/) override { begin_and_fail(); }
    std::vector<TargetRemark> remarks() override {
        begin_and_fail();
        return {{"a remark", ""}};
    }
    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        bool fails = begin();
        offsets.push_back(range.offset);
        inner_.read(range, [&](std::string_view all) {
            for (bool first = true; !all.empty(); first = false) {
                if (fails && !first) fail();
                std::string_view piece = all.substr(0, 5000);
                all.remove_prefix(piece.size());
                sink(piece);
            }
        });
    }
    void remove(const ObjectRef& object) override {
        begin_and_fail();
        inner_.remove(object);
    }

  private:
    bool begin() {
        ++calls;
        if (failures == 0) return false;
        --failures;
        return true;
    }
    void begin_and_fail() {
        if (begin()) fail();
    }
    [[noreturn]] void fail() const { throw Error(kind, "no answer", "look at the cable"); }

    MemoryVault& vault_;
    MemoryTarget inner_;
};

class RetryTest : public ::testing::Test {
  protected:
    RetryTest() {
        auto failing = std::make_unique<FailingTarget>(vault_);
        failing_ = failing.get();
        RetryOptions options;
        options.attempts_max = 4;
        options.backoff.first_delay_ms = 100;
        options.backoff.delay_ms_max = 300;
        options.sleep_ns = [this](std::int64_t ns) { slept_ms_.push_back(ns / 1'000'000); };
        options.random = [this] { return random_; };
        options.on_retry = [this](std::string_view message, unsigned attempt) {
            told_.push_back(std::string(message) + " " + std::to_string(attempt));
        };
        target_ = make_retrying_target(std::move(failing), std::move(options));
    }

    ObjectRef put() {
        ObjectRef object = put_whole(*target_, upload_, source_);
        vault_.make_readable(object.id);
        return object;
    }

    /// Each call with that many failures before.
    void expect_all_work(unsigned failures) {
        auto with = [&](const std::function<void()>& call) {
            failing_->failures = failures;
            call();
            EXPECT_EQ(failing_->failures, 0U);
        };
        ObjectRef object;
        with([&] { object = put(); });
        with([&] { target_->verify(object, source_.size_bytes(), upload_.sha256, upload_.tree_hash); });
        with([&] { EXPECT_TRUE(target_->stat(object)); });
        with([&] { target_->request_thaw({object}); });
        with([&] { target_->poll_thaw({object}, {}); });
        with([&] {
            std::size_t begun = 0;
            target_->list_unfinished([&](const UnfinishedUpload& /*upload*/) { ++begun; });
            EXPECT_EQ(begun, 1U);
        });
        with([&] { target_->abort_unfinished({}); });
        with([&] { EXPECT_EQ(target_->remarks().size(), 1U); });
        with(
            [&] { EXPECT_EQ(kind_thrown_by([&] { target_->lock(object, {}); }), Error::Kind::unsupported); });
        with([&] { EXPECT_TRUE(read_range(*target_, object, 0, 20'000) == source_.bytes(0, 20'000)); });
        with([&] { target_->remove(object); });
        EXPECT_TRUE(vault_.objects.empty());
    }

    MemoryVault vault_;
    FailingTarget* failing_ = nullptr;
    std::unique_ptr<Target> target_;
    PatternSource source_{1, 20 * kMiB};
    Upload upload_ = source_.upload("object");
    double random_ = 0.5;
    std::vector<std::int64_t> slept_ms_;
    std::vector<std::string> told_;
};

TEST_F(RetryTest, EveryCallIsDoneAgain) {
    expect_all_work(0);
    EXPECT_EQ(failing_->calls, 11U);
    EXPECT_TRUE(slept_ms_.empty());
    expect_all_work(3);
}

TEST_F(RetryTest, GivesUpWithTheLastError) {
    failing_->failures = 100;
    Error error = thrown_by([&] { target_->stat({"object", "id"}); });
    EXPECT_EQ(error.kind(), Error::Kind::transient);
    EXPECT_EQ(error.message(), "after 4 attempts: no answer");
    EXPECT_EQ(error.hint(), "look at the cable");
    EXPECT_EQ(failing_->calls, 4U);
    EXPECT_THAT(told_, ElementsAre("no answer 1", "no answer 2", "no answer 3"));
}

TEST_F(RetryTest, NothingElseIsDoneAgain) {
    for (Error::Kind kind : {Error::Kind::not_found, Error::Kind::denied, Error::Kind::corrupt,
                             Error::Kind::io, Error::Kind::not_ready, Error::Kind::cancelled}) {
        failing_->kind = kind;
        failing_->failures = 1;
        failing_->calls = 0;
        Error error = thrown_by([&] { target_->stat({"object", "id"}); });
        EXPECT_EQ(error.kind(), kind);
        EXPECT_EQ(error.message(), "no answer");
        EXPECT_EQ(failing_->calls, 1U);
    }
    EXPECT_TRUE(slept_ms_.empty());
}

TEST_F(RetryTest, WaitsLongerAndLonger) {
    failing_->failures = 3;
    EXPECT_FALSE(target_->stat({"none", "none"}));
    random_ = 0.999;
    failing_->failures = 3;
    EXPECT_FALSE(target_->stat({"none", "none"}));
    random_ = 0;
    failing_->failures = 1;
    EXPECT_FALSE(target_->stat({"none", "none"}));
    EXPECT_THAT(slept_ms_, ElementsAre(50, 100, 150, 99, 199, 299, 0));
}

TEST_F(RetryTest, LongDelaysDoNotOverflow) {
    RetryOptions options;
    options.attempts_max = 200;
    options.backoff.first_delay_ms = 1;
    options.backoff.delay_ms_max = std::int64_t{9'000'000'000};
    std::vector<std::int64_t> slept;
    options.sleep_ns = [&](std::int64_t ns) { slept.push_back(ns); };
    options.random = [] { return 0.5; };
    auto failing = std::make_unique<FailingTarget>(vault_);
    failing->failures = 199;
    auto target = make_retrying_target(std::move(failing), std::move(options));
    EXPECT_FALSE(target->stat({"none", "none"}));
    ASSERT_EQ(slept.size(), 199U);
    EXPECT_TRUE(std::is_sorted(slept.begin(), slept.end()));
    EXPECT_EQ(slept.back(), 4'500'000'000'000'000);
}

TEST_F(RetryTest, PutGoesOnAndCountsOnce) {
    failing_->failures = 2;
    MemoryResume resume;
    std::uint64_t sent = 0;
    target_->put(upload_, source_, resume, [&](std::uint64_t bytes) { sent += bytes; });
    EXPECT_EQ(sent, source_.size_bytes());
    EXPECT_EQ(source_.bytes_read, source_.size_bytes());
    EXPECT_EQ(failing_->calls, 3U);
}

TEST_F(RetryTest, ReadGoesOnAtAnAlignedPlace) {
    ObjectRef object = put();
    failing_->failures = 3;
    EXPECT_TRUE(read_range(*target_, object, 8192, 20'000) == source_.bytes(8192, 20'000));
    // 5000 bytes a try, less what had to be read again because of the alignment to 4096.
    EXPECT_THAT(failing_->offsets, ElementsAre(8192, 12288, 16384, 20480));
}

TEST_F(RetryTest, ReadDoesNotRepeatWhatTheSinkFailsAt) {
    ObjectRef object = put();
    failing_->calls = 0;
    Error error = thrown_by([&] {
        target_->read({object, 0, 20'000, {}},
                      [](std::string_view) { throw Error(Error::Kind::transient, "the sink fails"); });
    });
    EXPECT_EQ(error.message(), "the sink fails");
    EXPECT_EQ(failing_->calls, 1U);
}

TEST_F(RetryTest, ListingTellsEachObjectOnce) {
    put();
    put();
    vault_.inventory_ready = true;
    failing_->failures = 1;
    unsigned objects = 0;
    target_->list(ListScope::this_set, [&](const ObjectInfo&) { ++objects; });
    EXPECT_EQ(failing_->failures, 0U);
    EXPECT_EQ(objects, 2U);
}

}  // namespace
}  // namespace icecore::store
