// A bucket as a target, against the simulator: the suite that all targets pass, and what is S3's own.

#include <gmock/gmock.h>

#include "sim_s3.h"
#include "store/target_conformance.h"

namespace icecore::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = Error::Kind;
using Counts = std::map<std::string, std::uint64_t>;

constexpr std::uint64_t kPart = 8 << 20;
const std::function<void(std::uint64_t)> kIgnore = [](std::uint64_t) {};

template <int kClass>
struct SimulatedBucket {
    testing::SimBucket bucket;
    std::unique_ptr<Target> open() {
        static constexpr std::array kClasses = {"DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", ""};
        S3TargetOptions options = bucket.options();
        options.storage_class = kClasses.at(kClass);
        return make_s3_target(options);
    }
    void let_time_pass() { bucket.sim.advance_hours(49); }
    std::uint64_t resent_bytes_max() const { return 6 * kPart; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(DeepArchive, TargetConformance, SimulatedBucket<0>);
INSTANTIATE_TYPED_TEST_SUITE_P(FlexibleRetrieval, TargetConformance, SimulatedBucket<1>);
INSTANTIATE_TYPED_TEST_SUITE_P(InstantRetrieval, TargetConformance, SimulatedBucket<2>);
INSTANTIATE_TYPED_TEST_SUITE_P(NoClasses, TargetConformance, SimulatedBucket<3>);

struct SimulatedVersions : SimulatedBucket<0> {
    SimulatedVersions() { bucket.keep_versions(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Versions, TargetConformance, SimulatedVersions);

class S3TargetTest : public ::testing::Test {
  protected:
    std::unique_ptr<Target> open(const std::function<void(S3TargetOptions&)>& change = {}) {
        S3TargetOptions options = bucket_.options();
        options.storage_class = "DEEP_ARCHIVE";
        options.hot_class = "STANDARD";
        if (change) change(options);
        return make_s3_target(options);
    }
    /// What the store can do is known from here on.
    void learn() {
        PatternSource source(99, 1000);
        Upload upload = source.upload("first");
        upload.temperature = Temperature::hot;
        put_whole(*open(), upload, source);
        bucket_.requests();
    }
    testing::SimBucket bucket_;
};

// ---- requests ----

TEST_F(S3TargetTest, ASmallObjectIsOneRequest) {
    learn();
    EXPECT_THAT(bucket_.features, AllOf(HasSubstr("\"conditional\":true"), HasSubstr("\"checksums\":true")));
    PatternSource source(1, 100'000);
    put_whole(*open(), source.upload("a"), source);
    EXPECT_EQ(bucket_.requests(), (Counts{{"PutObject", 1}}));
    EXPECT_EQ(open()->stat({"a", ""}).value().storage_class, "DEEP_ARCHIVE");
}

TEST_F(S3TargetTest, ALargeObjectIsItsPartsAndFour) {
    learn();
    PatternSource source(2, 2 * kPart + 5);
    put_whole(*open(), source.upload("a"), source);
    EXPECT_EQ(bucket_.requests(), (Counts{{"CompleteMultipartUpload", 1},
                                          {"CreateMultipartUpload", 1},
                                          {"HeadObject", 1},
                                          {"ListMultipartUploads", 1},
                                          {"UploadPart", 3}}));
}

// ---- uploads ----

TEST_F(S3TargetTest, LostRepliesLeaveOneObjectAndNoOrphan) {
    learn();
    for (const char* operation :
         {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject"}) {
        PatternSource source(3, 2 * kPart);
        bucket_.sim.order(format(R"({{"operation":"{}","kind":"drop-after"}})", operation));
        put_whole(*open(), source.upload(operation), source);
        EXPECT_THAT(bucket_.unfinished(), IsEmpty()) << operation;
        EXPECT_EQ(bucket_.stored().at(format("p/host/home/{}", operation)), 2 * kPart);
    }
    PatternSource small(4, 1000);
    bucket_.sim.order(R"({"operation":"PutObject","kind":"drop-after"})");
    put_whole(*open(), small.upload("small"), small);
    EXPECT_EQ(bucket_.stored().at("p/host/home/small"), 1000U);
}

TEST_F(S3TargetTest, GoesOnAfterAKillOfTheStoreAndTheLossOfOurNotes) {
    PatternSource source(5, 9 * kPart);
    for (bool forget : {false, true}) {
        std::string name = forget ? "forgotten" : "noted";
        source.fail_at = 7 * kPart;
        MemoryResume resume;
        EXPECT_EQ(kind_thrown_by([&] { open()->put(source.upload(name), source, resume, kIgnore); }),
                  Kind::io);
        EXPECT_THAT(bucket_.unfinished(), SizeIs(1));
        bucket_.sim.restart();
        source.fail_at.reset();
        source.bytes_read = 0;
        if (forget) resume.state.clear();
        open()->put(source.upload(name), source, resume, kIgnore);
        // What was noted is not even read. An upload that we know nothing of is given up.
        if (!forget) {
            EXPECT_LE(source.bytes_read, 6 * kPart);
        }
        EXPECT_THAT(bucket_.unfinished(), IsEmpty());
    }
}

TEST_F(S3TargetTest, PartsOfAnotherContentAreReplaced) {
    PatternSource other(6, 4 * kPart);
    other.fail_at = 3 * kPart;
    MemoryResume lost;
    EXPECT_EQ(kind_thrown_by([&] { open()->put(other.upload("a"), other, lost, kIgnore); }), Kind::io);
    PatternSource source(7, 4 * kPart);
    Upload upload = source.upload("a");
    put_whole(*open(), upload, source);
    EXPECT_THAT(bucket_.unfinished(), IsEmpty());
    open()->verify({"a", ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
}

TEST_F(S3TargetTest, WhatIsNotWhatWasSealedDoesNotBecomeAnObject) {
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource source(8, size);
        Upload upload = PatternSource(9, size).upload("a");
        EXPECT_EQ(kind_thrown_by([&] { put_whole(*open(), upload, source); }), Kind::corrupt);
        EXPECT_THAT(bucket_.stored(), IsEmpty());
        EXPECT_THAT(bucket_.unfinished(), IsEmpty());
    }
}

TEST_F(S3TargetTest, AnObjectOfAnotherMachineIsNeverReplaced) {
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource first(10, size);
        PatternSource second(11, size);
        put_whole(*open(), first.upload("a"), first);
        Error error = thrown_by([&] { put_whole(*open(), second.upload("a"), second); });
        EXPECT_EQ(error.kind(), Kind::exists);
        EXPECT_FALSE(error.hint().empty());
        EXPECT_THAT(bucket_.unfinished(), IsEmpty());
        open()->remove({"a", ""});
    }
}

// ---- what is known from packing ----

TEST_F(S3TargetTest, KnownDigestsOfPartsSpareAPass) {
    PatternSource source(30, 2 * kPart + 7);
    Upload upload = source.upload("a", open()->capabilities().part_bytes);
    ASSERT_THAT(upload.parts.parts, SizeIs(3));
    put_whole(*open(), upload, source);  // also where nothing is known of the store yet
    EXPECT_EQ(source.bytes_read, source.size_bytes());
    open()->verify({"a", ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
    PatternSource small(31, 1000);
    put_whole(*open(), small.upload("b"), small);
    EXPECT_EQ(small.bytes_read, 1000U);
}

/// What is known is sent, refused, and computed anew.
TEST_F(S3TargetTest, AWrongDigestOfAPartIsReplacedByTheRightOne) {
    PatternSource source(32, 4 * kPart);
    Upload upload = source.upload("a", kPart);
    upload.parts.parts[2].sha256 = sha256("something else");
    put_whole(*open(), upload, source);
    EXPECT_GT(source.bytes_read, source.size_bytes());
    EXPECT_LE(source.bytes_read, source.size_bytes() + 2 * kPart);
    EXPECT_EQ(bucket_.requests().at("UploadPart"), 5U);
    open()->verify({"a", ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
}

TEST_F(S3TargetTest, DigestsOfOtherPartsAreNotUsed) {
    PatternSource source(33, 4 * kPart);
    put_whole(*open(), source.upload("a", 2 * kPart), source);
    Upload other_file = source.upload("b");
    other_file.parts = PatternSource(34, 4 * kPart).upload("b", kPart).parts;
    put_whole(*open(), other_file, source);
    EXPECT_EQ(bucket_.requests().at("UploadPart"), 8U);
    EXPECT_EQ(source.bytes_read, 2 * source.size_bytes());
    EXPECT_THAT(bucket_.stored(), SizeIs(2));
}

TEST_F(S3TargetTest, AFileThatHasChangedIsNotStoredByItsKnownDigests) {
    PatternSource source(35, 3 * kPart);
    Upload upload = PatternSource(36, 3 * kPart).upload("a", kPart);
    Error error = thrown_by([&] { put_whole(*open(), upload, source); });
    EXPECT_EQ(error.kind(), Kind::corrupt);
    EXPECT_THAT(error.message(), HasSubstr("does not have the digests"));
    EXPECT_FALSE(bucket_.requests().contains("CompleteMultipartUpload"));
    EXPECT_THAT(bucket_.unfinished(), IsEmpty());
}

// ---- stores that differ ----

/// One that takes four parts at most, like the one that takes 1,000.
TEST(S3FewPartsTest, PartsGrowAndThatIsRemembered) {
    testing::SimBucket bucket(false, {"--parts-max", "4"});
    auto open = [&] {
        S3TargetOptions options = bucket.options();
        options.few_parts_max = 4;
        return make_s3_target(options);
    };
    std::uint64_t largest = open()->capabilities().object_bytes_max;
    PatternSource source(40, 5 * kPart + 7);
    Upload upload = source.upload("a", kPart);
    std::uint64_t told = 0;
    MemoryResume resume;
    open()->put(upload, source, resume, [&](std::uint64_t bytes) { told += bytes; });
    EXPECT_EQ(told, source.size_bytes());
    open()->verify({"a", ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
    Counts counts = bucket.requests();
    EXPECT_EQ(counts["CreateMultipartUpload"], 2U);
    EXPECT_EQ(counts["AbortMultipartUpload"], 1U);
    EXPECT_THAT(bucket.unfinished(), IsEmpty());
    EXPECT_THAT(bucket.features, HasSubstr("\"parts_max\":4"));
    EXPECT_LT(open()->capabilities().object_bytes_max, largest);

    bucket.requests();
    put_whole(*open(), source.upload("b", kPart), source);
    counts = bucket.requests();
    EXPECT_EQ(counts["UploadPart"], 3U) << "of twice the size, at once";
    EXPECT_EQ(counts["CreateMultipartUpload"], 1U);
    PatternSource fits(41, 4 * kPart);
    put_whole(*open(), fits.upload("c", kPart), fits);
    EXPECT_EQ(bucket.requests().at("UploadPart"), 4U);
    EXPECT_EQ(fits.bytes_read, fits.size_bytes());
}

/// What is refused for another reason is no reason for larger parts.
TEST_F(S3TargetTest, ARefusedPartIsNoSignOfFewParts) {
    PatternSource source(42, 4 * kPart);
    bucket_.sim.order(
        R"({"operation":"UploadPart","kind":"error","status":400,"code":"InvalidArgument","count":"always"})");
    auto few = [](S3TargetOptions& options) { options.few_parts_max = 8; };
    EXPECT_EQ(kind_thrown_by([&] { put_whole(*open(few), source.upload("a", kPart), source); }),
              Kind::invalid);
    EXPECT_THAT(bucket_.features, Not(HasSubstr("\"parts_max\":8")));
    EXPECT_EQ(bucket_.requests().at("CreateMultipartUpload"), 1U);
    bucket_.sim.clear_faults();
    put_whole(*open(few), source.upload("a", kPart), source);
    EXPECT_THAT(bucket_.unfinished(), IsEmpty());
}

TEST_F(S3TargetTest, EncryptionIsThatOfTheConfiguration) {
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource source(43, size);
        auto stored_with = [&](const std::string& name, const std::string& sse, const std::string& key) {
            put_whole(*open([&](S3TargetOptions& o) { o.sse = sse, o.kms_key = key; }), source.upload(name),
                      source);
            return bucket_.ask("HEAD", "/bucket/p/host/home/" + name);
        };
        auto header = [](const cloud::HttpResponse& response, const char* name) {
            const std::string* value = response.header(name);
            return value == nullptr ? std::string() : *value;
        };
        constexpr const char* kKind = "x-amz-server-side-encryption";
        constexpr const char* kKey = "x-amz-server-side-encryption-aws-kms-key-id";
        cloud::HttpResponse plain = stored_with(format("plain{}", size), "AES256", "");
        EXPECT_EQ(header(plain, kKind), "AES256");
        EXPECT_EQ(header(plain, kKey), "");
        cloud::HttpResponse own = stored_with(format("own{}", size), "aws:kms", "alias/mine");
        EXPECT_EQ(header(own, kKind), "aws:kms");
        EXPECT_EQ(header(own, kKey), "alias/mine");
        EXPECT_EQ(header(stored_with(format("aws{}", size), "aws:kms", ""), kKind), "aws:kms");
    }
}

TEST_F(S3TargetTest, EncryptionThatIsNotConfirmedIsTold) {
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource source(45, size);
        std::string name = format("a{}", size);
        auto put = [&] {
            put_whole(*open([](S3TargetOptions& o) { o.sse = "AES256"; }), source.upload(name), source);
        };
        bucket_.sim.order(R"({"operation":"*","kind":"no-encryption","count":"always"})");
        for (int attempt = 1; attempt <= 2; ++attempt) {
            Error error = thrown_by(put);
            EXPECT_EQ(error.kind(), Kind::unsupported) << error.message();
            EXPECT_THAT(error.message(), HasSubstr("p/host/home/" + name));
            EXPECT_THAT(error.message(), HasSubstr("sse asks for \"AES256\", and the store says nothing"));
            EXPECT_THAT(error.hint(), HasSubstr("does not count as stored"));
        }
        EXPECT_THAT(bucket_.stored(), SizeIs(1)) << "the small one; of parts, nothing is sent";
        bucket_.sim.clear_faults();
        put();
    }
    EXPECT_THAT(bucket_.unfinished(), IsEmpty());
}

TEST_F(S3TargetTest, WrongEncryptionIsToldAsThat) {
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        for (const auto& [sse, key] : std::initializer_list<std::pair<const char*, const char*>>{
                 {"rot13", ""}, {"aws:kms", "nokey"}, {"AES256", "alias/mine"}}) {
            PatternSource source(44, size);
            Error error = thrown_by([&] {
                put_whole(*open([&](S3TargetOptions& o) { o.sse = sse, o.kms_key = key; }),
                          source.upload("a"), source);
            });
            EXPECT_EQ(error.kind(), Kind::invalid) << error.message();
            EXPECT_THAT(error.message(), HasSubstr("p/host/home/a"));
            EXPECT_THAT(error.hint(), HasSubstr("sse")) << error.message();
            EXPECT_THAT(bucket_.stored(), IsEmpty());
            EXPECT_THAT(bucket_.unfinished(), IsEmpty());
        }
    }
}

// ---- thaws ----

TEST_F(S3TargetTest, ThousandsOfThawsArePolledByLists) {
    learn();
    PatternSource source(12, 10);
    std::vector<AskedThaw> asked;
    std::unique_ptr<Target> target = open();
    for (int i = 0; i < 40; ++i) {
        ObjectRef object = put_whole(*target, source.upload(format("v{:04}", i)), source);
        asked.push_back({{object, 0, 10, i % 2 == 0 ? ThawTier::standard : ThawTier::bulk, 3}, ""});
        EXPECT_EQ(target->request_thaw(asked.back().request).phase, ThawState::Phase::pending);
    }
    std::reverse(asked.begin(), asked.end());
    bucket_.requests();
    for (const ThawState& state : target->poll_thaws(asked))
        EXPECT_EQ(state.phase, ThawState::Phase::pending);
    bucket_.sim.advance_hours(20);  // standard takes 12 hours, bulk 48
    std::vector<ThawState> states = target->poll_thaws(asked);
    for (std::size_t i = 0; i < states.size(); ++i)
        EXPECT_EQ(states[i].phase, i % 2 == 1 ? ThawState::Phase::ready : ThawState::Phase::pending) << i;
    EXPECT_TRUE(states[1].until.has_value());
    EXPECT_EQ(bucket_.requests(), (Counts{{"ListObjectsV2", 2}}));
}

TEST_F(S3TargetTest, CopiesExpireAndAreAskedForAgain) {
    PatternSource source(13, 1000);
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    ThawRequest request{object, 0, 1000, ThawTier::bulk, 2};
    EXPECT_EQ(open()->request_thaw(request).phase, ThawState::Phase::pending);
    bucket_.sim.advance_hours(49);
    EXPECT_EQ(read_range(*open(), object, 0, 1000), source.bytes(0, 1000));
    bucket_.sim.advance_hours(80);
    EXPECT_EQ(kind_thrown_by([&] { read_range(*open(), object, 0, 1000); }), Kind::not_ready);
    ThawState state = open()->poll_thaw(request, "");
    EXPECT_EQ(state.phase, ThawState::Phase::failed);
    EXPECT_FALSE(state.message.empty());
    EXPECT_EQ(open()->request_thaw(request).phase, ThawState::Phase::pending);
}

TEST_F(S3TargetTest, AThawIsMadeFaster) {
    PatternSource source(14, 1000);
    ObjectRef object = put_whole(*open(), source.upload("a"), source);
    ThawRequest request{object, 0, 1000, ThawTier::bulk, 2};
    EXPECT_EQ(open()->request_thaw(request).phase, ThawState::Phase::pending);
    request.tier = ThawTier::standard;
    EXPECT_EQ(open()->request_thaw(request).phase, ThawState::Phase::pending);
    bucket_.sim.advance_hours(13);
    EXPECT_EQ(open()->poll_thaw(request, "").phase, ThawState::Phase::ready);
}

TEST_F(S3TargetTest, ReadsGoOnWhereTheyBroke) {
    PatternSource source(15, 3 * kMiB);
    Upload upload = source.upload("a");
    upload.temperature = Temperature::hot;
    ObjectRef object = put_whole(*open(), upload, source);
    for (const char* kind : {"truncate", "drop-before", "drop-after"}) {
        bucket_.sim.order(format(R"({{"operation":"GetObject","kind":"{}"}})", kind));
        EXPECT_TRUE(read_range(*open(), object, 0, 3 * kMiB) == source.bytes(0, 3 * kMiB)) << kind;
    }
}

// ---- versions and locks ----

TEST_F(S3TargetTest, WhatSomebodyDeletedIsFoundByItsVersion) {
    bucket_.keep_versions();
    PatternSource source(16, 1000);
    Upload upload = source.upload("a");
    upload.temperature = Temperature::hot;
    put_whole(*open(), upload, source);
    bucket_.client().delete_object("p/host/home/a");
    EXPECT_THAT(bucket_.stored(), IsEmpty());

    std::unique_ptr<Target> target = open();
    ObjectInfo info = target->stat({"a", ""}).value();
    EXPECT_TRUE(info.deleted);
    EXPECT_FALSE(info.ref.id.empty());
    EXPECT_EQ(info.sha256, upload.sha256);
    std::vector<ObjectInfo> listed;
    target->list(ListScope::this_set, [&](const ObjectInfo& one) { listed.push_back(one); });
    ASSERT_THAT(listed, SizeIs(1));
    EXPECT_TRUE(listed[0].deleted);
    EXPECT_EQ(listed[0].ref, info.ref);
    for (const ObjectRef& ref : {ObjectRef{"a", ""}, info.ref}) {
        EXPECT_EQ(read_range(*target, ref, 0, 1000), source.bytes(0, 1000));
        target->verify(ref, 1000, upload.sha256, upload.tree_hash);
    }
    put_whole(*open(), upload, source);
    EXPECT_FALSE(open()->stat({"a", ""}).value().deleted);
    open()->remove({"a", ""});
    EXPECT_FALSE(open()->stat({"a", ""}).has_value());
}

class S3LockTest : public ::testing::Test {
  protected:
    std::unique_ptr<Target> open() {
        S3TargetOptions options = bucket_.options();
        options.lock_mode = "COMPLIANCE";
        return make_s3_target(options);
    }
    testing::SimBucket bucket_{true};
};

TEST_F(S3LockTest, LocksArePutLengthenedAndNeverShortened) {
    Timestamp now = SystemClock().now();
    Timestamp week{now.sec + 7 * 86'400, 0};
    Timestamp month{now.sec + 30 * 86'400, 0};
    EXPECT_TRUE(open()->capabilities().locks);
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource source(17, size);
        Upload upload = source.upload(format("a{}", size));
        upload.locked_until = week;
        ObjectRef object = put_whole(*open(), upload, source);
        EXPECT_EQ(open()->stat(object).value().locked_until, week);
        Error error = thrown_by([&] { open()->remove(object); });
        EXPECT_EQ(error.kind(), Kind::denied);
        open()->lock(object, month);
        EXPECT_EQ(open()->stat(object).value().locked_until, month);
        open()->lock(object, week);
        EXPECT_EQ(open()->stat(object).value().locked_until, month);
    }
    EXPECT_THAT(open()->remarks(), IsEmpty());
}

TEST_F(S3TargetTest, ABucketWithoutObjectLockIsToldAsThat) {
    auto with_lock = [](S3TargetOptions& options) { options.lock_mode = "GOVERNANCE"; };
    PatternSource source(18, 1000);
    Upload upload = source.upload("a");
    upload.locked_until = Timestamp{SystemClock().now().sec + 86'400, 0};
    Error error = thrown_by([&] { put_whole(*open(with_lock), upload, source); });
    EXPECT_THAT(error.hint(), HasSubstr("object_lock"));
    std::vector<TargetRemark> remarks = open(with_lock)->remarks();
    ASSERT_THAT(remarks, SizeIs(1));
    EXPECT_THAT(remarks[0].message, HasSubstr("no Object Lock"));
    upload.locked_until.reset();
    ObjectRef object = put_whole(*open(with_lock), upload, source);
    Timestamp until{SystemClock().now().sec + 86'400, 0};
    EXPECT_EQ(kind_thrown_by([&] { open(with_lock)->lock(object, until); }), Kind::unsupported);
    EXPECT_EQ(kind_thrown_by([&] { open()->lock(object, until); }), Kind::unsupported);
}

// ---- what is left, and what may harm ----

TEST_F(S3TargetTest, UnfinishedUploadsAreListedAndGivenUp) {
    PatternSource source(19, 3 * kPart);
    source.fail_at = 2 * kPart;
    MemoryResume resume;
    EXPECT_EQ(kind_thrown_by([&] { open()->put(source.upload("a"), source, resume, kIgnore); }), Kind::io);
    bucket_.client().create_upload("elsewhere/x", {}, "testing");
    std::vector<UnfinishedUpload> found;
    open()->list_unfinished([&](const UnfinishedUpload& upload) { found.push_back(upload); });
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].host + "/" + found[0].set + "/" + found[0].name, "host/home/a");
    EXPECT_TRUE(found[0].begun.has_value());
    open()->abort_unfinished(found[0]);
    open()->abort_unfinished(found[0]);
    EXPECT_THAT(bucket_.unfinished(), SizeIs(1));
}

TEST_F(S3TargetTest, WhatHasArrivedOfAnUnfinishedUploadIsTold) {
    PatternSource source(25, kPart);
    cloud::S3Client client = bucket_.client();
    UnfinishedUpload upload{"host", "home", "b", client.create_upload("p/host/home/b", {}, "testing"), {}};
    EXPECT_EQ(open()->unfinished_bytes(upload), 0U);
    client.upload_part("p/host/home/b", upload.id, 1, {&source, 0, kPart, source.upload("b").sha256});
    EXPECT_EQ(open()->unfinished_bytes(upload), kPart);
    open()->abort_unfinished(upload);
    EXPECT_EQ(open()->unfinished_bytes(upload), std::nullopt);
}

TEST_F(S3TargetTest, LifecycleRulesThatHarmAreRemarked) {
    EXPECT_THAT(open()->remarks(), IsEmpty());
    bucket_.client().add_abort_rule("ours", "p/", 7);
    EXPECT_THAT(open()->remarks(), IsEmpty());
    std::vector<cloud::S3LifecycleRule> rules = bucket_.client().get_lifecycle();
    ASSERT_THAT(rules, SizeIs(1));
    EXPECT_EQ(rules[0].abort_days, 7U);
}

// ---- bad input ----

TEST_F(S3TargetTest, WrongKeysBucketAndEndpoint) {
    PatternSource source(20, 1000);
    auto put_with = [&](const std::function<void(S3TargetOptions&)>& change) {
        Error error = thrown_by([&] { put_whole(*open(change), source.upload("a"), source); });
        EXPECT_FALSE(error.hint().empty()) << error.message();
        Error checked = thrown_by([&] { open(change)->check(); });
        EXPECT_EQ(checked.kind(), error.kind());
        return checked;
    };
    learn();
    Error unknown = put_with([](S3TargetOptions& o) {
        o.s3.aws.credentials = cloud::make_static_credentials({"OTHER", "S", "", {}});
    });
    EXPECT_EQ(unknown.kind(), Kind::denied);
    EXPECT_THAT(unknown.message(), HasSubstr("does not know the access key"));
    Error secret = put_with([](S3TargetOptions& o) {
        o.s3.aws.credentials = cloud::make_static_credentials({"KEY", "wrong", "", {}});
    });
    EXPECT_EQ(secret.kind(), Kind::denied);
    EXPECT_THAT(secret.message(), Not(HasSubstr("wrong")));
    Error bucket = put_with([](S3TargetOptions& o) { o.s3.bucket = "another"; });
    EXPECT_EQ(bucket.kind(), Kind::not_found);
    EXPECT_THAT(bucket.hint(), HasSubstr("\"another\""));
    Error endpoint = put_with([](S3TargetOptions& o) {
        o.s3.aws.endpoint = "http://127.0.0.1:1";
        o.s3.aws.attempts_max = 1;
    });
    EXPECT_EQ(endpoint.kind(), Kind::transient);
}

TEST_F(S3TargetTest, TheRightRegionIsFoundAndRemarked) {
    std::vector<std::string> notices;
    auto elsewhere = [&](S3TargetOptions& options) {
        options.s3.aws.scope.region = "eu-west-9";
        options.s3.on_notice = [&](const std::string& text) { notices.push_back(text); };
    };
    PatternSource source(21, 3 * kPart);
    std::unique_ptr<Target> target = open(elsewhere);
    put_whole(*target, source.upload("a"), source);
    EXPECT_THAT(notices, SizeIs(1));
    std::vector<TargetRemark> remarks = target->remarks();
    ASSERT_THAT(remarks, SizeIs(1));
    EXPECT_THAT(remarks[0].message, HasSubstr("us-east-1"));
}

TEST_F(S3TargetTest, NamesThatAreNoPartOfAKey) {
    for (const char* name : {"", "a/b", "..", "a\nb"}) {
        EXPECT_EQ(kind_thrown_by([&] { open([&](S3TargetOptions& o) { o.host = name; }); }), Kind::invalid);
        EXPECT_EQ(kind_thrown_by([&] { open([&](S3TargetOptions& o) { o.set = name; }); }), Kind::invalid);
        PatternSource source(22, 10);
        EXPECT_EQ(kind_thrown_by([&] { put_whole(*open(), source.upload(name), source); }), Kind::invalid);
    }
    PatternSource source(23, 10);
    EXPECT_EQ(kind_thrown_by([&] {
                  put_whole(*open([](S3TargetOptions& o) { o.storage_class = "FROZEN"; }), source.upload("a"),
                            source);
              }),
              Kind::invalid);
}

TEST_F(S3TargetTest, WhatIsNotOursIsNotListed) {
    PatternSource source(24, 10);
    put_whole(*open(), source.upload("a"), source);
    put_whole(*open([](S3TargetOptions& o) { o.host = "other"; }), source.upload("b"), source);
    put_whole(*open([](S3TargetOptions& o) { o.prefix = ""; }), source.upload("c"), source);
    bucket_.ask("PUT", "/bucket/p/host/home/sub/d", "", "x");
    bucket_.ask("PUT", "/bucket/p/host/e", "", "x");
    std::vector<std::string> names;
    auto note = [&](const ObjectInfo& info) {
        names.push_back(info.host + "/" + info.set + "/" + info.ref.name);
    };
    open()->list(ListScope::this_set, note);
    EXPECT_THAT(names, ::testing::ElementsAre("host/home/a"));
    names.clear();
    open()->list(ListScope::all_sets, note);
    EXPECT_THAT(names, ::testing::ElementsAre("host/home/a", "other/home/b"));
}

}  // namespace
}  // namespace icecore::store
