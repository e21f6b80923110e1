#include "sim/bill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/test_dir.h"

namespace icecore::sim {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kGb = 1ULL << 30;
constexpr std::uint64_t kOverheadBytes = 32768;
constexpr std::int64_t kDaySec = 86400;

/// Dollars of the line `what`; fails if there is none.
double usd(const Bill& bill, std::string_view what, const std::vector<StoredInterval>& archives = {}) {
    Json json = parse_json(bill.json({archives, {}}));
    for (const Json& line : json["lines"])
        if (line["what"] == what) return line["usd"].get<double>();
    ADD_FAILURE() << "no line " << what << " in " << bill.json({archives, {}});
    return -1;
}

class BillTest : public ::testing::Test {
  protected:
    Bill make() const { return {cost::Prices::built_in(), path_}; }
    std::string content() const { return read_file(path_); }

    TestDir dir_;
    std::string path_ = dir_.path("bill.jsonl");
    Timestamp begin_{1'795'305'600, 0};  // 2026-11-22T00:00:00Z
};

TEST_F(BillTest, NothingCostsNothing) {
    Bill bill = make();
    Json json = parse_json(bill.json({}));
    EXPECT_EQ(json["usd"], 0.0);
    EXPECT_EQ(json["prices"]["date"], "2026-09-26");
    EXPECT_EQ(json["requests"], Json::object());
}

TEST_F(BillTest, UploadRequestsAreTheOnesThatStore) {
    Bill bill = make();
    for (const char* operation : {"UploadArchive", "InitiateMultipartUpload", "UploadMultipartPart",
                                  "CompleteMultipartUpload", "ListParts", "DescribeVault", "DeleteArchive"})
        for (int i = 0; i < 250; ++i) bill.add_request(operation);
    EXPECT_NEAR(usd(bill, "upload requests"), 0.03, 1e-12);  // 4 × 250 at 0.03 a thousand
    EXPECT_EQ(parse_json(bill.json({}))["requests"]["ListParts"], 250);
}

TEST_F(BillTest, StorageByTheMonthWithOverhead) {
    Bill bill = make();
    // 10 GB less what is added to it, for 15 days = half a month: 5 GB-months at 0.0036.
    StoredInterval archive{10 * kGb - kOverheadBytes, begin_, {begin_.sec + 15 * kDaySec, 0}, false};
    EXPECT_NEAR(usd(bill, "storage", {archive}), 0.018, 1e-12);
    // 8 KiB × 131072 = 1 GB of names for a month at 0.023; 32 KiB × 131072 = 4 GB at 0.0036.
    std::vector<StoredInterval> many(131072, {0, begin_, {begin_.sec + 30 * kDaySec, 0}, false});
    EXPECT_NEAR(usd(bill, "storage of names", many), 0.023, 1e-9);
    EXPECT_NEAR(usd(bill, "storage", many), 0.0144, 1e-9);
    EXPECT_EQ(usd(bill, "early deletion", many), 0);
}

TEST_F(BillTest, EarlyDeletionIsTheRestOf90Days) {
    Bill bill = make();
    auto deleted_after = [&](std::int64_t days) {
        return StoredInterval{kGb - kOverheadBytes, begin_, {begin_.sec + days * kDaySec, 0}, true};
    };
    // 60 days are 2 months: 2 × (1 GB × 0.0036 + 8 KiB × 0.023).
    EXPECT_NEAR(usd(bill, "early deletion", {deleted_after(30)}), 2 * (0.0036 + 0.023 / 131072), 1e-12);
    EXPECT_EQ(usd(bill, "early deletion", {deleted_after(90)}), 0);
    EXPECT_EQ(usd(bill, "early deletion", {deleted_after(91)}), 0);
    // However early: storage and early deletion are 3 months together.
    for (std::int64_t days : {0, 1, 89})
        EXPECT_NEAR(usd(bill, "storage", {deleted_after(days)}) +
                        usd(bill, "storage of names", {deleted_after(days)}) +
                        usd(bill, "early deletion", {deleted_after(days)}),
                    3 * (0.0036 + 0.023 / 131072), 1e-12);
}

TEST_F(BillTest, RetrievalsByTier) {
    Bill bill = make();
    bill.add_retrieval("Bulk", 4 * kGb);
    bill.add_retrieval("Bulk", 4 * kGb);
    bill.add_retrieval("Standard", 3 * kGb);
    bill.add_retrieval("Expedited", kGb / 2);
    EXPECT_NEAR(usd(bill, "retrieval, Bulk"), 0.02, 1e-12);
    EXPECT_NEAR(usd(bill, "retrieval requests, Bulk"), 0.00005, 1e-12);
    EXPECT_NEAR(usd(bill, "retrieval, Standard"), 0.03, 1e-12);
    EXPECT_NEAR(usd(bill, "retrieval requests, Standard"), 0.00005, 1e-12);
    EXPECT_NEAR(usd(bill, "retrieval, Expedited"), 0.015, 1e-12);
    EXPECT_NEAR(usd(bill, "retrieval requests, Expedited"), 0.01, 1e-12);
}

TEST_F(BillTest, EgressBeyondTheFreeAllowanceOfEachMonth) {
    Bill bill = make();
    bill.add_egress(begin_, 60 * kGb);
    bill.add_egress(begin_, 40 * kGb);
    EXPECT_EQ(usd(bill, "transfer out"), 0);
    bill.add_egress({begin_.sec + 30 * kDaySec, 0}, 100 * kGb);  // December
    EXPECT_EQ(usd(bill, "transfer out"), 0);
    bill.add_egress(begin_, kGb);
    EXPECT_NEAR(usd(bill, "transfer out"), 0.09, 1e-12);
    EXPECT_EQ(parse_json(bill.json({}))["egress_bytes"],
              Json({{"2026-11", 101 * kGb}, {"2026-12", 100 * kGb}}));
}

TEST_F(BillTest, TheTotalIsTheSumOfTheLines) {
    Bill bill = make();
    bill.add_retrieval("Standard", kGb);
    for (int i = 0; i < 1000; ++i) bill.add_request("UploadArchive");
    std::vector<StoredInterval> archives = {
        {kGb - kOverheadBytes, begin_, {begin_.sec + 30 * kDaySec, 0}, false}};
    double expected = 0.01 + 0.00005 + 0.03 + 0.0036 + 0.023 / 131072;
    EXPECT_NEAR(parse_json(bill.json({archives, {}}))["usd"].get<double>(), expected, 1e-12);
    EXPECT_THAT(bill.text({archives, {}}), HasSubstr("0.043650 USD\n"));
}

TEST_F(BillTest, SurvivesAKillAtEachByte) {
    std::string before;
    {
        Bill bill = make();
        bill.add_request("UploadArchive");
        bill.add_bytes_in(5);
        before = content();
        bill.add_retrieval("Bulk", 7);
    }
    std::string after = content();
    ASSERT_TRUE(after.starts_with(before));
    for (std::size_t size = before.size(); size <= after.size(); ++size) {
        std::ofstream(path_) << after.substr(0, size);
        Bill bill = make();
        Json json = parse_json(bill.json({}));
        EXPECT_EQ(json["requests"]["UploadArchive"], 1);
        EXPECT_EQ(json["bytes_in"], 5);
        EXPECT_EQ(json["retrieval_jobs"].value("Bulk", 0), size == after.size() ? 1 : 0);
        bill.add_request("UploadArchive");
        EXPECT_EQ(parse_json(make().json({}))["requests"]["UploadArchive"], 2);
    }
}

TEST_F(BillTest, TheJournalStaysShort) {
    Bill bill = make();
    for (std::size_t i = 0; i < Bill::kLinesMax + 10; ++i) bill.add_request("UploadArchive");
    EXPECT_LT(content().size(), 1000);
    EXPECT_EQ(parse_json(make().json({}))["requests"]["UploadArchive"], Bill::kLinesMax + 10);
}

TEST_F(BillTest, SaysWhichFileIsNotItsOwn) {
    for (const char* text :
         {"nonsense\n", "[1]\n", "{\"requests\":3}\n", "{\"requests\":{\"x\":-1}}\n", "{\"x\":1}\n"}) {
        std::ofstream(path_) << text;
        try {
            make();
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_THAT(error.message(), HasSubstr("bill.jsonl"));
        }
    }
}

}  // namespace
}  // namespace icecore::sim
