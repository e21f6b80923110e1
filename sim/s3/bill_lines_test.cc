#include "sim/bill_lines.h"

#include <gtest/gtest.h>

#include "base/test_dir.h"
#include "sim/bill.h"

namespace icecore::sim {
namespace {

using s3::StorageClass;

constexpr std::uint64_t kGb = 1ULL << 30;
constexpr std::uint64_t kKib = 1024;
constexpr double kNameGb = 8.0 / kKib / kKib;    // 8 KiB
constexpr double kIndexGb = 32.0 / kKib / kKib;  // 32 KiB
constexpr Timestamp kBegin{1'795'305'600, 0};

S3Interval stored(StorageClass of, std::uint64_t size_bytes, std::int64_t days, bool gone = false) {
    return {S3Interval::What::object, of, size_bytes, kBegin, {kBegin.sec + days * 86400, 0}, gone, false};
}

/// Dollars of the line `what`; none is 0.
double usd(const std::vector<BillLine>& lines, std::string_view what) {
    for (const BillLine& line : lines)
        if (line.what == what) return line.usd;
    return 0;
}

double usd(const std::vector<S3Interval>& objects, std::string_view what) {
    return usd(s3_lines(Prices::built_in(), {}, objects), what);
}

TEST(S3BillLines, NothingHasNoLines) {
    EXPECT_TRUE(s3_lines(Prices::built_in(), {}, {}).empty());
    EXPECT_TRUE(s3_lines(Prices::built_in(), {}, {stored(StorageClass::standard, kGb, 0)}).empty());
}

TEST(S3BillLines, StorageByClass) {
    std::vector<S3Interval> all;
    for (StorageClass of : s3::kStorageClasses) all.push_back(stored(of, 100 * kGb, 30));
    EXPECT_NEAR(usd(all, "S3 storage, STANDARD"), 2.3, 1e-9);
    EXPECT_NEAR(usd(all, "S3 storage, STANDARD_IA"), 1.25, 1e-9);
    EXPECT_NEAR(usd(all, "S3 storage, INTELLIGENT_TIERING"), 2.3, 1e-9);
    EXPECT_NEAR(usd(all, "S3 watching, INTELLIGENT_TIERING"), 0.0000025, 1e-12);
    EXPECT_NEAR(usd(all, "S3 storage, GLACIER_IR"), 0.4, 1e-9);
    EXPECT_NEAR(usd(all, "S3 storage, GLACIER"), (100 + kIndexGb) * 0.0036, 1e-9);
    EXPECT_NEAR(usd(all, "S3 storage of names, GLACIER"), kNameGb * 0.023, 1e-12);
    EXPECT_NEAR(usd(all, "S3 storage, DEEP_ARCHIVE"), (100 + kIndexGb) * 0.00099, 1e-9);
    EXPECT_NEAR(usd(all, "S3 storage of names, DEEP_ARCHIVE"), kNameGb * 0.023, 1e-12);
    EXPECT_EQ(usd(all, "S3 storage of names, GLACIER_IR"), 0);
}

TEST(S3BillLines, SmallObjectsAreChargedLike128KibInTheTwoWarmClasses) {
    std::vector<S3Interval> small;
    for (StorageClass of : s3::kStorageClasses) small.push_back(stored(of, kKib, 30));
    double least = 128.0 / kKib / kKib;
    double real = 1.0 / kKib / kKib;
    EXPECT_NEAR(usd(small, "S3 storage, STANDARD_IA"), least * 0.0125, 1e-15);
    EXPECT_NEAR(usd(small, "S3 storage, GLACIER_IR"), least * 0.004, 1e-15);
    EXPECT_NEAR(usd(small, "S3 storage, STANDARD"), real * 0.023, 1e-15);
    EXPECT_NEAR(usd(small, "S3 storage, DEEP_ARCHIVE"), (real + kIndexGb) * 0.00099, 1e-15);
    EXPECT_EQ(usd(small, "S3 watching, INTELLIGENT_TIERING"), 0);
}

TEST(S3BillLines, WhatLeavesEarlyIsChargedForTheMinimum) {
    auto early = [](StorageClass of, std::int64_t days) {
        return usd({stored(of, kGb, days, true)},
                   "S3 early deletion, " + std::string(s3::storage_class_name(of)));
    };
    EXPECT_NEAR(early(StorageClass::standard_ia, 15), 0.5 * 0.0125, 1e-12);
    EXPECT_EQ(early(StorageClass::standard_ia, 30), 0);
    EXPECT_NEAR(early(StorageClass::glacier_ir, 30), 2 * 0.004, 1e-12);
    EXPECT_NEAR(early(StorageClass::glacier, 30), 2 * ((1 + kIndexGb) * 0.0036 + kNameGb * 0.023), 1e-12);
    EXPECT_NEAR(early(StorageClass::deep_archive, 0), 6 * ((1 + kIndexGb) * 0.00099 + kNameGb * 0.023),
                1e-12);
    EXPECT_EQ(early(StorageClass::deep_archive, 180), 0);
    EXPECT_EQ(early(StorageClass::standard, 1), 0);
    EXPECT_EQ(early(StorageClass::intelligent_tiering, 1), 0);
}

TEST(S3BillLines, PartsOfArchivesWaitInStandard) {
    auto parts = [](StorageClass of) {
        return S3Interval{S3Interval::What::parts, of, 10 * kGb, kBegin, {kBegin.sec + 3 * 86400, 0}, true};
    };
    EXPECT_NEAR(usd({parts(StorageClass::deep_archive), parts(StorageClass::glacier)},
                    "S3 storage of parts, STANDARD"),
                2 * 0.023, 1e-12);
    EXPECT_NEAR(usd({parts(StorageClass::standard_ia)}, "S3 storage of parts, STANDARD_IA"), 0.0125, 1e-12);
    EXPECT_EQ(usd({parts(StorageClass::deep_archive)}, "S3 early deletion, DEEP_ARCHIVE"), 0);
}

TEST(S3BillLines, RestoredCopiesAreInStandardOnTop) {
    S3Interval copy{
        S3Interval::What::copy, StorageClass::deep_archive, 10 * kGb, kBegin, {kBegin.sec + 6 * 86400, 0}};
    EXPECT_NEAR(usd({copy}, "S3 storage of restored copies"), 2 * 0.023, 1e-12);
    EXPECT_EQ(s3_lines(Prices::built_in(), {}, {copy}).size(), 1);
}

TEST(S3BillLines, TransitionsAreChargedByTheClassTheyLeadTo) {
    S3Interval moved = stored(StorageClass::glacier, kGb, 1);
    moved.moved = true;
    EXPECT_NEAR(usd(std::vector<S3Interval>(500, moved), "S3 transitions, GLACIER"), 0.015, 1e-12);
}

class S3BillTest : public ::testing::Test {
  protected:
    double usd(const std::string& what) const {
        Json json = parse_json(bill_.json({}));
        for (const Json& line : json["lines"])
            if (line["what"] == what) return line["usd"].get<double>();
        return 0;
    }

    TestDir dir_;
    Bill bill_{Prices::built_in(), dir_.path("bill.jsonl")};
};

TEST_F(S3BillTest, RequestsByRateAndClass) {
    for (int i = 0; i < 500; ++i) {
        bill_.add_s3_request("UploadPart", Bill::S3Rate::put, StorageClass::standard);
        bill_.add_s3_request("CompleteMultipartUpload", Bill::S3Rate::put, StorageClass::deep_archive);
        bill_.add_s3_request("GetObject", Bill::S3Rate::get, StorageClass::glacier_ir);
        bill_.add_s3_request("DeleteObject", Bill::S3Rate::free, StorageClass::standard);
    }
    EXPECT_NEAR(usd("S3 put requests, STANDARD"), 0.0025, 1e-12);
    EXPECT_NEAR(usd("S3 put requests, DEEP_ARCHIVE"), 0.025, 1e-12);
    EXPECT_NEAR(usd("S3 get requests, GLACIER_IR"), 0.005, 1e-12);
    Json json = parse_json(bill_.json({}));
    EXPECT_EQ(json["s3_requests"], Json({{"UploadPart", 500},
                                         {"CompleteMultipartUpload", 500},
                                         {"GetObject", 500},
                                         {"DeleteObject", 500}}));
    EXPECT_NEAR(json["usd"].get<double>(), 0.0325, 1e-12);
    EXPECT_EQ(usd("upload requests"), 0) << "those are of vaults";
}

TEST_F(S3BillTest, RestoresAndRetrievals) {
    bill_.add_s3_restore(StorageClass::glacier, "Bulk", 100 * kGb);
    bill_.add_s3_restore(StorageClass::glacier, "Standard", 2 * kGb);
    bill_.add_s3_restore(StorageClass::glacier, "Expedited", kGb);
    bill_.add_s3_restore(StorageClass::deep_archive, "Bulk", 4 * kGb);
    bill_.add_s3_restore(StorageClass::deep_archive, "Standard", kGb);
    bill_.add_s3_restore(StorageClass::deep_archive, "Standard", 0);
    bill_.add_s3_retrieval(StorageClass::glacier_ir, kGb);
    bill_.add_s3_retrieval(StorageClass::standard_ia, kGb);
    EXPECT_EQ(usd("S3 restores, GLACIER Bulk"), 0);
    EXPECT_NEAR(usd("S3 restores, GLACIER Standard"), 0.02, 1e-12);
    EXPECT_NEAR(usd("S3 restores, GLACIER Expedited"), 0.03, 1e-12);
    EXPECT_NEAR(usd("S3 restore requests, GLACIER Expedited"), 0.01, 1e-12);
    EXPECT_NEAR(usd("S3 restores, DEEP_ARCHIVE Bulk"), 0.01, 1e-12);
    EXPECT_NEAR(usd("S3 restores, DEEP_ARCHIVE Standard"), 0.02, 1e-12);
    EXPECT_NEAR(usd("S3 restore requests, DEEP_ARCHIVE Standard"), 0.0002, 1e-12);
    EXPECT_NEAR(usd("S3 retrieval, GLACIER_IR"), 0.03, 1e-12);
    EXPECT_NEAR(usd("S3 retrieval, STANDARD_IA"), 0.01, 1e-12);
    Bill again(Prices::built_in(), dir_.path("bill.jsonl"));
    EXPECT_EQ(again.json({}), bill_.json({}));
}

}  // namespace
}  // namespace icecore::sim
