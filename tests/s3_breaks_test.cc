// Whatever breaks on the way of an object into a bucket, in the end it is there once, as it was, nothing is
// left over, and only what was interrupted went out twice.

#include <gmock/gmock.h>

#include "breaks.h"
#include "sim_s3.h"

namespace icecore::store {
namespace {

constexpr std::uint64_t kPart = 8 << 20;

class S3BreaksOfAllKinds : public ::testing::TestWithParam<unsigned> {};

TEST_P(S3BreaksOfAllKinds, EndInOneObject) {
    testing::SimBucket bucket;
    testing::Breaks breaks;
    breaks.kinds = {"drop-before", "drop-after", "error", "truncate", "forget-upload"};
    breaks.operations = {"CreateMultipartUpload",
                         "UploadPart",
                         "CompleteMultipartUpload",
                         "ListParts",
                         "ListMultipartUploads",
                         "HeadObject",
                         "PutObject"};
    breaks.open = [&] { return make_s3_target(bucket.options()); };
    breaks.sim = &bucket.sim;
    std::mt19937 random(GetParam());
    std::uint64_t size = GetParam() % 8 == 0 ? 100'000 : 2 * kPart + random() % (3 * kPart);
    PatternSource source(GetParam(), size);
    Upload upload = source.upload("object");
    unsigned interruptions = testing::put_through(breaks, GetParam(), source, upload);
    EXPECT_THAT(bucket.unfinished(), ::testing::IsEmpty());
    EXPECT_EQ(bucket.stored(), (std::map<std::string, std::uint64_t>{{"p/host/home/object", size}}));
    // Each break can cost the parts that were on their way, and one that forgets the upload all of it;
    // requests have texts of their own.
    EXPECT_LE(bucket.sim.bill().at("bytes_in"), size * (1 + interruptions * 2) + (64 << 10));
    make_s3_target(bucket.options())->verify({"object", ""}, size, upload.sha256, upload.tree_hash);
}

INSTANTIATE_TEST_SUITE_P(Seeds, S3BreaksOfAllKinds, ::testing::Range(1U, 25U));

}  // namespace
}  // namespace icecore::store
