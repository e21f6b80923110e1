#include <gtest/gtest.h>

#include "sim/glacier/api_test_util.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kM = 1 << 20;

class Multipart : public testing::Test {
  protected:
    Multipart() { EXPECT_EQ(api_.send("PUT", "/-/vaults/v").status, 201); }

    std::string uploads() { return api_.send("GET", "/-/vaults/v/multipart-uploads").body; }

    TestDir dir_;
    TestApi api_{dir_.path()};
    std::string data_ = test_data(2 * kM + 100);
};

TEST_F(Multipart, PartsInAnyOrderBecomeAnArchive) {
    std::string id = api_.initiate("v", kM);
    EXPECT_EQ(api_.put_part("v", id, 2 * kM, data_.substr(2 * kM)).status, 204);
    EXPECT_EQ(api_.put_part("v", id, 0, test_data(kM).replace(0, 1, "x")).status, 204);  // replaced below
    EXPECT_EQ(api_.complete("v", id, data_).error(),
              "400 InvalidParameterValueException");  // a part is missing
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).status, 204);
    api_.restart();
    TestReply part = api_.put_part("v", id, kM, data_.substr(kM, kM));
    EXPECT_EQ(part.header("x-amz-sha256-tree-hash"), tree_hash_of(data_.substr(kM, kM)));
    TestReply parts = api_.send("GET", "/-/vaults/v/multipart-uploads/" + id + "?limit=2");
    EXPECT_EQ(parts.json()["Parts"][1]["RangeInBytes"], "1048576-2097151");
    EXPECT_EQ(parts.json()["Marker"], "2097152");
    TestReply rest = api_.send("GET", "/-/vaults/v/multipart-uploads/" + id + "?limit=2&marker=2097152");
    EXPECT_EQ(rest.json()["Parts"][0]["RangeInBytes"], "2097152-2097251");
    EXPECT_TRUE(rest.json()["Marker"].is_null());
    TestReply done = api_.complete("v", id, data_);
    EXPECT_EQ(done.status, 201);
    EXPECT_EQ(done.header("x-amz-sha256-tree-hash"), tree_hash_of(data_));
    EXPECT_EQ(parse_json(uploads())["UploadsList"].size(), 0U);
    EXPECT_EQ(api_.send("GET", "/-/vaults/v/multipart-uploads/" + id).error(),
              "404 ResourceNotFoundException");
}

TEST_F(Multipart, CompleteMayBeRepeatedForAnHour) {
    std::string id = api_.initiate("v", 4 * kM);
    api_.put_part("v", id, 0, data_);
    std::string archive = api_.complete("v", id, data_).header("x-amz-archive-id");
    api_.restart();
    EXPECT_EQ(api_.complete("v", id, data_).header("x-amz-archive-id"), archive);
    EXPECT_EQ(api_.complete("v", id, "other").error(), "400 InvalidParameterValueException");
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v/multipart-uploads/" + id).error(),
              "404 ResourceNotFoundException");
    api_.advance_hours(1);
    EXPECT_EQ(api_.complete("v", id, data_).error(), "404 ResourceNotFoundException");
}

TEST_F(Multipart, AShortMiddlePartFailsAtComplete) {
    std::string id = api_.initiate("v", kM);
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM - 1)).status, 204);
    EXPECT_EQ(api_.put_part("v", id, kM, data_.substr(kM, kM)).status, 204);
    EXPECT_EQ(api_.complete("v", id, data_.substr(0, 2 * kM)).error(), "400 InvalidParameterValueException");
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).status, 204);
    EXPECT_EQ(api_.complete("v", id, data_.substr(0, 2 * kM)).status, 201);
}

TEST_F(Multipart, WrongPartsAreRefused) {
    std::string id = api_.initiate("v", kM);
    std::string piece = data_.substr(0, kM);
    EXPECT_EQ(api_.put_part("v", id, 5, piece).error(), "400 InvalidParameterValueException");
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM + 1)).error(),
              "400 InvalidParameterValueException");
    EXPECT_EQ(api_.put_part("v", id, 10'000 * kM, piece).error(), "400 InvalidParameterValueException");
    EXPECT_EQ(api_.put_part("v", id, 9'999 * kM, piece).status, 204);
    EXPECT_EQ(api_.put_part("v", "none", 0, piece).error(), "404 ResourceNotFoundException");
    auto put = [&](const std::string& hash, const std::string& tree, const std::string& range) {
        return api_
            .send(
                "PUT", "/-/vaults/v/multipart-uploads/" + id,
                {{"x-amz-content-sha256", hash}, {"x-amz-sha256-tree-hash", tree}, {"Content-Range", range}},
                piece)
            .error();
    };
    std::string good = sha256(piece).hex();
    std::string zeros(64, '0');
    EXPECT_EQ(put(good, zeros, "bytes 0-1048575/*"), "400 InvalidParameterValueException");
    EXPECT_EQ(put(good, good, "bytes 0-1048574/*"), "400 InvalidParameterValueException");
    EXPECT_EQ(put(good, good, "bytes 0-1048575/1048576"), "400 InvalidParameterValueException");
    EXPECT_EQ(put(zeros, good, "bytes 0-1048575/*"), "403 InvalidSignatureException");  // signed with another
    EXPECT_EQ(put(good, good, "bytes 0-1048575/*"), "none");
}

TEST_F(Multipart, PartSizeAndDescriptionAreChecked) {
    auto begin = [&](std::vector<HttpHeader> headers) {
        return api_.send("POST", "/-/vaults/v/multipart-uploads", std::move(headers)).error();
    };
    EXPECT_EQ(begin({}), "400 MissingParameterValueException");
    EXPECT_EQ(begin({{"x-amz-part-size", "1048577"}}), "400 InvalidParameterValueException");
    EXPECT_EQ(begin({{"x-amz-part-size", "1048576"}, {"x-amz-archive-description", "\xff"}}),
              "400 InvalidParameterValueException");
    EXPECT_EQ(begin({{"x-amz-part-size", "1048576"}, {"x-amz-archive-description", std::string(1025, 'x')}}),
              "400 InvalidParameterValueException");
    EXPECT_EQ(begin({{"x-amz-part-size", "1048576"}, {"x-amz-archive-description", std::string(1024, 'x')}}),
              "none");
}

TEST_F(Multipart, AnUploadLapsesADayAfterItsLastPart) {
    std::string id = api_.initiate("v", kM);
    api_.advance_hours(23);
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).status, 204);
    api_.restart();
    api_.advance_hours(23);
    EXPECT_EQ(parse_json(uploads())["UploadsList"].size(), 1U);
    api_.advance_hours(1);
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).error(), "404 ResourceNotFoundException");
    EXPECT_EQ(parse_json(uploads())["UploadsList"].size(), 0U);
}

TEST_F(Multipart, AbortMayBeRepeated) {
    std::string id = api_.initiate("v", kM);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(api_.send("DELETE", "/-/vaults/v/multipart-uploads/" + id).status, 204);
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).error(), "404 ResourceNotFoundException");
}

TEST_F(Multipart, AnUploadIsForgottenOnOrder) {
    std::string id = api_.initiate("v", kM);
    api_.faults().add(R"({"kind":"forget-upload","operation":"UploadMultipartPart"})");
    EXPECT_EQ(api_.put_part("v", id, 0, data_.substr(0, kM)).error(), "404 ResourceNotFoundException");
}

}  // namespace
}  // namespace icecore::sim::glacier
