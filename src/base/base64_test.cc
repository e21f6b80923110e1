#include "base/base64.h"

#include <gtest/gtest.h>

namespace icecore {
namespace {

TEST(Base64, VectorsOfTheRfc) {
    constexpr std::pair<std::string_view, std::string_view> kVectors[] = {{"", ""},
                                                                          {"f", "Zg=="},
                                                                          {"fo", "Zm8="},
                                                                          {"foo", "Zm9v"},
                                                                          {"foob", "Zm9vYg=="},
                                                                          {"fooba", "Zm9vYmE="},
                                                                          {"foobar", "Zm9vYmFy"},
                                                                          {"\xff\xfe\xfb", "//77"}};
    for (const auto& [bytes, text] : kVectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(Base64, WhatIsNone) {
    for (std::string_view text : {"Zg", "Zg=", "Zg===", "Z", "=", "====", "Zh==", "Zm9v\n", "Zm-v", "Zm9=v"})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace icecore
