#include "base/units.h"

#include <gtest/gtest.h>

namespace icecore {
namespace {

TEST(Units, ParseSize) {
    struct {
        const char* text;
        std::uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"1B", 1},
        {"64k", 65536},
        {"64K", 65536},
        {"64KiB", 65536},
        {"64KB", 64000},
        {"64kB", 64000},
        {"1M", 1 << 20},
        {"500 MB", 500'000'000},
        {"1GiB", 1 << 30},
        {"1.5GiB", 3U << 29},
        {"2TB", 2'000'000'000'000},
        {"2TiB", 1ULL << 41},
        {" 1 KiB ", 1024},
        {"0.5k", 512},
        {"8000000T", 8000000ULL << 40},
    };
    for (const auto& c : cases) EXPECT_EQ(parse_size(c.text), c.bytes) << c.text;
    for (const char* text : {"", "k", "-1", "1kb", "1kib", "1 K B", "1e3", "0x10", "nan", "inf", "nank",
                             "-0.5", "9000000T", "99999999999999999999", "1..5", "1,5", "KiB1"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, ParseSpan) {
    EXPECT_EQ(parse_span("90s"), 90);
    EXPECT_EQ(parse_span("15m"), 900);
    EXPECT_EQ(parse_span("36h"), 36 * 3600);
    EXPECT_EQ(parse_span("3d"), 3 * 86400);
    EXPECT_EQ(parse_span("2w"), 14 * 86400);
    EXPECT_EQ(parse_span("1.5h"), 5400);
    EXPECT_EQ(parse_span("0s"), 0);
    for (const char* text : {"", "5", "d", "-1d", "1y", "1dd", "nans", "infd", "nan", "9999999999s"})
        EXPECT_FALSE(parse_span(text)) << text;
}

TEST(Units, FormatBytes) {
    struct {
        std::uint64_t bytes;
        const char* text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "0.98 KiB"},
        {1024, "1.00 KiB"},
        {1536, "1.50 KiB"},
        {10 * 1024, "10.0 KiB"},
        {999 * 1024, "999 KiB"},
        {1000 * 1024, "0.98 MiB"},
        {25'125'558'681, "23.4 GiB"},
        {~0ULL, "16.0 EiB"},
    };
    for (const auto& c : cases) EXPECT_EQ(format_bytes(c.bytes), c.text);
}

TEST(Units, FormatDuration) {
    EXPECT_EQ(format_duration(0), "0.0 s");
    EXPECT_EQ(format_duration(0.44), "0.4 s");
    EXPECT_EQ(format_duration(9.94), "9.9 s");
    EXPECT_EQ(format_duration(9.96), "10 s");
    EXPECT_EQ(format_duration(59.4), "59 s");
    EXPECT_EQ(format_duration(59.6), "1 min 00 s");
    EXPECT_EQ(format_duration(185), "3 min 05 s");
    EXPECT_EQ(format_duration(7620), "2 h 07 min");
}

TEST(Units, FormatCount) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1,000");
    EXPECT_EQ(format_count(1'234'567), "1,234,567");
    EXPECT_EQ(format_count(~0ULL), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace icecore
