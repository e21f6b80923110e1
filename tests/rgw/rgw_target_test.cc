// A bucket of a Ceph RADOS Gateway as a target: the suite that all targets pass, on a server that we did not
// write.

#include <gmock/gmock.h>

#include "rgw.h"
#include "store/s3_target.h"
#include "store/target_conformance.h"

namespace icecore::store {
namespace {

constexpr std::uint64_t kPart = 8 << 20;

S3TargetOptions options_for(const testing::Rgw& rgw, const std::string& bucket) {
    S3TargetOptions options;
    options.s3 = rgw.bucket(bucket);
    options.prefix = "some/prefix";
    options.host = "host";
    options.set = "home";
    options.part_bytes_min = kPart;
    options.single_bytes_max = kPart;
    return options;
}

/// A bucket of its own.
struct RgwPlace {
    explicit RgwPlace(bool versions = false) : bucket(rgw.make_bucket(versions)) {}
    testing::Rgw rgw;
    std::string bucket;
    std::string features;

    std::unique_ptr<Target> open() {
        S3TargetOptions options = options_for(rgw, bucket);
        options.load_features = [this] { return features; };
        options.save_features = [this](const std::string& text) { features = text; };
        change(options);
        return make_s3_target(options);
    }
    virtual void change(S3TargetOptions& /*options*/) {}
    virtual ~RgwPlace() = default;
    void let_time_pass() {}
    std::uint64_t resent_bytes_max() const { return 6 * kPart; }
};

struct RgwWithVersions : RgwPlace {
    RgwWithVersions() : RgwPlace(true) {}
};
struct RgwCold : RgwPlace {
    void change(S3TargetOptions& options) override {
        options.storage_class = "DEEP_ARCHIVE";
        options.hot_class = "STANDARD";
    }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Rgw, TargetConformance, RgwPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(RgwWithVersions, TargetConformance, RgwWithVersions);
INSTANTIATE_TYPED_TEST_SUITE_P(RgwCold, TargetConformance, RgwCold);

/// A store that keeps no SHA-256 confirms by MD5, which packing does not find: it is computed as a part is
/// read, once that is known of the store.
TEST(RgwTarget, KnownDigestsOfPartsSpareAPass) {
    RgwPlace place;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        PatternSource source(seed, 2 * kPart + 7);
        Upload upload = source.upload(format("a{}", seed), place.open()->capabilities().part_bytes);
        put_whole(*place.open(), upload, source);
        if (seed == 2) {
            EXPECT_EQ(source.bytes_read, source.size_bytes());
        }
        place.open()->verify({upload.name, ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
        PatternSource small(10 + seed, 1000);
        upload = small.upload(format("b{}", seed));
        upload.temperature = Temperature::hot;
        put_whole(*place.open(), upload, small);
        if (seed == 2) {
            EXPECT_EQ(small.bytes_read, 1000U);
        }
    }
}

/// It has no keys here, and takes no encryption without TLS.
TEST(RgwTarget, EncryptionThatItCannotDoIsToldAsThat) {
    RgwPlace place;
    for (std::uint64_t size : {std::uint64_t{1000}, 2 * kPart}) {
        for (const char* sse : {"aws:kms", "rot13"}) {
            S3TargetOptions options = options_for(place.rgw, place.bucket);
            options.sse = sse;
            options.kms_key = "";
            PatternSource source(50, size);
            Error error = thrown_by([&] { put_whole(*make_s3_target(options), source.upload("a"), source); });
            EXPECT_EQ(error.kind(), Error::Kind::invalid) << error.message();
            EXPECT_THAT(error.hint(), ::testing::HasSubstr("sse")) << sse << size << error.message();
            EXPECT_FALSE(place.open()->stat({"a", ""}).has_value());
        }
    }
}

}  // namespace
}  // namespace icecore::store
