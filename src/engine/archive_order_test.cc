#include "engine/archive_order.h"

#include <gtest/gtest.h>

#include <optional>

namespace icecore::engine {
namespace {

std::string time_text(std::string_view name) {
    std::optional<NameTime> found = time_in_name(name);
    if (!found) return "none";
    return format_local(found->time) + (found->has_time ? "" : " (day)");
}

TEST(ArchiveOrder, FindsTimesInNames) {
    EXPECT_EQ(time_text("backup-2024-05-01.tar.gz"), "2024-05-01 00:00:00 (day)");
    EXPECT_EQ(time_text("backup-20240501.tar.gz"), "2024-05-01 00:00:00 (day)");
    EXPECT_EQ(time_text("home_2024.05.01_03h15.tgz"), "2024-05-01 03:15:00");
    EXPECT_EQ(time_text("20240501-031559-full.tar"), "2024-05-01 03:15:59");
    EXPECT_EQ(time_text("x20240501031559.tar"), "2024-05-01 03:15:59");
    EXPECT_EQ(time_text("2024-05-01T03:15:59.tar.gz"), "2024-05-01 03:15:59");
    EXPECT_EQ(time_text("nas2-2024-05-01-2.tar.gz"), "2024-05-01 00:00:00 (day)");
    EXPECT_EQ(time_in_name("a-20240501T031559Z.tar")->time, parse_utc("20240501T031559Z"));
    EXPECT_EQ(time_text("backup.7.tar.gz"), "none");
    EXPECT_EQ(time_text("backup-20241301.tar.gz"), "none");
    EXPECT_EQ(time_text("backup-2024-0501.tar.gz"), "none");
    EXPECT_EQ(time_text("1714526100.tar.gz"), "none");
}

TEST(ArchiveOrder, OrdersNamesAsPeopleDo) {
    EXPECT_TRUE(natural_less("a2", "a10"));
    EXPECT_FALSE(natural_less("a10", "a2"));
    EXPECT_TRUE(natural_less("a", "a1"));
    EXPECT_TRUE(natural_less("a9b", "a09c"));
    EXPECT_FALSE(natural_less("a", "a"));
    EXPECT_TRUE(natural_less("a99999999999999999998", "a99999999999999999999"));
}

std::string order_of(std::vector<DatedName> archives) {
    order_by_time(archives);
    std::string out;
    for (const DatedName& archive : archives) out += (out.empty() ? "" : " ") + archive.name;
    return out;
}

TEST(ArchiveOrder, NamesCountIfAllHaveADate) {
    EXPECT_EQ(order_of({{"b-2024-05-02", {1, 0}}, {"a-2024-05-03", {2, 0}}, {"c-2024-05-01", {3, 0}}}),
              "c-2024-05-01 b-2024-05-02 a-2024-05-03");
    EXPECT_EQ(order_of({{"b-2024-05-02", {1, 0}}, {"full", {2, 0}}, {"c-2024-05-01", {3, 0}}}),
              "b-2024-05-02 full c-2024-05-01");
    EXPECT_EQ(order_of({{"b10", {5, 0}}, {"b9", {5, 0}}, {"b11", {5, 0}}}), "b9 b10 b11");
}

TEST(ArchiveOrder, AnMtimeOfThatDayIsMoreExact) {
    Timestamp evening = *parse_local("2024-05-02 21:00");
    std::vector<DatedName> archives = {{"a-2024-05-02", evening}, {"b-2024-05-03", evening}};
    order_by_time(archives);
    EXPECT_EQ(archives[0].time, evening);
    EXPECT_EQ(archives[1].time, *parse_local("2024-05-03 00:00"));
    EXPECT_TRUE(archives[0].time_from_name);
}

}  // namespace
}  // namespace icecore::engine
