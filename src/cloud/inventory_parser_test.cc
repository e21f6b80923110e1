#include "cloud/inventory_parser.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace icecore::cloud {
namespace {

constexpr std::string_view kHead = R"({"VaultARN":"arn:aws:glacier:us-east-1:1:vaults/v","InventoryDate":)"
                                   R"("2026-11-22T03:15:00Z","ArchiveList":[)";

struct Parsed {
    std::vector<std::string> entries;
    std::string frame;
};

Parsed parse(std::string_view text, std::size_t piece_bytes) {
    Parsed parsed;
    InventoryParser parser([&](std::string_view entry) { parsed.entries.emplace_back(entry); });
    for (std::size_t at = 0; at < text.size(); at += piece_bytes) parser.feed(text.substr(at, piece_bytes));
    parsed.frame = parser.finish();
    return parsed;
}

TEST(InventoryParserTest, EntriesComeOneByOneHoweverTheTextIsCut) {
    std::string text(kHead);
    text += R"({"ArchiveId":"a","ArchiveDescription":"brackets ]}\" and \\","x":{"y":[1]}} , )";
    text +=
        "\n"
        R"({"ArchiveId":"b"}]})";
    for (std::size_t piece = 1; piece < text.size(); piece += 7) {
        Parsed parsed = parse(text, piece);
        ASSERT_EQ(parsed.entries.size(), 2U);
        EXPECT_EQ(parsed.entries[0],
                  R"({"ArchiveId":"a","ArchiveDescription":"brackets ]}\" and \\","x":{"y":[1]}})");
        EXPECT_EQ(parsed.entries[1], R"({"ArchiveId":"b"})");
        EXPECT_EQ(parsed.frame, std::string(kHead) + "]}");
    }
}

TEST(InventoryParserTest, AnEmptyList) {
    Parsed parsed = parse(std::string(kHead) + "]}", 1000);
    EXPECT_TRUE(parsed.entries.empty());
}

TEST(InventoryParserTest, WhatIsNoInventory) {
    std::string head(kHead);
    for (const std::string& text :
         {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"), head,
          head + "{\"a\":1}", head + "{\"a\":\"", head + "1,2]}", head + "[1]]}", head + "]}}",
          head + "],\"More\":[{}]}", head + "{\"a\":[[[[[[[[[[",
          head + "{\"a\":\"" + std::string(100'000, 'x'),
          std::string("{\"a\":\"") + std::string(100'000, 'x')})
        EXPECT_THROW(parse(text, 100), Error) << text.substr(0, 200);
}

}  // namespace
}  // namespace icecore::cloud
