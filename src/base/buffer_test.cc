#include "base/buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace icecore {
namespace {

TEST(Buffer, HoldsWhatWasAppended) {
    Buffer buffer;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        std::string piece(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
        buffer.append(piece);
        buffer.append_zeros(3);
        *buffer.extend(1) = '!';
        expected += piece + std::string(3, '\0') + '!';
    }
    EXPECT_EQ(buffer.view(), expected);
    buffer.truncate(10);
    EXPECT_EQ(buffer.view(), expected.substr(0, 10));
    EXPECT_DEATH(buffer.truncate(11), "");
}

TEST(Buffer, KeepsItsRoomAndMoves) {
    Buffer buffer;
    buffer.reserve(1000);
    const char* room = buffer.extend(1000);
    buffer.clear();
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.extend(500), room);
    Buffer other = std::move(buffer);
    EXPECT_EQ(other.view().data(), room);
    EXPECT_EQ(other.size(), 500U);
    buffer.append("usable again");  // NOLINT(bugprone-use-after-move): it is empty
    EXPECT_EQ(buffer.view(), "usable again");
}

}  // namespace
}  // namespace icecore
