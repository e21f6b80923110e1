#include "cloud/sigv4.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace icecore::cloud {
namespace {

// Vectors of the Amazon S3 Glacier Developer Guide ("Signing requests") and the S3 API reference ("Signature
// calculations"), with the example keys of AWS's documentation.
constexpr std::string_view kGlacierSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SigningScope kGlacier{"us-east-1", "glacier"};
const SigningScope kS3{"us-east-1", "s3"};

TEST(Sigv4Test, CreateVaultOfTheGlacierGuide) {
    SignedRequest request{"PUT",
                          "/-/vaults/examplevault",
                          "",
                          {{"x-amz-glacier-version", "2012-06-01"},
                           {"Host", "glacier.us-east-1.amazonaws.com"},
                           {"x-amz-date", "20120525T002453Z"}},
                          sha256("").hex()};
    std::string canonical = canonical_request(request, "glacier");
    EXPECT_EQ(sha256(canonical).hex(), "5f1da1a2d0feb614dd03d71e87928b8e449ac87614479332aced3a701f916743");
    EXPECT_EQ(signature(canonical, "20120525T002453Z", kGlacier, kGlacierSecret),
              "3ce5b2f2fffac9262b4da9256f8d086b4aaf42eba5f111c21681a65a127b7c2a");
}

TEST(Sigv4Test, UploadArchiveOfTheGlacierGuide) {
    std::string hash = sha256("Welcome to Amazon Glacier.").hex();
    SignedRequest request{"POST",
                          "/-/vaults/examplevault/archives",
                          "",
                          {{"host", "glacier.us-east-1.amazonaws.com"},
                           {"x-amz-content-sha256", hash},
                           {"x-amz-date", "20120507T000000Z"},
                           {"x-amz-glacier-version", "2012-06-01"}},
                          hash};
    EXPECT_EQ(signature(canonical_request(request, "glacier"), "20120507T000000Z", kGlacier, kGlacierSecret),
              "b092397439375d59119072764a1e9a144677c43d9906fd98a5742c57a2855de6");
}

TEST(Sigv4Test, GetObjectOfTheS3Reference) {
    SignedRequest request{"GET",
                          "/test.txt",
                          "",
                          {{"Host", "examplebucket.s3.amazonaws.com"},
                           {"Range", "bytes=0-9"},
                           {"x-amz-content-sha256", sha256("").hex()},
                           {"x-amz-date", "20130524T000000Z"}},
                          sha256("").hex()};
    EXPECT_EQ(signature(canonical_request(request, "s3"), "20130524T000000Z", kS3, kGlacierSecret),
              "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Sigv4Test, ParametersWithAndWithoutValueOfTheS3Reference) {
    SignedRequest request{"GET",
                          "/",
                          "lifecycle",
                          {{"Host", "examplebucket.s3.amazonaws.com"},
                           {"x-amz-content-sha256", sha256("").hex()},
                           {"x-amz-date", "20130524T000000Z"}},
                          sha256("").hex()};
    EXPECT_EQ(signature(canonical_request(request, "s3"), "20130524T000000Z", kS3, kGlacierSecret),
              "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    request.query = "prefix=J&max-keys=2";
    EXPECT_EQ(signature(canonical_request(request, "s3"), "20130524T000000Z", kS3, kGlacierSecret),
              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Sigv4Test, PutObjectWithAPercentInItsPathOfTheS3Reference) {
    std::string hash = sha256("Welcome to Amazon S3.").hex();
    SignedRequest request{"PUT",
                          "/test%24file.text",
                          "",
                          {{"Host", "examplebucket.s3.amazonaws.com"},
                           {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                           {"x-amz-content-sha256", hash},
                           {"x-amz-date", "20130524T000000Z"},
                           {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                          hash};
    EXPECT_EQ(signature(canonical_request(request, "s3"), "20130524T000000Z", kS3, kGlacierSecret),
              "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(Sigv4Test, BlanksCollapseAndSameNamesAreJoined) {
    SignedRequest request{"GET", "/a b", "", {{"B", "  x   y "}, {"a", "1"}, {"A", "2"}}, "hash"};
    EXPECT_EQ(canonical_request(request, "s3"), "GET\n/a b\n\na:1,2\nb:x y\n\na;b\nhash");
    EXPECT_EQ(canonical_request(request, "glacier"), "GET\n/a%20b\n\na:1,2\nb:x y\n\na;b\nhash");
}

TEST(Sigv4Test, SignAddsWhatTheServiceNeeds) {
    HttpRequest request;
    request.method = "PUT";
    request.url = "https://glacier.us-east-1.amazonaws.com/-/vaults/examplevault";
    request.headers = {{"x-amz-glacier-version", "2012-06-01"}};
    Timestamp now = *parse_utc("20120525T002453Z");
    sign(request, sha256("").hex(), kGlacier, {"AKIAIOSFODNN7EXAMPLE", std::string(kGlacierSecret), "", {}},
         now);
    ASSERT_EQ(request.headers.size(), 3U);
    EXPECT_EQ(request.headers[1].value, "20120525T002453Z");
    EXPECT_EQ(request.headers[2].value,
              "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20120525/us-east-1/glacier/aws4_request, "
              "SignedHeaders=host;x-amz-date;x-amz-glacier-version, "
              "Signature=3ce5b2f2fffac9262b4da9256f8d086b4aaf42eba5f111c21681a65a127b7c2a");
}

TEST(Sigv4Test, ASessionTokenIsSent) {
    HttpRequest request;
    request.method = "GET";
    request.url = "http://127.0.0.1:9000/?list-type=2";
    sign(request, "hash", kS3, {"id", "secret", "token", {}}, {0, 0});
    ASSERT_EQ(request.headers.size(), 3U);
    EXPECT_EQ(request.headers[1].name, "x-amz-security-token");
    EXPECT_EQ(request.headers[1].value, "token");
    EXPECT_NE(request.headers[2].value.find("host;x-amz-date;x-amz-security-token"), std::string::npos);
}

}  // namespace
}  // namespace icecore::cloud
