#include "catalog/work_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace icecore::catalog {
namespace {

using testing::ElementsAre;

WorkTables::LinkName name(std::uint64_t dev, std::uint64_t ino, std::uint64_t sequence,
                          bool same_inode = false) {
    WorkTables::LinkName out;
    out.dev = dev;
    out.ino = ino;
    out.sequence = sequence;
    out.path = "path" + std::to_string(sequence);
    out.same_inode = same_inode;
    return out;
}

TEST(WorkTables, GroupsKnownInodesFirstThenInArchiveOrder) {
    WorkTables tables;
    constexpr std::uint64_t kLarge = ~0ULL;
    for (const auto& link :
         {name(1, 5, 30), name(1, kLarge, 1), name(1, 5, 2), name(2, 5, 3), name(kLarge, 7, 20, true),
          name(kLarge, 7, 10), name(1, 6, 11, true), name(1, kLarge, 40)})
        tables.add_link(link);
    std::vector<std::vector<std::uint64_t>> groups;
    tables.for_each_link_group([&](const auto& group) {
        groups.emplace_back();
        for (const auto& link : group) {
            EXPECT_EQ(link.dev, group[0].dev);
            EXPECT_EQ(link.ino, group[0].ino);
            EXPECT_EQ(link.path, "path" + std::to_string(link.sequence));
            groups.back().push_back(link.sequence);
            tables.set_link_decision(link.sequence, {});  // deciding on the way
        }
    });
    EXPECT_THAT(groups, ElementsAre(ElementsAre(10, 20), ElementsAre(11), ElementsAre(1, 40),
                                    ElementsAre(2, 30), ElementsAre(3)));
}

TEST(WorkTables, LinkNamesComeBackWhole) {
    WorkTables tables;
    WorkTables::LinkName link = name(~0ULL, 1ULL << 63, 7, true);
    link.path = "\xff/\n";
    link.old_location = {4'000'000'000U, 3, ~0ULL, 1ULL << 63};
    link.times_equal = true;
    tables.add_link(link);
    int groups = 0;
    tables.for_each_link_group([&](const auto& group) {
        ++groups;
        ASSERT_EQ(group.size(), 1U);
        EXPECT_EQ(group[0].dev, link.dev);
        EXPECT_EQ(group[0].ino, link.ino);
        EXPECT_EQ(group[0].path, link.path);
        EXPECT_EQ(group[0].old_location, link.old_location);
        EXPECT_TRUE(group[0].times_equal);
        EXPECT_TRUE(group[0].same_inode);
    });
    EXPECT_EQ(groups, 1);
}

TEST(WorkTables, DecisionsAreKeptAndReplaced) {
    WorkTables tables;
    EXPECT_FALSE(tables.link_decision(1));
    tables.set_link_decision(1, {WorkTables::LinkAction::link, "a/b"});
    tables.set_link_decision(2, {WorkTables::LinkAction::store, ""});
    ASSERT_TRUE(tables.link_decision(1));
    EXPECT_EQ(tables.link_decision(1)->action, WorkTables::LinkAction::link);
    EXPECT_EQ(tables.link_decision(1)->link_path, "a/b");
    EXPECT_EQ(tables.link_decision(2)->action, WorkTables::LinkAction::store);
    tables.set_link_decision(1, {WorkTables::LinkAction::keep, ""});
    EXPECT_EQ(tables.link_decision(1)->action, WorkTables::LinkAction::keep);
    EXPECT_EQ(tables.link_decision(1)->link_path, "");
}

TEST(WorkTables, ALocationIsClaimedOnce) {
    WorkTables tables;
    EXPECT_TRUE(tables.claim_location({1, 0, 512, 1024}));
    EXPECT_FALSE(tables.claim_location({1, 0, 512, 1024}));
    EXPECT_TRUE(tables.claim_location({1, 0, 1536, 1024}));
    EXPECT_TRUE(tables.claim_location({1, 1, 512, 1024}));
    EXPECT_TRUE(tables.claim_location({2, 0, 512, 1024}));
    EXPECT_FALSE(tables.claim_location({2, 0, 512, 1024}));
}

TEST(WorkTables, RestoreItemsComeInOrderOfLocation) {
    WorkTables tables;
    constexpr std::size_t kItems = 100'000;
    struct Key {
        archive::Location location;
        std::size_t added;
    };
    std::vector<Key> want;
    std::mt19937 random(1);
    for (std::size_t i = 0; i < kItems; ++i) {
        archive::Location location{1 + static_cast<std::uint32_t>(random() % 9),
                                   static_cast<std::uint32_t>(random() % 4), (random() % 3000) * (1ULL << 40),
                                   random()};
        want.push_back({location, i});
        tables.add_restore_item({location, "directory/file" + std::to_string(i), std::string(i % 50, '\0')});
    }
    EXPECT_EQ(tables.restore_item_count(), kItems);
    std::stable_sort(want.begin(), want.end(), [](const Key& a, const Key& b) {
        return std::tie(a.location.run, a.location.volume, a.location.offset) <
               std::tie(b.location.run, b.location.volume, b.location.offset);
    });
    auto cursor = tables.open_restore_items();
    auto second = tables.open_restore_items();  // an independent one
    WorkTables::RestoreItem item;
    for (const Key& key : want) {
        ASSERT_TRUE(cursor->next(item));
        ASSERT_EQ(item.location, key.location);
        ASSERT_EQ(item.path, "directory/file" + std::to_string(key.added));
        ASSERT_EQ(item.payload, std::string(key.added % 50, '\0'));
    }
    EXPECT_FALSE(cursor->next(item));
    EXPECT_FALSE(cursor->next(item));
    EXPECT_TRUE(second->next(item));
    EXPECT_EQ(item.location, want.front().location);
}

}  // namespace
}  // namespace icecore::catalog
