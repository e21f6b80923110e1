#include "sim/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/json_document.h"

namespace icecore::sim {
namespace {

using ::testing::HasSubstr;

std::string refusal(std::string_view order) {
    Faults faults;
    try {
        faults.add(order);
    } catch (const Error& error) {
        EXPECT_EQ(faults.json(), "[]") << order;
        return error.message();
    }
    return "";
}

/// One character a request: which of `n` are hit.
std::string pattern(Faults& faults, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += faults.take("UploadArchive", "/-/vaults/v/archives") ? 'x' : '.';
    return out;
}

TEST(Faults, NothingOnOrderHitsNothing) {
    Faults faults;
    EXPECT_FALSE(faults.take("UploadArchive", "/"));
    EXPECT_EQ(faults.json(), "[]");
}

TEST(Faults, OneHitsOnceUnlessToldOtherwise) {
    Faults faults;
    faults.add(R"({"kind":"drop-after"})");
    std::optional<Fault> fault = faults.take("ListVaults", "/-/vaults");
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->kind, Fault::Kind::drop_after);
    EXPECT_FALSE(faults.take("ListVaults", "/-/vaults"));
}

TEST(Faults, MatchesByOperationAndPath) {
    Faults faults;
    faults.add(R"({"kind":"drop-before","operation":"UploadArchive","path":"/photos/"})");
    EXPECT_FALSE(faults.take("ListVaults", "/-/vaults/photos/archives"));
    EXPECT_FALSE(faults.take("UploadArchive", "/-/vaults/music/archives"));
    EXPECT_TRUE(faults.take("UploadArchive", "/-/vaults/photos/archives"));
}

TEST(Faults, SkipsAndCounts) {
    Faults faults;
    faults.add(R"({"kind":"drop-before","skip":2,"count":3})");
    EXPECT_EQ(pattern(faults, 8), "..xxx...");
    faults.clear();
    faults.add(R"({"kind":"drop-before","skip":1,"count":"always"})");
    EXPECT_EQ(pattern(faults, 6), ".xxxxx");
}

TEST(Faults, TheFirstOfSeveralWinsThenTheNext) {
    Faults faults;
    faults.add(R"([{"kind":"error","status":503,"code":"InsufficientCapacityException","message":"full"},
                   {"kind":"error","status":400,"code":"ThrottlingException"}])");
    std::optional<Fault> first = faults.take("x", "/");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->status, 503);
    EXPECT_EQ(first->code, "InsufficientCapacityException");
    EXPECT_EQ(first->message, "full");
    std::optional<Fault> second = faults.take("x", "/");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->status, 400);
    EXPECT_FALSE(faults.take("x", "/"));
}

TEST(Faults, ChanceIsASeedsOwn) {
    std::string order = R"({"kind":"drop-before","count":"always","probability":0.5,"seed":7})";
    Faults faults;
    faults.add(order);
    std::string first = pattern(faults, 200);
    faults.clear();
    faults.add(order);
    EXPECT_EQ(pattern(faults, 200), first);
    EXPECT_GT(std::count(first.begin(), first.end(), 'x'), 60);
    EXPECT_LT(std::count(first.begin(), first.end(), 'x'), 140);
    faults.clear();
    faults.add(R"({"kind":"drop-before","count":"always","probability":0.5,"seed":8})");
    EXPECT_NE(pattern(faults, 200), first);
    faults.clear();
    faults.add(R"({"kind":"drop-before","count":"always","probability":0})");
    EXPECT_EQ(pattern(faults, 5), ".....");
}

TEST(Faults, TakesTheNumbersOfEachKind) {
    Faults faults;
    faults.add(R"([{"kind":"stall","milliseconds":1500},{"kind":"trickle","bytes_per_second":10},
                   {"kind":"corrupt","offset":77},{"kind":"html"},{"kind":"html","status":200}])");
    EXPECT_EQ(faults.take("x", "/")->milliseconds, 1500);
    EXPECT_EQ(faults.take("x", "/")->bytes_per_second, 10);
    EXPECT_EQ(faults.take("x", "/")->offset, 77);
    EXPECT_EQ(faults.take("x", "/")->status, 502);
    EXPECT_EQ(faults.take("x", "/")->status, 200);
}

TEST(Faults, ShowsWhatIsLeftAndHowOftenItHit) {
    Faults faults;
    faults.add(R"({"kind":"corrupt","operation":"GetJobOutput","offset":3,"skip":1,"count":2})");
    faults.take("GetJobOutput", "/");
    faults.take("GetJobOutput", "/");
    Json shown = parse_json(faults.json());
    EXPECT_EQ(shown,
              parse_json(R"([{"kind":"corrupt","operation":"GetJobOutput","path":"","offset":3,"skip":0,
                                     "count":1,"probability":1.0,"seed":0,"hits":1}])"));
}

TEST(Faults, RefusesWhatItDoesNotKnowAndAddsNothing) {
    EXPECT_THAT(refusal(R"({"operation":"*"})"), HasSubstr("kind"));
    EXPECT_THAT(refusal(R"({"kind":"earthquake"})"), HasSubstr("earthquake"));
    EXPECT_THAT(refusal(R"({"kind":"drop-before","cuont":1})"), HasSubstr("cuont"));
    EXPECT_THAT(refusal(R"({"kind":"drop-before","status":500})"), HasSubstr("status"));
    EXPECT_THAT(refusal(R"([{"kind":"drop-before"},{"kind":"stall","milliseconds":-1}])"),
                HasSubstr("milliseconds"));
    for (const char* order :
         {R"({"kind":"error","status":99})", R"({"kind":"error","status":600})",
          R"({"kind":"error","status":"500"})", R"({"kind":"trickle","bytes_per_second":0})",
          R"({"kind":"drop-before","probability":1.5})", R"({"kind":"drop-before","count":0})",
          R"({"kind":"drop-before","count":-1})", R"({"kind":"drop-before","count":"never"})",
          R"({"kind":"corrupt","offset":18446744073709551615})", R"({"kind":"drop-before","":1})",
          R"({"kind":"stall","milliseconds":1e300})", R"({"kind":3})", R"("drop-before")", "[1]", "null", "",
          "{"})
        EXPECT_NE(refusal(order), "") << order;
}

TEST(Faults, ManyAreTooMany) {
    Json one = {{"kind", "drop-before"}};
    Faults faults;
    faults.add(Json(std::vector<Json>(Faults::kFaultsMax, one)).dump());
    EXPECT_THROW(faults.add(one.dump()), Error);
}

}  // namespace
}  // namespace icecore::sim
