#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/set_report.h"

namespace icecore::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::int64_t kDay = 86'400;

/// A set with runs, one a day, of 1,000 files of which some changed.
class UnusualTest : public ::testing::Test {
  protected:
    SetReport::Run& add_run(std::int64_t days_later = 1) {
        SetReport::Run run;
        run.header.run = static_cast<std::uint32_t>(report_.history.size() + 1);
        run.header.kind = report_.history.empty() ? archive::RunKind::full : archive::RunKind::incremental;
        run.header.started = {report_.now.sec + days_later * kDay, 0};
        run.trailer.finished = run.header.started;
        archive::RunCounts& counts = run.trailer.counts;
        counts.files = 1000;
        counts.changed = report_.history.empty() ? 0 : 10;
        counts.added = report_.history.empty() ? 1000 : 0;
        counts.read_bytes = 100 << 20;
        counts.stored_bytes = 40 << 20;
        report_.now = run.header.started;
        report_.history.push_back(run);
        return report_.history.back();
    }
    archive::RunCounts& add_counts() { return add_run().trailer.counts; }
    std::vector<std::string> texts() {
        std::vector<std::string> texts;
        for (const Unusual& one : find_unusual(report_)) texts.push_back((one.alarm ? "!" : "") + one.text);
        return texts;
    }
    UnusualTest() {
        report_.now = {1'795'000'000, 0};
        for (int i = 0; i < 5; ++i) add_run();
    }

    SetReport report_;
};

TEST_F(UnusualTest, EverydayIsNot) {
    EXPECT_THAT(texts(), IsEmpty());
    add_counts().added = 5000;  // somebody brought files
    EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(UnusualTest, HowLongAnAdoptedRunTookIsNotKnown) {
    report_.history.front().header.adopted.emplace();
    report_.history.front().trailer.finished.sec += 30 * kDay;
    EXPECT_THAT(report_text(report_), HasSubstr(" adopted\n"));
    EXPECT_THAT(report_text(report_), Not(HasSubstr("720 h")));
}

TEST_F(UnusualTest, WhatIsOffsiteIsToldWithItsCost) {
    report_.offsite = SetReport::Offsite{.target = "s3:ice/attic/home",
                                         .stored_files = 12,
                                         .stored_bytes = 5ULL << 30,
                                         .waiting_files = 0,
                                         .waiting_bytes = 0,
                                         .snapshot = report_.now,
                                         .monthly_cost = "about 1.02 USD a month"};
    EXPECT_THAT(report_text(report_), HasSubstr("costs about 1.02 USD a month"));
    EXPECT_THAT(report_mail_html(report_), HasSubstr("costs about 1.02 USD a month"));
    EXPECT_THAT(report_page(report_), HasSubstr("costs about 1.02 USD a month"));
    report_.offsite->monthly_cost.clear();
    EXPECT_THAT(report_text(report_), Not(HasSubstr("costs")));
}

TEST_F(UnusualTest, MostFilesChanged) {
    add_counts().changed = 499;
    EXPECT_THAT(texts(), IsEmpty());
    add_counts().changed = 500;
    EXPECT_THAT(texts(),
                ElementsAre(HasSubstr("!run 7: 50% of the files changed or were replaced (500 of 1,000)")));
}

TEST_F(UnusualTest, ReplacedUnderOtherNames) {
    archive::RunCounts& counts = add_counts();
    counts.added = 900;
    counts.deleted = 900;
    counts.stored_bytes = 99 << 20;
    EXPECT_THAT(texts(),
                ElementsAre(HasSubstr("91% of the files changed or were replaced"),
                            HasSubstr("!run 6: what was stored can no longer be compressed (99% of its size"),
                            HasSubstr("!run 6: 90% of the files were deleted (900 of 1,000)")));
}

TEST_F(UnusualTest, WhatWasNeverCompressibleIsNoAlarm) {
    for (SetReport::Run& run : report_.history) run.trailer.counts.stored_bytes = 100 << 20;
    add_counts().stored_bytes = 100 << 20;
    EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(UnusualTest, LittleSaysNothing) {
    archive::RunCounts& counts = add_counts();
    counts.read_bytes = 1000;
    counts.stored_bytes = 1000;
    EXPECT_THAT(texts(), IsEmpty());
    for (SetReport::Run& run : report_.history) run.trailer.counts.files = 10;
    add_counts().changed = 10;
    EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(UnusualTest, OnlyRunsThatAreToldOfCount) {
    add_counts().changed = 900;
    add_run();
    report_.first = report_.history.size() - 1;
    EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(UnusualTest, PartsOfATreeAreNotCompared) {
    SetReport::Run& run = add_run();
    run.header.interrupted = true;
    run.trailer.counts.deleted = 900;
    EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(UnusualTest, NoRunForLong) {
    add_run(9);
    EXPECT_THAT(texts(), ElementsAre(HasSubstr("no run before run 6 for 9 days (usually every 24 hours)")));
    report_.first = report_.history.size();
    EXPECT_THAT(texts(), IsEmpty());
    report_.now.sec += 5 * kDay;
    EXPECT_THAT(texts(), ElementsAre(HasSubstr("no run for 5 days")));
}

TEST_F(UnusualTest, NothingChangedForWeeks) {
    for (int i = 0; i < 20; ++i) add_counts().changed = 0;
    EXPECT_THAT(texts(), IsEmpty());
    add_counts().changed = 0;
    EXPECT_THAT(texts(), ElementsAre(HasSubstr("nothing has changed for 21 days")));
}

TEST_F(UnusualTest, TheSubjectTellsTheWorst) {
    report_.host = "nas1";
    report_.set = "home";
    EXPECT_EQ(subject_of(report_), "icecore nas1/home: 5 runs ok, 200 MiB added");
    add_counts().changed = 900;
    EXPECT_THAT(subject_of(report_), HasSubstr("UNUSUAL: run 6: 90% of the files changed"));
    report_.history.back().trailer.counts.errors = 3;
    EXPECT_THAT(subject_of(report_), HasSubstr("ERRORS: 3 files not read in 6 runs"));
    report_.failures.push_back({Failure::Kind::not_offsite, report_.now, 6, "no such bucket", ""});
    EXPECT_EQ(subject_of(report_), "icecore nas1/home: NOT OFFSITE: no such bucket");
    report_.failures.push_back(
        {Failure::Kind::no_run, report_.now, 0, "disk\nfull" + std::string(500, 'x'), ""});
    EXPECT_THAT(subject_of(report_), ::testing::StartsWith("icecore nas1/home: FAILED 2 times: disk"));
    EXPECT_LT(subject_of(report_).size(), 200U);
    EXPECT_EQ(subject_of(report_).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace icecore::report
