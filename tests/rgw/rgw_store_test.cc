// What a bucket of a Ceph RADOS Gateway does beyond the suite of all targets: keys that are wrong, versions,
// locks, uploads that were stopped, a store without checksums and restores.

#include <gmock/gmock.h>

#include "rgw.h"
#include "store/s3_target.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = Error::Kind;

constexpr std::uint64_t kPart = 8 << 20;
const std::function<void(std::uint64_t)> kIgnore = [](std::uint64_t) {};

class RgwStore : public ::testing::Test {
  protected:
    std::unique_ptr<Target> open(const std::string& bucket,
                                 const std::function<void(S3TargetOptions&)>& change = {}) {
        S3TargetOptions options;
        options.s3 = rgw_.bucket(bucket);
        options.host = "host";
        options.set = "home";
        options.part_bytes_min = kPart;
        options.single_bytes_max = kPart;
        options.load_features = [this] { return features_; };
        options.save_features = [this](const std::string& text) { features_ = text; };
        if (change) change(options);
        return make_s3_target(options);
    }
    static Upload hot(const PatternSource& source, const std::string& name) {
        Upload upload = source.upload(name);
        upload.temperature = Temperature::hot;
        return upload;
    }
    std::vector<cloud::S3Upload> unfinished(const std::string& bucket) {
        std::vector<cloud::S3Upload> found;
        cloud::S3Client(rgw_.bucket(bucket)).list_uploads("", [&](const cloud::S3Upload& upload) {
            found.push_back(upload);
        });
        return found;
    }

    testing::Rgw rgw_;
    std::string features_;
};

TEST_F(RgwStore, WhatItCanDoIsFoundOut) {
    std::string bucket = rgw_.make_bucket();
    PatternSource source(1, 1000);
    put_whole(*open(bucket), hot(source, "a"), source);
    EXPECT_THAT(features_, AllOf(HasSubstr("\"conditional\":true"), HasSubstr("\"checksums\":false")));
    open(bucket, [](S3TargetOptions& o) { o.storage_class = "GLACIER"; })->request_thaw({{"a", ""}, 0, 1000});
    EXPECT_THAT(features_, HasSubstr("\"restores\":false"));
}

TEST_F(RgwStore, WrongKeysAreRefused) {
    std::string bucket = rgw_.make_bucket();
    auto with = [&](const std::string& key, const std::string& secret) {
        Error error = thrown_by([&] {
            open(bucket, [&](S3TargetOptions& o) {
                o.s3.aws.credentials = cloud::make_static_credentials({key, secret, "", {}});
            })->check();
        });
        EXPECT_EQ(error.kind(), Kind::denied);
        EXPECT_FALSE(error.hint().empty());
        EXPECT_THAT(error.message(), Not(HasSubstr("not-the-secret")));
        return error.message();
    };
    EXPECT_THAT(with(rgw_.access_key(), "not-the-secret"), HasSubstr("signature"));
    EXPECT_THAT(with("NOTTHEKEY", rgw_.secret_key()), HasSubstr("access key"));
    Error gone = thrown_by([&] { open("no-such-bucket")->check(); });
    EXPECT_EQ(gone.kind(), Kind::not_found);
    EXPECT_THAT(gone.hint(), HasSubstr("no-such-bucket"));
}

TEST_F(RgwStore, GoesOnWithThePartsThatItLists) {
    std::string bucket = rgw_.make_bucket();
    for (bool forget : {false, true}) {
        PatternSource source(2, 6 * kPart + 11);
        Upload upload = source.upload(forget ? "forgotten" : "noted");
        source.fail_at = 5 * kPart;
        MemoryResume resume;
        auto one_by_one = [](S3TargetOptions& o) { o.connections = 1; };
        EXPECT_EQ(kind_thrown_by([&] { open(bucket, one_by_one)->put(upload, source, resume, kIgnore); }),
                  Kind::io);
        EXPECT_THAT(unfinished(bucket), SizeIs(1));
        source.fail_at.reset();
        source.bytes_read = 0;
        if (forget) resume.state.clear();
        std::uint64_t sent = 0;
        open(bucket)->put(upload, source, resume, [&](std::uint64_t bytes) { sent += bytes; });
        EXPECT_EQ(sent, source.size_bytes());
        if (!forget) {
            EXPECT_EQ(source.bytes_read, kPart + 11);
        }
        EXPECT_THAT(unfinished(bucket), IsEmpty());
        open(bucket)->verify({upload.name, ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
    }
}

TEST_F(RgwStore, UnfinishedUploadsAreListedAndGivenUp) {
    std::string bucket = rgw_.make_bucket();
    PatternSource source(3, 3 * kPart);
    source.fail_at = 2 * kPart;
    MemoryResume resume;
    EXPECT_EQ(kind_thrown_by([&] { open(bucket)->put(source.upload("a"), source, resume, kIgnore); }),
              Kind::io);
    std::vector<UnfinishedUpload> found;
    open(bucket)->list_unfinished([&](const UnfinishedUpload& upload) { found.push_back(upload); });
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].name, "a");
    open(bucket)->abort_unfinished(found[0]);
    open(bucket)->abort_unfinished(found[0]);
    EXPECT_THAT(unfinished(bucket), IsEmpty());
}

TEST_F(RgwStore, WhatSomebodyDeletedIsFoundByItsVersion) {
    std::string bucket = rgw_.make_bucket(true);
    PatternSource source(4, 1000);
    Upload upload = hot(source, "a");
    put_whole(*open(bucket), upload, source);
    cloud::S3Client(rgw_.bucket(bucket)).delete_object("host/home/a");
    std::unique_ptr<Target> target = open(bucket);
    ObjectInfo info = target->stat({"a", ""}).value();
    EXPECT_TRUE(info.deleted);
    EXPECT_EQ(info.sha256, upload.sha256);
    std::vector<ObjectInfo> listed;
    target->list(ListScope::this_set, [&](const ObjectInfo& one) { listed.push_back(one); });
    ASSERT_THAT(listed, SizeIs(1));
    EXPECT_TRUE(listed[0].deleted);
    for (const ObjectRef& ref : {ObjectRef{"a", ""}, info.ref, listed[0].ref}) {
        EXPECT_EQ(read_range(*target, ref, 0, 1000), source.bytes(0, 1000));
        target->verify(ref, 1000, upload.sha256, upload.tree_hash);
    }
    target->remove({"a", ""});
    EXPECT_FALSE(target->stat({"a", ""}).has_value());
}

TEST_F(RgwStore, LocksArePutLengthenedAndNeverShortened) {
    std::string bucket = rgw_.make_bucket(true, true);
    auto locking = [](S3TargetOptions& o) { o.lock_mode = "GOVERNANCE"; };
    Timestamp now = SystemClock().now();
    Timestamp week{now.sec + 7 * 86'400, 0};
    Timestamp month{now.sec + 30 * 86'400, 0};
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        PatternSource source(5, size);
        Upload upload = source.upload(format("a{}", size));
        upload.locked_until = week;
        ObjectRef object = put_whole(*open(bucket, locking), upload, source);
        EXPECT_EQ(open(bucket, locking)->stat(object).value().locked_until, week);
        EXPECT_EQ(kind_thrown_by([&] { open(bucket, locking)->remove(object); }), Kind::denied);
        open(bucket, locking)->lock(object, month);
        open(bucket, locking)->lock(object, week);
        EXPECT_EQ(open(bucket, locking)->stat(object).value().locked_until, month);
    }
    EXPECT_THAT(open(bucket, locking)->remarks(), IsEmpty());
}

TEST_F(RgwStore, ABucketWithoutObjectLockIsRemarked) {
    std::string bucket = rgw_.make_bucket();
    std::vector<TargetRemark> remarks =
        open(bucket, [](S3TargetOptions& o) { o.lock_mode = "GOVERNANCE"; })->remarks();
    ASSERT_THAT(remarks, SizeIs(1));
    EXPECT_THAT(remarks[0].message, HasSubstr("no Object Lock"));
}

TEST_F(RgwStore, LifecycleRulesThatDeleteAreRemarked) {
    std::string bucket = rgw_.make_bucket();
    cloud::S3Client client(rgw_.bucket(bucket));
    client.add_abort_rule("unfinished", "", 7);
    client.add_abort_rule("unfinished", "host/", 8);
    std::vector<cloud::S3LifecycleRule> rules = client.get_lifecycle();
    ASSERT_THAT(rules, SizeIs(1));
    EXPECT_EQ(rules[0].abort_days, 8U);
    EXPECT_THAT(open(bucket)->remarks(), IsEmpty());
}

TEST_F(RgwStore, TheStorageClassIsTold) {
    std::string bucket = rgw_.make_bucket();
    PatternSource source(6, 2 * kPart);
    put_whole(*open(bucket, [](S3TargetOptions& o) { o.storage_class = "GLACIER"; }), source.upload("a"),
              source);
    EXPECT_EQ(open(bucket)->stat({"a", ""}).value().storage_class, "GLACIER");
    Error error = thrown_by([&] {
        put_whole(*open(bucket, [](S3TargetOptions& o) { o.storage_class = "NO_SUCH_CLASS"; }),
                  source.upload("b"), source);
    });
    EXPECT_EQ(error.kind(), Kind::invalid);
    EXPECT_THAT(error.hint(), HasSubstr("storage class"));
}

TEST_F(RgwStore, TheBucketInTheHostName) {
    std::string bucket = rgw_.make_bucket();
    auto in_host = [&](S3TargetOptions& o) {
        o.s3.addressing = cloud::S3Addressing::virtual_host;
        o.s3.aws.endpoint = "http://localhost" + rgw_.endpoint().substr(rgw_.endpoint().rfind(':'));
    };
    PatternSource source(7, 1000);
    put_whole(*open(bucket, in_host), hot(source, "a b+(c)\xc3\xa9"), source);
    EXPECT_EQ(read_range(*open(bucket), {"a b+(c)\xc3\xa9", ""}, 0, 1000), source.bytes(0, 1000));
    EXPECT_EQ(open(bucket)->stat({"a b+(c)\xc3\xa9", ""}).value().size_bytes, 1000U);
    std::vector<std::string> names;
    open(bucket)->list(ListScope::this_set, [&](const ObjectInfo& info) { names.push_back(info.ref.name); });
    EXPECT_THAT(names, ::testing::ElementsAre("a b+(c)\xc3\xa9"));
}

}  // namespace
}  // namespace icecore::store
