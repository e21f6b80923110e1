#include "base/shell.h"

#include <gtest/gtest.h>

namespace icecore {
namespace {

TEST(ShellQuoted, OnlyWhereItIsNeeded) {
    EXPECT_EQ(shell_quoted("a/b-c_1.tar:@%+,"), "a/b-c_1.tar:@%+,");
    EXPECT_EQ(shell_quoted(""), "''");
    EXPECT_EQ(shell_quoted("a b"), "'a b'");
    EXPECT_EQ(shell_quoted("it's $HOME\n"), "'it'\\''s $HOME\n'");
    EXPECT_EQ(shell_quoted("~"), "'~'");
    EXPECT_EQ(shell_quoted("a=b"), "'a=b'");
}

}  // namespace
}  // namespace icecore
