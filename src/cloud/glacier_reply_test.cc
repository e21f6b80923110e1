#include "cloud/glacier_reply.h"

#include <gtest/gtest.h>

namespace icecore::cloud {
namespace {

// Replies as the examples of the Amazon S3 Glacier Developer Guide have them, shortened.
constexpr std::string_view kArchiveJob = R"({
  "Action": "ArchiveRetrieval",
  "ArchiveId": "NkbByEejwEggmBz2fTHgJrg0XBoDfjP4q6iu87-EXAMPLEArchiveId",
  "ArchiveSHA256TreeHash": "beb0fe31a1c7ca8c6c04d574ea906e3f97b31fdca7571defb5b44dca89b5af60",
  "ArchiveSizeInBytes": 16777216, "Completed": false, "CompletionDate": null,
  "CreationDate": "2012-05-15T17:21:39.339Z", "InventorySizeInBytes": null,
  "JobDescription": "My ArchiveRetrieval Job", "JobId": "HkF9p6o7yjhFx-EXAMPLEJobId",
  "RetrievalByteRange": "1048576-4194303", "SHA256TreeHash": null, "SNSTopic": null,
  "StatusCode": "InProgress", "StatusMessage": "Operation in progress.", "Tier": "Bulk",
  "VaultARN": "arn:aws:glacier:us-west-2:012345678901:vaults/examplevault"})";

std::string with(std::string text, std::string_view what, std::string_view by) {
    std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

Error::Kind kind_of(std::string_view text) {
    try {
        parse_job(parse_json(text));
    } catch (const Error& e) {
        return e.kind();
    }
    ADD_FAILURE() << "taken: " << text;
    return Error::Kind::cancelled;
}

TEST(GlacierReplyTest, AnArchiveJobUnderWay) {
    GlacierJob job = parse_job(parse_json(kArchiveJob));
    EXPECT_EQ(job.kind, GlacierJob::Kind::archive);
    EXPECT_EQ(job.status, GlacierJob::Status::in_progress);
    EXPECT_EQ(job.id, "HkF9p6o7yjhFx-EXAMPLEJobId");
    EXPECT_EQ(job.tier, "Bulk");
    EXPECT_EQ(job.archive_bytes, 16777216U);
    EXPECT_EQ(job.range_offset, 1048576U);
    EXPECT_EQ(job.range_bytes, 3145728U);
    EXPECT_TRUE(job.range_tree_hash.empty());
    EXPECT_FALSE(job.completed);
    EXPECT_EQ(format_iso_utc(job.created), "2012-05-15T17:21:39.339000000Z");
}

TEST(GlacierReplyTest, AJobOfAWholeArchive) {
    GlacierJob job = parse_job(parse_json(with(std::string(kArchiveJob), "\"1048576-4194303\"", "null")));
    EXPECT_EQ(job.range_offset, 0U);
    EXPECT_EQ(job.range_bytes, 16777216U);
}

TEST(GlacierReplyTest, AnInventoryJobThatIsDone) {
    GlacierJob job = parse_job(parse_json(R"({"Action":"InventoryRetrieval","Completed":true,
      "CompletionDate":"2012-05-15T17:21:43.561Z","CreationDate":"2012-05-15T17:21:39.339Z",
      "InventorySizeInBytes":13406,"JobId":"id","StatusCode":"Succeeded",
      "InventoryRetrievalParameters":{"Format":"JSON","StartDate":null,"EndDate":null,"Limit":"10","Marker":"m"}})"));
    EXPECT_EQ(job.kind, GlacierJob::Kind::inventory);
    EXPECT_EQ(job.status, GlacierJob::Status::succeeded);
    EXPECT_EQ(job.inventory_bytes, 13406U);
    EXPECT_EQ(job.inventory_format, "JSON");
    EXPECT_EQ(job.inventory_marker, "m");
    EXPECT_FALSE(job.inventory_whole);
}

TEST(GlacierReplyTest, ReplyThatLies) {
    std::string good(kArchiveJob);
    for (const std::string& text :
         {std::string("[]"), std::string("{}"), with(good, "InProgress", "Sleeping"),
          with(good, "ArchiveRetrieval", "Select"), with(good, "16777216", "-1"),
          with(good, "16777216", "\"16\""), with(good, "1048576-4194303", "4194303-1048576"),
          with(good, "1048576-4194303", "0-18446744073709551615"), with(good, "1048576-4194303", "0-"),
          with(good, "2012-05-15T17:21:39.339Z", "yesterday"),
          with(good, "\"SHA256TreeHash\": null", "\"SHA256TreeHash\": \"beb0\"")})
        EXPECT_EQ(kind_of(text), Error::Kind::corrupt);
}

TEST(GlacierReplyTest, PartSizes) {
    constexpr std::uint64_t kMiB = GlacierClient::kMegabyte;
    constexpr std::uint64_t kGiB = 1024 * kMiB;
    EXPECT_EQ(GlacierClient::part_bytes_for(10 * kGiB, 1), 2 * kMiB);
    EXPECT_EQ(GlacierClient::part_bytes_for(1024 * kGiB, 1), 128 * kMiB);
    EXPECT_EQ(GlacierClient::part_bytes_for(10'000 * kMiB, 1), kMiB);
    EXPECT_EQ(GlacierClient::part_bytes_for(10'000 * kMiB + 1, 1), 2 * kMiB);
    EXPECT_EQ(GlacierClient::part_bytes_for(kGiB, 16 * kMiB), 16 * kMiB);
    EXPECT_EQ(GlacierClient::part_bytes_for(10'000 * 4 * kGiB, 1), 4 * kGiB);
    EXPECT_THROW(GlacierClient::part_bytes_for(10'000 * 4 * kGiB + 1, 1), Error);
}

TEST(GlacierReplyTest, VaultNames) {
    for (std::string_view name : {"a", "A-b_c.9"}) EXPECT_NO_THROW(GlacierClient::check_vault_name(name));
    for (const std::string& name :
         {std::string(), std::string("a/b"), std::string("a b"), std::string("é"), std::string(256, 'a')})
        EXPECT_THROW(GlacierClient::check_vault_name(name), Error) << name;
}

}  // namespace
}  // namespace icecore::cloud
