#include "store/s3_parts.h"

#include <gtest/gtest.h>

#include "base/md5.h"
#include "base/text.h"
#include "store/part_sender.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

constexpr std::uint64_t kGiB = 1024 * kMiB;

TEST(S3Parts, GrowSoThatAnObjectFits) {
    for (unsigned parts_max : {1000U, 10'000U}) {
        std::uint64_t border = parts_max * 16 * kMiB;
        EXPECT_EQ(s3_part_bytes(1, 16 * kMiB, parts_max), 16 * kMiB);
        EXPECT_EQ(s3_part_bytes(border, 16 * kMiB, parts_max), 16 * kMiB);
        EXPECT_EQ(s3_part_bytes(border + 1, 16 * kMiB, parts_max), 32 * kMiB);
        EXPECT_EQ(s3_part_bytes(4 * border, 16 * kMiB, parts_max), 64 * kMiB);
        std::uint64_t largest = parts_max * 4 * kGiB;
        EXPECT_EQ(s3_part_bytes(largest, 16 * kMiB, parts_max), 4 * kGiB);
        Error error = thrown_by([&] { s3_part_bytes(largest + 1, 16 * kMiB, parts_max); });
        EXPECT_EQ(error.kind(), Error::Kind::unsupported);
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(S3Parts, AnUploadGoesOnOnlyWithPartsThatFit) {
    EXPECT_TRUE(s3_part_bytes_fit(16 * kMiB, 16'000 * kMiB, 1000));
    EXPECT_FALSE(s3_part_bytes_fit(16 * kMiB, 16'000 * kMiB + 1, 1000));
    EXPECT_TRUE(s3_part_bytes_fit(16 * kMiB, 16'000 * kMiB + 1, 10'000));
    EXPECT_FALSE(s3_part_bytes_fit(0, 1, 10'000));
    EXPECT_FALSE(s3_part_bytes_fit(3 * kMiB, kMiB, 10'000));
    EXPECT_FALSE(s3_part_bytes_fit(8 * kGiB, kMiB, 10'000));
}

TEST(S3Parts, ComeToWhatTheServiceSaysOfTheWhole) {
    std::string first = "first";
    std::string second = "second";
    std::vector<S3PartState> parts = {{to_hex(md5(first)), sha256(first), sha256("1"), ""},
                                      {"\"opaque\"", sha256(second), sha256("2"), md5(second)}};
    EXPECT_EQ(composite_of(parts).text(),
              (cloud::S3Checksum{
                   sha256(std::string(parts[0].sha256.view()) + std::string(parts[1].sha256.view())), 2})
                  .text());
    EXPECT_EQ(etag_of(parts), to_hex(md5(md5(first) + md5(second))) + "-2");
    EXPECT_EQ(tree_hash_of(parts), combine_tree_hashes({sha256("1"), sha256("2")}));
    parts[1].md5.clear();
    EXPECT_EQ(etag_of(parts), "");
    parts[1].sha256 = {};
    EXPECT_TRUE(composite_of(parts).sha256.empty());
}

TEST(S3Parts, NotesAreOfTheirObjectOnly) {
    MemoryResume resume;
    S3UploadNotes notes{"id", 16 * kMiB, true, {{S3UploadNotes::name_of(3, "etag"), sha256("x")}}};
    notes.save(resume, "key", sha256("a"));
    S3UploadNotes read = S3UploadNotes::load(resume, "key", sha256("a"));
    EXPECT_EQ(read.upload_id, "id");
    EXPECT_EQ(read.part_bytes, 16 * kMiB);
    EXPECT_TRUE(read.completing);
    EXPECT_EQ(read.tree_hashes, notes.tree_hashes);
    EXPECT_TRUE(S3UploadNotes::load(resume, "other", sha256("a")).upload_id.empty());
    EXPECT_TRUE(S3UploadNotes::load(resume, "key", sha256("b")).upload_id.empty());
    resume.state.resize(resume.state.size() / 2);
    EXPECT_TRUE(S3UploadNotes::load(resume, "key", sha256("a")).upload_id.empty());
}

}  // namespace
}  // namespace icecore::store
