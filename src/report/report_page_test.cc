#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "report/set_report.h"

namespace icecore::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReportPageTest : public ::testing::Test {
  protected:
    ReportPageTest() {
        if (const char* zone = getenv("TZ")) zone_ = zone;
    }
    ~ReportPageTest() override { set_zone(zone_); }

    static void set_zone(const std::string& zone) {
        zone.empty() ? unsetenv("TZ") : setenv("TZ", zone.c_str(), 1);
        tzset();
    }

    void add_run(std::int64_t started_sec) {
        SetReport::Run run;
        run.header.run = static_cast<std::uint32_t>(report_.history.size() + 1);
        run.header.started = run.trailer.finished = {started_sec, 0};
        run.trailer.counts.changed = 7;
        report_.now = run.header.started;
        report_.history.push_back(run);
    }

    SetReport report_;

  private:
    std::string zone_;
};

/// A backup at ten in the evening belongs to that day, wherever that is.
TEST_F(ReportPageTest, DaysAreThoseOfTheTimeZone) {
    set_zone("America/New_York");
    constexpr std::int64_t kEvening = 1795317300;  // 2026-11-22 03:15 UTC
    for (int day = -2; day <= 0; ++day) add_run(kEvening + day * 86'400);
    std::string page = report_page(report_);
    EXPECT_THAT(page, HasSubstr("<title>2026-11-20: "));
    EXPECT_THAT(page, HasSubstr("<title>2026-11-21: "));
    EXPECT_THAT(page, Not(HasSubstr("<title>2026-11-22: ")));
    EXPECT_THAT(page, HasSubstr(">2026-11-20</text>"));
    // Two runs of one evening, on both sides of midnight in UTC, are of one day.
    add_run(kEvening - 4 * 3600 + 86'400);
    add_run(kEvening + 86'400);
    EXPECT_THAT(report_page(report_), HasSubstr("<title>2026-11-22: 0 added, 14 changed"));
}

}  // namespace
}  // namespace icecore::report
