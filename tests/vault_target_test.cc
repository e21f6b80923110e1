// A Glacier vault as a target, against the simulator: the suite that all targets pass, and what is a vault's
// own.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/file.h"
#include "base/test_dir.h"
#include "sim_process.h"
#include "store/glacier_target.h"
#include "store/target_conformance.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;

constexpr std::uint64_t kSmallPart = 1 << 20;
constexpr std::uint64_t kSingleMax = 2 << 20;

GlacierTargetOptions small_parts(const testing::SimProcess& sim) {
    GlacierTargetOptions options;
    options.vault = "vault";
    options.host = "host";
    options.set = "home";
    options.aws = sim.aws();
    options.part_bytes_min = kSmallPart;
    options.single_bytes_max = kSingleMax;
    return options;
}

struct SimulatedVault {
    testing::SimProcess sim;
    SimulatedVault() { sim.client().create_vault("vault"); }
    std::unique_ptr<Target> open() { return make_glacier_target(small_parts(sim)); }
    /// Long enough for an inventory, short enough for the output of a job to be there still.
    void let_time_pass() { sim.advance_hours(26); }
    std::uint64_t resent_bytes_max() const { return 8 * kSmallPart; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Glacier, TargetConformance, SimulatedVault);

class VaultTargetTest : public ::testing::Test {
  protected:
    std::unique_ptr<Target> open() { return vault_.open(); }
    testing::SimProcess& sim() { return vault_.sim; }
    std::vector<cloud::GlacierUpload> unfinished() {
        std::vector<cloud::GlacierUpload> found;
        sim().client().list_multipart("vault",
                                      [&](const cloud::GlacierUpload& upload) { found.push_back(upload); });
        return found;
    }
    /// Names and counts of the archives that the vault has a day later.
    std::map<std::string, int> stored() {
        vault_.let_time_pass();
        std::map<std::string, int> names;
        std::unique_ptr<Target> target = open();
        for (int attempt = 0; attempt < 2; ++attempt) {
            try {
                target->list(ListScope::all_sets, [&](const ObjectInfo& info) { ++names[info.ref.name]; });
                return names;
            } catch (const Error& e) {
                EXPECT_EQ(e.kind(), Error::Kind::not_ready) << e.message();
            }
            vault_.let_time_pass();
        }
        ADD_FAILURE() << "no inventory";
        return names;
    }
    std::uint64_t requests(const std::string& operation) {
        return sim().bill().at("requests").value(operation, 0U);
    }

    SimulatedVault vault_;
};

TEST_F(VaultTargetTest, ALostReplyToCompleteIsNoSecondArchive) {
    PatternSource source(1, 5 * kMiB + 7);
    sim().order(R"({"operation":"CompleteMultipartUpload","kind":"drop-after"})");
    MemoryResume resume;
    ObjectRef object = open()->put(source.upload("a"), source, resume, [](std::uint64_t) {});
    EXPECT_FALSE(object.id.empty());
    EXPECT_TRUE(unfinished().empty());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, ALostReplyToInitiateLeavesNoOrphan) {
    PatternSource source(2, 5 * kMiB);
    sim().order(R"({"operation":"InitiateMultipartUpload","kind":"drop-after"})");
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    EXPECT_TRUE(unfinished().empty());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, AnUploadThatTheServiceForgotBeginsAnew) {
    PatternSource source(3, 8 * kMiB);
    source.fail_at = 6 * kMiB;
    MemoryResume resume;
    auto ignore = [](std::uint64_t) {};
    EXPECT_EQ(kind_thrown_by([&] { open()->put(source.upload("a"), source, resume, ignore); }),
              Error::Kind::io);
    EXPECT_EQ(unfinished().size(), 1U);
    sim().advance_hours(25);
    source.fail_at.reset();
    open()->put(source.upload("a"), source, resume, ignore);
    EXPECT_TRUE(unfinished().empty());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, APartOfAnotherContentIsFoundBeforeTheEnd) {
    PatternSource other(4, 8 * kMiB);
    other.fail_at = 6 * kMiB;
    MemoryResume resume;
    auto ignore = [](std::uint64_t) {};
    EXPECT_EQ(kind_thrown_by([&] { open()->put(other.upload("a"), other, resume, ignore); }),
              Error::Kind::io);
    PatternSource source(5, 8 * kMiB);  // the same name, with the parts of the other one in the vault
    MemoryResume fresh;
    ObjectRef object = open()->put(source.upload("a"), source, fresh, ignore);
    EXPECT_TRUE(unfinished().empty());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, APartWhoseTreeHashTheServiceTellsWrongIsNotBelieved) {
    PatternSource source(6, 4 * kMiB);
    sim().order(R"({"operation":"UploadMultipartPart","kind":"wrong-tree-hash","count":1})");
    Error error = thrown_by([&] { put_whole(*open(), source.upload("a"), source); });
    EXPECT_EQ(error.kind(), Error::Kind::corrupt);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("another tree hash"));
    put_whole(*open(), source.upload("a"), source);
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, KnownDigestsOfPartsSpareAPass) {
    PatternSource source(20, 5 * kMiB + 7);
    Upload upload = source.upload("a", open()->capabilities().part_bytes);
    ASSERT_EQ(upload.parts.parts.size(), 6U);
    put_whole(*open(), upload, source);
    EXPECT_EQ(source.bytes_read, source.size_bytes());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

/// What is known is sent, refused, and computed anew.
TEST_F(VaultTargetTest, AWrongDigestOfAPartIsReplacedByTheRightOne) {
    PatternSource source(21, 4 * kMiB);
    Upload upload = source.upload("a", kSmallPart);
    upload.parts.parts[2].sha256 = sha256("something else");
    put_whole(*open(), upload, source);
    EXPECT_GT(source.bytes_read, source.size_bytes());
    EXPECT_LE(source.bytes_read, source.size_bytes() + 2 * kSmallPart);
    EXPECT_EQ(requests("UploadMultipartPart"), 5U);
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, DigestsOfOtherPartsAreNotUsed) {
    PatternSource source(22, 4 * kMiB);
    Upload other_size = source.upload("a", 2 * kSmallPart);
    put_whole(*open(), other_size, source);
    Upload other_file = source.upload("b");
    other_file.parts = PatternSource(23, 4 * kMiB).upload("b", kSmallPart).parts;
    put_whole(*open(), other_file, source);
    EXPECT_EQ(requests("UploadMultipartPart"), 8U);
    EXPECT_EQ(source.bytes_read, 2 * source.size_bytes());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}, {"b", 1}}));
}

TEST_F(VaultTargetTest, AFileThatHasChangedIsNotStoredByItsKnownDigests) {
    PatternSource source(24, 4 * kMiB);
    Upload upload = PatternSource(25, 4 * kMiB).upload("a", kSmallPart);
    Error error = thrown_by([&] { put_whole(*open(), upload, source); });
    EXPECT_EQ(error.kind(), Error::Kind::corrupt);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("does not have the digests"));
    EXPECT_EQ(requests("CompleteMultipartUpload"), 0U);
}

/// A service gives up on a request whose bytes come slowly.
TEST_F(VaultTargetTest, ASlowSourceIsReadBeforeThePartIsSent) {
    struct SlowSource final : RandomAccessSource {
        explicit SlowSource(RandomAccessSource& source) : inner(source) {}
        std::uint64_t size_bytes() const override { return inner.size_bytes(); }
        void read(std::uint64_t offset, char* buffer, std::size_t size) override {
            EXPECT_EQ(size, kSmallPart);
            inner.read(offset, buffer, size);
        }
        bool slow() const override { return true; }
        RandomAccessSource& inner;
    };
    PatternSource source(26, 4 * kMiB);
    SlowSource slow(source);
    put_whole(*open(), source.upload("a", kSmallPart), slow);
    EXPECT_EQ(source.bytes_read, source.size_bytes());
}

TEST_F(VaultTargetTest, ThrottlingAndFailuresOfTheServiceAreSurvived) {
    PatternSource source(7, 12 * kMiB);
    sim().order(R"([{"operation":"*","kind":"error","status":400,"code":"ThrottlingException","count":6,
                     "probability":0.4,"seed":7},
                    {"operation":"*","kind":"error","status":503,"count":4,"probability":0.3},
                    {"operation":"*","kind":"drop-before","count":4,"probability":0.3}])");
    put_whole(*open(), source.upload("a"), source);
    sim().clear_faults();
    EXPECT_TRUE(unfinished().empty());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(VaultTargetTest, RangesAreThawedAloneAndOnce) {
    PatternSource source(8, 6 * kMiB + 5);
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    ThawRequest request{object, 2 * kMiB, kMiB, ThawTier::standard};
    EXPECT_EQ(open()->request_thaw(request).phase, ThawState::Phase::pending);
    ThawState again = open()->request_thaw(request);  // of another process
    EXPECT_EQ(requests("InitiateJob"), 1U);
    sim().advance_hours(6);
    std::unique_ptr<Target> target = open();
    EXPECT_EQ(target->poll_thaw(request, again.ticket).phase, ThawState::Phase::ready);
    EXPECT_TRUE(read_range(*target, object, 2 * kMiB, kMiB) == source.bytes(2 * kMiB, kMiB));
    EXPECT_EQ(kind_thrown_by([&] { read_range(*target, object, 0, kMiB); }), Error::Kind::not_ready);
    EXPECT_EQ(sim().bill().at("retrieved_bytes").at("Standard"), kMiB);
    sim().advance_hours(25);  // its output could be read for a day
    EXPECT_EQ(open()->poll_thaw(request, again.ticket).phase, ThawState::Phase::failed);
    EXPECT_EQ(kind_thrown_by([&] { read_range(*open(), object, 2 * kMiB, kMiB); }), Error::Kind::not_ready);
}

TEST_F(VaultTargetTest, ALostReplyToAJobIsNotPaidTwice) {
    PatternSource source(9, 3 * kMiB);
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    sim().order(R"({"operation":"InitiateJob","kind":"drop-after"})");
    EXPECT_EQ(open()->request_thaw({object, 0, source.size_bytes()}).phase, ThawState::Phase::pending);
    EXPECT_EQ(requests("InitiateJob"), 1U);
}

TEST_F(VaultTargetTest, ADownloadThatComesDamagedOrBrokenIsRepeated) {
    PatternSource source(10, 3 * kMiB);
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    open()->request_thaw({object, 0, source.size_bytes()});
    sim().advance_hours(24);
    for (const char* fault : {R"({"operation":"GetJobOutput","kind":"corrupt","offset":70000})",
                              R"({"operation":"GetJobOutput","kind":"truncate"})",
                              R"({"operation":"GetJobOutput","kind":"drop-after"})",
                              R"({"operation":"GetJobOutput","kind":"endless"})"}) {
        sim().order(fault);
        EXPECT_TRUE(read_range(*open(), object, 0, source.size_bytes()) ==
                    source.bytes(0, source.size_bytes()))
            << fault;
    }
}

TEST_F(VaultTargetTest, AnswersThatAreNone) {
    PatternSource source(11, 100'000);
    for (const char* fault : {R"({"operation":"DescribeVault","kind":"malformed-json"})",
                              R"({"operation":"DescribeVault","kind":"html","status":200})"}) {
        sim().order(fault);
        Error error = thrown_by([&] { open()->list(ListScope::this_set, [](const ObjectInfo&) {}); });
        EXPECT_EQ(error.kind(), Error::Kind::corrupt) << error.message();
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST_F(VaultTargetTest, WrongKeysRegionAndVault) {
    PatternSource source(12, 1000);
    auto put_with = [&](const std::function<void(GlacierTargetOptions&)>& change) {
        GlacierTargetOptions options = small_parts(sim());
        change(options);
        return thrown_by([&] { put_whole(*make_glacier_target(options), source.upload("a"), source); });
    };
    Error unknown = put_with([](auto& o) {
        o.aws.credentials = cloud::make_static_credentials({"OTHER", "S", "", {}});
    });
    EXPECT_EQ(unknown.kind(), Error::Kind::denied);
    EXPECT_THAT(unknown.message(), ::testing::HasSubstr("does not know the access key"));
    Error secret = put_with([](auto& o) {
        o.aws.credentials = cloud::make_static_credentials({"KEY", "wrong", "", {}});
    });
    EXPECT_EQ(secret.kind(), Error::Kind::denied);
    EXPECT_THAT(secret.message(), ::testing::Not(::testing::HasSubstr("wrong")));
    Error region = put_with([](auto& o) { o.aws.scope.region = "eu-west-9"; });
    EXPECT_EQ(region.kind(), Error::Kind::denied);
    EXPECT_THAT(region.hint() + region.message(), ::testing::HasSubstr("eu-west-9"));
    Error vault = put_with([](auto& o) { o.vault = "gone"; });
    EXPECT_EQ(vault.kind(), Error::Kind::not_found);
    EXPECT_THAT(vault.hint(), ::testing::HasSubstr("vault create"));
}

class WrongClock final : public Clock {
  public:
    Timestamp now() const override { return add_ns(SystemClock().now(), std::int64_t{1020} * 1'000'000'000); }
    std::int64_t monotonic_ns() const override { return 0; }
};

TEST_F(VaultTargetTest, AClockThatIsOffIsToldByHowMuch) {
    WrongClock clock;
    GlacierTargetOptions options = small_parts(sim());
    options.aws.clock = &clock;
    PatternSource source(13, 1000);
    Error error = thrown_by([&] { put_whole(*make_glacier_target(options), source.upload("a"), source); });
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("17 min 00 s ahead of the service's"));
}

TEST_F(VaultTargetTest, SurvivesARestartOfTheServiceInTheMiddle) {
    PatternSource source(14, 9 * kMiB);
    source.fail_at = 7 * kMiB;
    MemoryResume resume;
    auto ignore = [](std::uint64_t) {};
    EXPECT_EQ(kind_thrown_by([&] { open()->put(source.upload("a"), source, resume, ignore); }),
              Error::Kind::io);
    sim().restart();
    source.fail_at.reset();
    source.bytes_read = 0;
    open()->put(source.upload("a"), source, resume, ignore);
    EXPECT_LE(source.bytes_read, 9 * kMiB - 7 * kMiB + vault_.resent_bytes_max());
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"a", 1}}));
}

/// As durable as the outbox's.
class FileResume final : public ResumeState {
  public:
    explicit FileResume(std::string path) : path_(std::move(path)) {}
    std::string load() override { return path_exists(path_) ? read_file(path_) : ""; }
    void save(std::string_view state) override {
        std::ofstream(path_ + ".new", std::ios::binary) << state;
        std::filesystem::rename(path_ + ".new", path_);
    }
    void lose() { std::filesystem::remove(path_); }

  private:
    std::string path_;
};

/// Kills its process at a read.
class KillingSource final : public RandomAccessSource {
  public:
    KillingSource(PatternSource& inner, unsigned reads) : inner_(inner), reads_left_(reads) {}
    std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        if (reads_left_-- == 0) kill(getpid(), SIGKILL);
        inner_.read(offset, buffer, size);
    }

  private:
    PatternSource& inner_;
    unsigned reads_left_;
};

/// Whatever breaks on the way of an object into the vault, in the end it is there once, as it was, nothing is
/// left over, and only what was interrupted went out twice.
class BreaksOfAllKinds : public VaultTargetTest, public ::testing::WithParamInterface<unsigned> {
  protected:
    static constexpr unsigned kConnections = 4;  // parts that are on their way at a time

    std::mt19937 random_{GetParam()};
    unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(random_); }

    unsigned parts_ = 3 + below(7);
    PatternSource source_{GetParam(), parts_* kSmallPart - below(kSmallPart)};
    Upload upload_ = source_.upload("object");
    TestDir dir_;
    FileResume resume_{dir_.path("resume")};
    std::uint64_t sent_twice_max_ = 0;  ///< what the breaks so far excuse

    void order_some_fault() {
        static constexpr std::array kKinds = {"drop-before", "drop-after",    "error",
                                              "truncate",    "forget-upload", "wrong-tree-hash"};
        static constexpr std::array kOperations = {"InitiateMultipartUpload", "UploadMultipartPart",
                                                   "CompleteMultipartUpload", "ListParts",
                                                   "ListMultipartUploads"};
        std::string kind = kKinds.at(below(kKinds.size()));
        unsigned count = 1 + below(2);
        sim().order(format(R"({{"operation":"{}","kind":"{}"{},"skip":{},"count":{}}})",
                           kOperations.at(below(kOperations.size())), kind,
                           kind == "error" ? R"(,"status":500)" : "", below(3), count));
        sent_twice_max_ += count * (kind == "forget-upload" ? source_.size_bytes() : kSmallPart);
    }

    void put(RandomAccessSource& source) {
        open()->put(upload_, source, resume_, [](std::uint64_t) {});
    }

    /// Whether it came to its end.
    bool put_with_luck() {
        if (below(2) == 0) source_.fail_at = below(parts_) * kSmallPart;
        bool done = false;
        try {
            put(source_);
            done = true;
        } catch (const Error& e) {
            using Kind = Error::Kind;
            EXPECT_THAT(e.kind(), ::testing::AnyOf(Kind::io, Kind::transient, Kind::corrupt)) << e.message();
        }
        source_.fail_at.reset();
        return done;
    }

    /// A process of its own that is killed: at a part, or when all is done and nobody has been told.
    void put_and_be_killed() {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            KillingSource source(source_, below(parts_ + 2));
            try {
                put(source);
            } catch (const Error&) {  // NOLINT(bugprone-empty-catch): of a fault
            }
            kill(getpid(), SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));
    }
};

TEST_P(BreaksOfAllKinds, EndInOneArchive) {
    bool done = false;
    for (unsigned attempt = 0; attempt < 5 && !done; ++attempt) {
        // With the outbox. What was completed and not noted could only be found in the next day's inventory.
        if (below(3) == 0 && unfinished().size() == 1) resume_.lose();
        for (unsigned i = below(3); i > 0; --i) order_some_fault();
        if (below(2) == 0)
            put_and_be_killed();
        else
            done = put_with_luck();
        sent_twice_max_ += kConnections * kSmallPart;
        if (below(3) == 0) sim().restart();
    }
    sim().clear_faults();
    if (!done) put(source_);
    EXPECT_TRUE(unfinished().empty());
    EXPECT_LE(sim().bill().at("bytes_in"), source_.size_bytes() + sent_twice_max_);
    EXPECT_EQ(stored(), (std::map<std::string, int>{{"object", 1}}));
    open()->list(ListScope::this_set, [&](const ObjectInfo& info) {
        EXPECT_EQ(info.size_bytes, source_.size_bytes());
        EXPECT_EQ(info.tree_hash, upload_.tree_hash);
    });
}

INSTANTIATE_TEST_SUITE_P(Seeds, BreaksOfAllKinds, ::testing::Range(1U, 25U));

}  // namespace
}  // namespace icecore::store
