#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace icecore {
namespace {

TEST(JsonWriter, CommasAndNesting) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.field("name", "x").field("flag", true).field("n", std::uint32_t{7}).field("m", -3).field("d", 0.5F);
    json.key("list")
        .begin_array()
        .number(std::uint64_t{1})
        .begin_array()
        .end_array()
        .begin_object()
        .end_object();
    json.null().string("s").end_array();
    json.key("empty").begin_object().end_object();
    json.field("last", std::string("z"));
    json.end_object();
    EXPECT_EQ(
        out,
        R"({"name":"x","flag":true,"n":7,"m":-3,"d":0.5,"list":[1,[],{},null,"s"],"empty":{},"last":"z"})");
}

TEST(JsonWriter, Strings) {
    std::string out;
    JsonWriter(out).string(std::string("\"\\\n\r\t\x01\x1f\x7f\xc3\xa9/\0", 12));
    EXPECT_EQ(out, "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9/\\u0000\"");
}

TEST(JsonWriter, Paths) {
    std::string out;
    JsonWriter(out).path("a\n\xff\\");
    EXPECT_EQ(out, R"("a\\x0a\\xff\\x5c")");
}

TEST(JsonWriter, Numbers) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    json.number(std::numeric_limits<std::uint64_t>::max()).number(std::numeric_limits<std::int64_t>::min());
    json.number(0.1).number(1e300).number(1.0).number(-0.25);
    json.number(std::numeric_limits<double>::infinity()).number(std::numeric_limits<double>::quiet_NaN());
    json.end_array();
    std::string one = out.find(",1.0,") != std::string::npos ? "1.0" : "1";
    EXPECT_EQ(out, "[18446744073709551615,-9223372036854775808,0.1,1e+300," + one + ",-0.25,null,null]");
}

TEST(JsonWriter, Time) {
    std::string out;
    JsonWriter(out).time({1795317300, 0});
    EXPECT_EQ(out, "\"2026-11-22T03:15:00Z\"");
}

}  // namespace
}  // namespace icecore
