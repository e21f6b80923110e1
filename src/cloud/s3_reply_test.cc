#include "cloud/s3_reply.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/format.h"

namespace icecore::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = Error::Kind;

template <typename Parse>
Error error_of_parsing(Parse parse, std::string_view xml) {
    try {
        parse(xml);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no Error for " << xml;
    return {Kind::io, "none"};
}

// As the API Reference has it, with what encoding-type=url makes of keys, and a restore of each kind.
constexpr std::string_view kObjects = R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>p/</Prefix>
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J==</NextContinuationToken><KeyCount>3</KeyCount>
<EncodingType>url</EncodingType><MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated>
<Contents><Key>p/a+b%2B%C3%A9%26.tar</Key><LastModified>2009-10-12T17:50:30.123Z</LastModified>
<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size><StorageClass>DEEP_ARCHIVE</StorageClass>
<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2012-12-21T00:00:00.000Z</RestoreExpiryDate>
</RestoreStatus></Contents>
<Contents><Key>p/b</Key><LastModified>2009-10-12T17:50:30Z</LastModified><ETag>"x-2"</ETag><Size>0</Size>
<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus></Contents>
<Contents><Key>p/c</Key><LastModified>2009-10-12T17:50:30Z</LastModified><ETag>"y"</ETag><Size>18446744073709551615</Size></Contents>
</ListBucketResult>)";

TEST(S3Reply, Objects) {
    S3ObjectsPage page = parse_objects(kObjects);
    ASSERT_EQ(page.objects.size(), 3U);
    EXPECT_EQ(page.objects[0].key, "p/a b+\xc3\xa9&.tar");
    EXPECT_EQ(page.objects[0].etag, "fba9dede5f27731c9771645a39863328");
    EXPECT_EQ(page.objects[0].size_bytes, 434234U);
    EXPECT_EQ(page.objects[0].storage_class, "DEEP_ARCHIVE");
    EXPECT_FALSE(page.objects[0].restore.value().in_progress);
    EXPECT_EQ(page.objects[0].restore.value().until, parse_utc("2012-12-21T00:00:00Z"));
    EXPECT_TRUE(page.objects[1].restore.value().in_progress);
    EXPECT_EQ(page.objects[2].storage_class, "STANDARD");
    EXPECT_FALSE(page.objects[2].restore.has_value());
    EXPECT_THAT(page.next, ElementsAre(Pair("continuation-token", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J==")));
}

TEST(S3Reply, Versions) {
    S3ObjectsPage page = parse_versions(R"(<ListVersionsResult><IsTruncated>true</IsTruncated>
<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v0</NextVersionIdMarker>
<DeleteMarker><Key>k</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest><LastModified>2009-11-12T17:50:30.000Z</LastModified></DeleteMarker>
<Version><Key>k</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><LastModified>2009-10-12T17:50:30.000Z</LastModified>
<ETag>"e"</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Version>
<Version><Key>old</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><LastModified>2009-10-12T17:50:30.000Z</LastModified>
<ETag>"e"</ETag><Size>3</Size></Version></ListVersionsResult>)");
    ASSERT_EQ(page.objects.size(), 3U);
    EXPECT_TRUE(page.objects[0].delete_marker);
    EXPECT_TRUE(page.objects[0].latest);
    EXPECT_EQ(page.objects[1].version_id, "v1");
    EXPECT_FALSE(page.objects[1].latest);
    EXPECT_EQ(page.objects[2].version_id, "");
    EXPECT_THAT(page.next, ElementsAre(Pair("key-marker", "k"), Pair("version-id-marker", "v0")));
}

TEST(S3Reply, PartsAndUploads) {
    S3PartsPage parts = parse_parts(R"(<ListPartsResult><IsTruncated>true</IsTruncated>
<NextPartNumberMarker>2</NextPartNumberMarker><Part><PartNumber>2</PartNumber><ETag>"abc"</ETag><Size>10485760</Size>
<ChecksumSHA256>ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=</ChecksumSHA256></Part></ListPartsResult>)");
    ASSERT_EQ(parts.parts.size(), 1U);
    EXPECT_EQ(parts.parts[0].number, 2U);
    EXPECT_EQ(parts.parts[0].sha256, sha256("abc"));
    EXPECT_THAT(parts.next, ElementsAre(Pair("part-number-marker", "2")));
    S3UploadsPage uploads = parse_uploads(R"(<ListMultipartUploadsResult><EncodingType>url</EncodingType>
<IsTruncated>false</IsTruncated><Upload><Key>a%2Fb</Key><UploadId>id</UploadId><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>
</ListMultipartUploadsResult>)");
    ASSERT_EQ(uploads.uploads.size(), 1U);
    EXPECT_EQ(uploads.uploads[0].key, "a/b");
    EXPECT_TRUE(uploads.next.empty());
}

TEST(S3Reply, ACompletionThatKeptTheConnectionAliveWithBlanks) {
    S3Stored stored = parse_completed(
        "\n  \n <?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult>"
        "<ETag>&quot;x-3&quot;</ETag><ChecksumSHA256>"
        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3</ChecksumSHA256>"
        "</CompleteMultipartUploadResult>");
    EXPECT_EQ(stored.etag, "x-3");
    EXPECT_EQ(stored.checksum, (S3Checksum{sha256("abc"), 3}));
    EXPECT_EQ(stored.checksum.text(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3");
    stored = parse_completed(
        "<CompleteMultipartUploadResponse><ETag>\"y-2\"</ETag></CompleteMultipartUploadResponse>");
    EXPECT_EQ(stored.etag, "y-2") << "as moto has it";
}

TEST(S3Reply, ChecksumsThatAreNone) {
    for (std::string_view text :
         {"", "-", "-3", "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
          "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-0",
          "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3x",
          "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-99999999999"})
        EXPECT_EQ(S3Checksum::parse(text), std::nullopt) << text;
}

TEST(S3Reply, RestoreHeaders) {
    EXPECT_TRUE(parse_restore_header("ongoing-request=\"true\"").in_progress);
    S3Restore done =
        parse_restore_header("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"");
    EXPECT_FALSE(done.in_progress);
    EXPECT_EQ(done.until, parse_utc("2012-12-21T00:00:00Z"));
    EXPECT_EQ(
        error_of_parsing(parse_restore_header, "ongoing-request=\"false\", expiry-date=\"soon\"").kind(),
        Kind::corrupt);
}

TEST(S3Reply, Lifecycle) {
    constexpr std::string_view kRules =
        R"(<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>3650</Days></Expiration></Rule>
<Rule><ID>move</ID><Filter><And><Prefix>p/</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter>
<Status>Disabled</Status><Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>
<Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>
<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>
<Rule><ID>markers</ID><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>
</LifecycleConfiguration>)";
    std::vector<S3LifecycleRule> rules = parse_lifecycle(kRules);
    ASSERT_EQ(rules.size(), 3U);
    EXPECT_TRUE(rules[0].enabled && rules[0].expires && rules[0].prefix == "logs/");
    EXPECT_TRUE(!rules[1].enabled && !rules[1].tagged && rules[1].prefix == "p/");
    EXPECT_THAT(rules[1].moves_to, ::testing::ElementsAre("STANDARD_IA", "GLACIER"));
    EXPECT_EQ(rules[1].larger_than_bytes, 1U);
    EXPECT_EQ(rules[1].smaller_than_bytes, std::nullopt);
    EXPECT_EQ(rules[1].noncurrent_days, 3U);
    EXPECT_EQ(rules[0].noncurrent_days, std::nullopt);
    EXPECT_TRUE(rules[2].enabled && !rules[2].expires && rules[2].prefix.empty());

    std::string with = with_abort_rule(kRules, "ours", "p<&>/", 7);
    with = with_abort_rule(with, "ours", "p<&>/", 9);  // replaces it
    std::vector<S3LifecycleRule> more = parse_lifecycle(with);
    ASSERT_EQ(more.size(), 4U);
    EXPECT_EQ(more[3].prefix, "p<&>/");
    EXPECT_EQ(more[3].abort_days, 9U);
    EXPECT_THAT(with, HasSubstr("<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"));
    EXPECT_EQ(parse_lifecycle(with_abort_rule("", "ours", "", 7)).size(), 1U);
}

TEST(S3Reply, Locations) {
    EXPECT_EQ(parse_location("<LocationConstraint xmlns=\"x\"/>"), "us-east-1");
    EXPECT_EQ(parse_location("<LocationConstraint>EU</LocationConstraint>"), "eu-west-1");
    EXPECT_EQ(parse_location("<LocationConstraint>eu-south-2</LocationConstraint>"), "eu-south-2");
}

TEST(S3Reply, EveryTruncationIsCorrupt) {
    for (std::size_t length = 0; length < kObjects.size() - 1; ++length)
        EXPECT_EQ(error_of_parsing(parse_objects, kObjects.substr(0, length)).kind(), Kind::corrupt)
            << length;
}

TEST(S3Reply, HostileXml) {
    std::string deep;
    for (int i = 0; i < 50'000; ++i) deep += "<a>";
    std::string many = "<ListBucketResult>";
    for (int i = 0; i < 100'001; ++i) many += "<a/>";
    many += "</ListBucketResult>";
    std::string nested = "<ListBucketResult>" + deep.substr(0, 60);
    for (int i = 0; i < 20; ++i) nested += "</a>";
    nested += "</ListBucketResult>";
    const std::string texts[] = {
        "",
        "<html><body>Sign in</body></html>",
        "{\"code\":\"json\"}",
        std::string("\0\0\0", 3),
        deep,
        many,
        nested,
        R"(<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><ListBucketResult>&b;</ListBucketResult>)",
        R"(<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><ListBucketResult/>)",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><LastModified>2009-10-12T17:50:30Z</LastModified><Size>1</Size></"
        "Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><LastModified>yesterday</LastModified><Size>1</Size></"
        "Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><LastModified>2009-10-12T17:50:30Z</LastModified><Size>-1</"
        "Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><LastModified>2009-10-12T17:50:30Z</"
        "LastModified><Size>18446744073709551616</Size></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%2</"
        "Key><LastModified>2009-10-12T17:50:30Z</LastModified><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</"
        "Key><LastModified>2009-10-12T17:50:30Z</LastModified><Size>1</Size></Contents></ListBucketResult>",
    };
    for (const std::string& text : texts)
        EXPECT_EQ(error_of_parsing(parse_objects, text).kind(), Kind::corrupt) << text.substr(0, 200);
    EXPECT_EQ(
        error_of_parsing(parse_parts,
                         "<ListPartsResult><Part><PartNumber>10001</PartNumber><ETag>e</ETag><Size>1</Size>"
                         "</Part></ListPartsResult>")
            .kind(),
        Kind::corrupt);
    EXPECT_TRUE(parse_s3_error("<html/>").error.code.empty());
}

TEST(S3Reply, NothingIsExpanded) {
    // Character references and the five names of XML itself are all there is.
    EXPECT_EQ(parse_s3_error("<Error><Code>a&amp;&#98;&c;</Code></Error>").error.code, "a&b&c;");
}

}  // namespace
}  // namespace icecore::cloud
