#include "catalog/vault_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "catalog/test_support.h"

namespace icecore::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Kind = VaultDifference::Kind;

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::int64_t kNow = 1'800'000'000;
constexpr char kArn[] = "arn:aws:glacier:us-east-1:123456789012:vaults/photos";

VaultArchive make(const std::string& id, const std::string& name, std::int64_t created_s = kNow) {
    VaultArchive archive;
    archive.id = id;
    archive.name = name;
    archive.size_bytes = 1000 + id.size();
    archive.tree_hash = sha256(id);
    archive.created_at = {created_s, 5};
    return archive;
}

class VaultIndexTest : public ::testing::Test {
  protected:
    std::vector<std::string> listed() const {
        std::vector<std::string> found;
        index_->visit([&](const VaultArchive& archive, bool ambiguous) {
            found.push_back(format("{}:{}{}", archive.name, archive.id, ambiguous ? "!" : ""));
        });
        return found;
    }
    /// Takes over an inventory made at `made_s`; returns what was told, as "kind:id".
    std::vector<std::string> apply(std::int64_t made_s, const std::vector<VaultArchive>& archives,
                                   bool accept_gone = false) {
        std::vector<std::string> told;
        result_ = index_->apply(
            [&](const std::function<void(const VaultArchive&)>& add) {
                for (const VaultArchive& archive : archives) add(archive);
                return VaultInventory{{made_s, 0}, {made_s, 0}, accept_gone};
            },
            [&](const VaultDifference& difference) {
                told.push_back(format("{}:{}", static_cast<int>(difference.kind), difference.archive.id));
            });
        return told;
    }
    static std::string told(Kind kind, const std::string& id) {
        return format("{}:{}", static_cast<int>(kind), id);
    }

    TemporaryDirectory dir_;
    std::string path_ = dir_.path("vaults.db");
    std::unique_ptr<VaultIndex> index_ = VaultIndex::open(path_, kArn, {kNow, 0});
    VaultSyncResult result_;
};

TEST_F(VaultIndexTest, KeepsWhatWasStored) {
    VaultArchive archive = make("a", "one");
    index_->add(archive);
    index_->add(make("b", "two"));
    index_->add(make("c", "one", kNow + 1));
    index_ = VaultIndex::open(path_, kArn, {kNow, 0});
    EXPECT_THAT(listed(), ElementsAre("one:a!", "one:c!", "two:b"));
    EXPECT_EQ(index_->named("one", 9).size(), 2U);
    EXPECT_EQ(index_->named("one", 1).size(), 1U);
    EXPECT_THAT(index_->named("three", 9), IsEmpty());
    std::optional<VaultArchive> found = index_->find("a");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->tree_hash, archive.tree_hash);
    EXPECT_EQ(found->size_bytes, archive.size_bytes);
    EXPECT_EQ(found->created_at, archive.created_at);
    EXPECT_FALSE(found->seen_at || found->deleted_at);
}

TEST_F(VaultIndexTest, VaultsAreApart) {
    index_->add(make("a", "one"));
    auto other = VaultIndex::open(path_, std::string(kArn) + "2", {kNow, 0});
    EXPECT_FALSE(other->find("a"));
    other->add(make("a", "other"));
    EXPECT_EQ(index_->find("a")->name, "one");
}

TEST_F(VaultIndexTest, VaultThatWasMadeAgainIsAnother) {
    apply(kNow, {make("a", "one")});
    index_->save_upload_state("k", "state");
    index_ = VaultIndex::open(path_, kArn, {kNow + kDay, 0});
    EXPECT_THAT(listed(), IsEmpty());
    EXPECT_FALSE(index_->inventory_at());
    EXPECT_EQ(index_->upload_state("k"), "");
}

TEST_F(VaultIndexTest, TakesOverAnInventory) {
    EXPECT_FALSE(index_->inventory_at());
    EXPECT_THAT(apply(kNow, {make("b", "two"), make("a", "one"), make("n", "")}), IsEmpty());
    EXPECT_EQ(result_.listed, 3U);
    EXPECT_EQ(result_.added, 3U);
    EXPECT_EQ(index_->inventory_at()->sec, kNow);
    EXPECT_THAT(listed(), ElementsAre(":n", "one:a", "two:b"));
    EXPECT_EQ(index_->find("a")->seen_at->sec, kNow);
    EXPECT_THAT(apply(kNow + kDay, {make("b", "two"), make("a", "one"), make("n", ""), make("c", "x")}),
                IsEmpty());
    EXPECT_EQ(result_.added, 1U);
    EXPECT_EQ(index_->find("a")->seen_at->sec, kNow + kDay);
}

TEST_F(VaultIndexTest, WhatWasStoredSinceStays) {
    index_->add(make("new", "new", kNow));
    EXPECT_THAT(apply(kNow - kDay, {}), ElementsAre(told(Kind::not_yet_listed, "new")));
    EXPECT_THAT(apply(kNow + kDay, {}, true), ElementsAre(told(Kind::not_yet_listed, "new")));
    EXPECT_THAT(listed(), ElementsAre("new:new"));
    EXPECT_THAT(apply(kNow + 2 * kDay, {make("new", "new")}), IsEmpty());
    EXPECT_THAT(listed(), ElementsAre("new:new"));
}

TEST_F(VaultIndexTest, WhatNeverArrivedIsToldAfterDays) {
    index_->add(make("lost", "lost", kNow));
    EXPECT_THAT(apply(kNow + 4 * kDay, {}), ElementsAre(told(Kind::gone, "lost")));
    EXPECT_THAT(listed(), ElementsAre("lost:lost"));
    EXPECT_THAT(apply(kNow + 5 * kDay, {}, true), ElementsAre(told(Kind::gone, "lost")));
    EXPECT_THAT(listed(), IsEmpty());
}

TEST_F(VaultIndexTest, WhatWasDeletedSinceIsNotResurrected) {
    apply(kNow, {make("a", "one"), make("b", "two")});
    index_->set_deleted("a", {kNow + 10, 0});
    EXPECT_THAT(listed(), ElementsAre("two:b"));
    std::vector<VaultArchive> both = {make("a", "one"), make("b", "two")};
    EXPECT_THAT(apply(kNow + kDay, both), ElementsAre(told(Kind::still_listed, "a")));
    EXPECT_THAT(apply(kNow + 2 * kDay, both, true), ElementsAre(told(Kind::still_listed, "a")));
    EXPECT_THAT(listed(), ElementsAre("two:b"));
    EXPECT_THAT(index_->named("one", 9), IsEmpty());
    // It is remembered as deleted until no inventory can list it any more.
    EXPECT_THAT(apply(kNow + 3 * kDay, {make("b", "two")}), IsEmpty());
    EXPECT_TRUE(index_->find("a")->deleted_at);
    EXPECT_THAT(apply(kNow + 4 * kDay, {make("b", "two")}), IsEmpty());
    EXPECT_FALSE(index_->find("a"));
}

TEST_F(VaultIndexTest, DeletionThatDidNotLastIsTold) {
    apply(kNow, {make("a", "one")});
    index_->set_deleted("a", {kNow + 10, 0});
    EXPECT_THAT(apply(kNow + 4 * kDay, {make("a", "one")}), ElementsAre(told(Kind::deletion_undone, "a")));
    EXPECT_THAT(listed(), IsEmpty());
    EXPECT_THAT(apply(kNow + 5 * kDay, {make("a", "one")}, true),
                ElementsAre(told(Kind::deletion_undone, "a")));
    EXPECT_THAT(listed(), ElementsAre("one:a"));
}

TEST_F(VaultIndexTest, WhatOthersDeletedIsToldAndForgottenOnDemand) {
    apply(kNow, {make("a", "one"), make("b", "two")});
    EXPECT_THAT(apply(kNow + kDay, {make("b", "two")}), ElementsAre(told(Kind::gone, "a")));
    EXPECT_THAT(listed(), ElementsAre("one:a", "two:b"));
    EXPECT_THAT(apply(kNow + 2 * kDay, {make("b", "two")}, true), ElementsAre(told(Kind::gone, "a")));
    EXPECT_THAT(listed(), ElementsAre("two:b"));
}

TEST_F(VaultIndexTest, OlderInventoryChangesNothing) {
    apply(kNow, {make("a", "one"), make("b", "two")});
    EXPECT_THAT(apply(kNow - kDay, {make("z", "old")}, true), IsEmpty());
    EXPECT_THAT(listed(), ElementsAre("one:a", "two:b"));
    EXPECT_EQ(index_->inventory_at()->sec, kNow);
}

TEST_F(VaultIndexTest, InventoryThatBreaksOffChangesNothing) {
    apply(kNow, {make("a", "one")});
    auto broken = [&](const std::function<void(const VaultArchive&)>& add) -> VaultInventory {
        add(make("b", "two"));
        throw Error(Error::Kind::transient, "the connection was lost");
    };
    EXPECT_THROW(index_->apply(broken, [](const VaultDifference&) {}), Error);
    EXPECT_THAT(listed(), ElementsAre("one:a"));
    EXPECT_THAT(apply(kNow + kDay, {make("a", "one")}), IsEmpty());
    EXPECT_EQ(result_.listed, 1U);
}

TEST_F(VaultIndexTest, OthersMayWriteWhileAnInventoryArrives) {
    auto other = VaultIndex::open(path_, kArn, {kNow, 0});
    index_->apply(
        [&](const std::function<void(const VaultArchive&)>& add) {
            add(make("a", "one"));
            other->add(make("b", "two"));
            return VaultInventory{{kNow, 0}, {kNow, 0}, true};
        },
        [](const VaultDifference&) {});
    EXPECT_THAT(listed(), ElementsAre("one:a", "two:b"));
}

TEST_F(VaultIndexTest, KeepsStatesOfUploads) {
    EXPECT_EQ(index_->upload_state("k"), "");
    index_->save_upload_state("k", "one");
    index_->save_upload_state("k", "two");
    index_->save_upload_state("l", "other");
    EXPECT_EQ(index_->upload_state("k"), "two");
    index_->forget_upload("k");
    EXPECT_EQ(index_->upload_state("k"), "");
    EXPECT_EQ(index_->upload_state("l"), "other");
}

}  // namespace
}  // namespace icecore::catalog
