#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace icecore {
namespace {

using Kind = Error::Kind;

TEST(Error, ContextGoesOutward) {
    Error error(Kind::corrupt, "checksum differs", "run verify");
    error.add_context("volume 3").add_context("restoring a/b");
    EXPECT_STREQ(error.what(), "restoring a/b: volume 3: checksum differs");
    EXPECT_EQ(error.message(), error.what());
    EXPECT_EQ(error.hint(), "run verify");
    EXPECT_EQ(error.kind(), Kind::corrupt);
    EXPECT_EQ(error.os_error(), 0);
    EXPECT_EQ(error.set_hint("no").hint(), "no");
}

TEST(Error, KindsOfErrno) {
    struct {
        int code;
        Kind kind;
    } cases[] = {{ENOENT, Kind::not_found}, {ENOTDIR, Kind::not_found},   {EEXIST, Kind::exists},
                 {EACCES, Kind::denied},    {EPERM, Kind::denied},        {EROFS, Kind::denied},
                 {EIO, Kind::io},           {ESTALE, Kind::transient},    {ETIMEDOUT, Kind::transient},
                 {EAGAIN, Kind::transient}, {EHOSTDOWN, Kind::transient}, {ENOSPC, Kind::io}};
    for (const auto& c : cases) {
        Error error = Error::from_errno(c.code, "opening x", "hint");
        EXPECT_EQ(error.kind(), c.kind) << c.code;
        EXPECT_EQ(error.os_error(), c.code);
        EXPECT_EQ(error.hint(), "hint");
        EXPECT_TRUE(error.message().starts_with("opening x: ")) << error.message();
    }
    EXPECT_EQ(Error::from_errno(ENOENT, "opening x").message(), "opening x: No such file or directory");
}

TEST(Error, ThrowErrnoTakesErrno) {
    try {
        errno = EEXIST;
        throw_errno("making x");
    } catch (const Error& error) {
        EXPECT_EQ(error.os_error(), EEXIST);
        return;
    }
    FAIL() << "must throw";
}

TEST(ErrorDeathTest, CheckNamesPlaceAndCondition) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    int two = 2;
    CHECK(two == 2);
    EXPECT_DEATH(CHECK(two == 3), "bug: .*error_test.cc:.*two == 3");
}

}  // namespace
}  // namespace icecore
