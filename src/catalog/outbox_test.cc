#include "catalog/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/file.h"
#include "catalog/sqlite.h"
#include "catalog/test_support.h"

namespace icecore::catalog {
namespace {

using Part = OutboxItem::Part;
using State = OutboxItem::State;
using ::testing::ElementsAre;

constexpr char kHere[] = "dir:/mnt/a";
constexpr char kThere[] = "dir:/mnt/b";

OutboxItem make_item(std::string name, std::uint32_t run = 1, Part part = Part::volume,
                     const char* target = kHere) {
    OutboxItem item;
    item.target = target;
    item.name = std::move(name);
    item.run = run;
    item.part = part;
    item.size_bytes = 1000 + item.name.size();
    item.sha256 = sha256(item.name);
    item.tree_hash = sha256(item.name + "tree");
    return item;
}

class OutboxTest : public testing::Test {
  protected:
    void reopen() {
        outbox_.reset();
        outbox_ = Outbox::open(path_);
    }
    /// The names in the order in which they would be stored.
    std::vector<std::string> order(const char* target = kHere) const {
        Outbox::Names done;
        std::vector<std::string> names;
        while (std::optional<OutboxItem> item = outbox_->next(target, done)) {
            names.push_back(item->name);
            done.insert(item->name);
        }
        return names;
    }
    OutboxItem get(std::string_view name, const char* target = kHere) const {
        auto item = outbox_->find(target, name);
        EXPECT_TRUE(item) << name;
        return item.value_or(OutboxItem{});
    }

    TemporaryDirectory dir_;
    std::string path_ = dir_.path("outbox.db");
    std::unique_ptr<Outbox> outbox_ = Outbox::open(path_);
};

PartDigests some_parts(std::uint64_t part_bytes) {
    return {part_bytes, {{sha256("1"), sha256("2")}, {sha256("3"), sha256("4")}}};
}

TEST_F(OutboxTest, KeepsTheDigestsOfPartsUntilTheFileIsStored) {
    OutboxItem item = make_item("v");
    item.parts = some_parts(1 << 20);
    outbox_->add(item);
    outbox_->add(make_item("w"));
    reopen();
    EXPECT_EQ(get("v").parts, item.parts);
    EXPECT_EQ(outbox_->next(kHere, {})->parts, item.parts);
    EXPECT_EQ(get("w").parts, PartDigests{});
    outbox_->set_stored(kHere, "v", "id", {1, 2});
    EXPECT_EQ(get("v").parts, PartDigests{});
    outbox_->add(item);  // it is known, and stored
    EXPECT_EQ(get("v").parts, PartDigests{});
}

TEST_F(OutboxTest, DigestsOfPartsMayComeLaterOrBeOfAnotherSize) {
    OutboxItem item = make_item("v");
    outbox_->add(item);
    outbox_->save_resume_state(kHere, "v", "half");
    item.parts = some_parts(1 << 20);
    outbox_->add(item);
    EXPECT_EQ(get("v").parts, item.parts);
    item.parts = some_parts(2 << 20);
    outbox_->add(item);
    EXPECT_EQ(get("v").parts, item.parts);
    outbox_->add(make_item("v"));  // nothing is known of parts: what was known stays
    EXPECT_EQ(get("v").parts, item.parts);
    EXPECT_EQ(get("v").resume_state, "half");
    OutboxItem other = item;  // the file was written anew
    other.sha256 = sha256("other");
    other.parts = {};
    outbox_->add(other);
    EXPECT_EQ(get("v").parts, PartDigests{});
}

/// An outbox as it was before digests of parts were kept.
TEST_F(OutboxTest, Version1IsBroughtUpToDate) {
    std::string path = dir_.path("old.db");
    {
        sql::Connection db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path);
        db.exec(R"(
            PRAGMA application_id = 1768124258;
            CREATE TABLE item (
                target BLOB NOT NULL, name BLOB NOT NULL, run INTEGER NOT NULL, part INTEGER NOT NULL,
                size_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL, tree_hash BLOB NOT NULL,
                state INTEGER NOT NULL, object_id BLOB NOT NULL, stored_s INTEGER NOT NULL,
                stored_ns INTEGER NOT NULL, resume_state BLOB NOT NULL, attempts INTEGER NOT NULL,
                last_error BLOB NOT NULL, failed_s INTEGER NOT NULL, failed_ns INTEGER NOT NULL,
                PRIMARY KEY (target, name)) WITHOUT ROWID;
            CREATE INDEX item_waiting ON item(target, run = 0, run, part, name) WHERE state = 119;
            INSERT INTO item VALUES (x'61', x'76', 3, 0, 400,
                x'0101010101010101010101010101010101010101010101010101010101010101',
                x'0202020202020202020202020202020202020202020202020202020202020202',
                119, x'', 0, 0, x'68616c66', 1, x'6e6f206c75636b', 5, 6);
            PRAGMA user_version = 1;)");
    }
    std::unique_ptr<Outbox> outbox = Outbox::open(path);
    std::optional<OutboxItem> item = outbox->next("a", {});
    ASSERT_TRUE(item);
    EXPECT_EQ(item->name, "v");
    EXPECT_EQ(item->size_bytes, 400U);
    EXPECT_EQ(item->resume_state, "half");
    EXPECT_EQ(item->last_error, "no luck");
    EXPECT_EQ(item->parts, PartDigests{});
    item->parts = some_parts(1 << 20);
    outbox->add(*item);
    EXPECT_EQ(outbox->next("a", {})->parts, item->parts);
    EXPECT_EQ(item->locked_until, std::nullopt);
}

TEST_F(OutboxTest, KnowsHowLongWhatIsStoredIsLocked) {
    outbox_->add(make_item("a"));
    outbox_->set_locked(kHere, "a", Timestamp{100, 0});
    EXPECT_EQ(get("a").locked_until, std::nullopt) << "it is not there yet";
    outbox_->set_stored(kHere, "a", "id", {5, 6});
    outbox_->set_locked(kHere, "a", Timestamp{100, 0});
    reopen();
    EXPECT_EQ(get("a").locked_until, (Timestamp{100, 0}));
    outbox_->set_locked(kHere, "a", std::nullopt);
    EXPECT_EQ(get("a").locked_until, std::nullopt);
    outbox_->set_locked(kHere, "a", Timestamp{100, 0});
    outbox_->set_waiting(kHere, "a");
    EXPECT_EQ(get("a").locked_until, std::nullopt);
}

TEST_F(OutboxTest, KeepsAnItemAcrossOpening) {
    outbox_->add(make_item("v\xff\n", 7, Part::manifest));
    outbox_->save_resume_state(kHere, "v\xff\n", std::string_view("a\0b", 3));
    outbox_->set_failed(kHere, "v\xff\n", "no luck", {5, 6});
    outbox_->set_failed(kHere, "v\xff\n", "no luck again", {7, 8});
    reopen();
    OutboxItem item = get("v\xff\n");
    EXPECT_EQ(item.target, kHere);
    EXPECT_EQ(item.run, 7U);
    EXPECT_EQ(item.part, Part::manifest);
    EXPECT_EQ(item.size_bytes, 1003U);
    EXPECT_EQ(item.sha256, sha256("v\xff\n"));
    EXPECT_EQ(item.tree_hash, sha256("v\xff\ntree"));
    EXPECT_EQ(item.state, State::waiting);
    EXPECT_EQ(item.resume_state, std::string_view("a\0b", 3));
    EXPECT_EQ(item.attempts, 2U);
    EXPECT_EQ(item.last_error, "no luck again");
    EXPECT_EQ(item.failed_at, (Timestamp{7, 8}));
}

TEST_F(OutboxTest, StoredForgetsWhatWentWrong) {
    outbox_->add(make_item("v"));
    outbox_->save_resume_state(kHere, "v", "part 3");
    outbox_->set_failed(kHere, "v", "no luck", {5, 6});
    outbox_->set_stored(kHere, "v", "id 1", {100, 200});
    OutboxItem item = get("v");
    EXPECT_EQ(item.state, State::stored);
    EXPECT_EQ(item.object_id, "id 1");
    EXPECT_EQ(item.stored_at, (Timestamp{100, 200}));
    EXPECT_EQ(item.resume_state + item.last_error, "");
    EXPECT_EQ(item.attempts, 0U);
    EXPECT_FALSE(outbox_->next(kHere, {}));
    outbox_->set_waiting(kHere, "v");
    EXPECT_EQ(get("v").state, State::waiting);
    EXPECT_EQ(get("v").object_id, "");
    EXPECT_EQ(outbox_->next(kHere, {})->name, "v");
}

TEST_F(OutboxTest, GivesOldestRunsFirstAndTheReadmeLast) {
    outbox_->add(make_item("README.restore.txt", 0, Part::readme));
    outbox_->add(make_item("b.log", 2, Part::log));
    outbox_->add(make_item("b.manifest.zst", 2, Part::manifest));
    outbox_->add(make_item("b.tar", 2));
    outbox_->add(make_item("z.log", 1, Part::log));
    outbox_->add(make_item("z.manifest.zst", 1, Part::manifest));
    outbox_->add(make_item("z.tar.001", 1));
    outbox_->add(make_item("z.tar", 1));
    outbox_->add(make_item("a.tar", 10));
    EXPECT_THAT(order(), ElementsAre("z.tar", "z.tar.001", "z.manifest.zst", "z.log", "b.tar",
                                     "b.manifest.zst", "b.log", "a.tar", "README.restore.txt"));
    outbox_->set_stored(kHere, "z.tar", "", {});
    EXPECT_EQ(outbox_->next(kHere, {})->name, "z.tar.001");
    EXPECT_EQ(outbox_->next(kHere, {"z.tar.001", "z.log"})->name, "z.manifest.zst");
}

TEST_F(OutboxTest, AddingAgainChangesNothingUnlessTheContentDid) {
    outbox_->add(make_item("v"));
    outbox_->set_stored(kHere, "v", "id", {1, 2});
    outbox_->add(make_item("v"));
    EXPECT_EQ(get("v").state, State::stored);
    OutboxItem other = make_item("v");
    other.sha256 = sha256("other");
    outbox_->add(other);
    OutboxItem item = get("v");
    EXPECT_EQ(item.state, State::waiting);
    EXPECT_EQ(item.sha256, sha256("other"));
    EXPECT_EQ(item.object_id, "");
    EXPECT_EQ(item.stored_at, Timestamp{});
}

TEST_F(OutboxTest, TargetsKeepApart) {
    outbox_->add(make_item("v"));
    outbox_->add(make_item("v", 1, Part::volume, kThere));
    outbox_->add(make_item("w", 1, Part::volume, kThere));
    outbox_->set_stored(kThere, "v", "", {});
    EXPECT_THAT(order(kHere), ElementsAre("v"));
    EXPECT_THAT(order(kThere), ElementsAre("w"));
    outbox_->remove(kThere, "v");
    EXPECT_EQ(outbox_->items(kThere).size(), 1U);
    EXPECT_EQ(outbox_->items(kHere).size(), 1U);
}

TEST_F(OutboxTest, DiscardedStaysSoUntilItIsAddedAgain) {
    outbox_->add(make_item("v"));
    outbox_->add(make_item("w", 1, Part::volume, kThere));
    outbox_->add(make_item("v", 1, Part::volume, kThere));
    outbox_->discard("v");
    EXPECT_FALSE(outbox_->next(kHere, {}));
    EXPECT_THAT(order(kThere), ElementsAre("w"));
    // A put that was on its way meanwhile.
    outbox_->set_stored(kHere, "v", "id", {1, 0});
    EXPECT_EQ(get("v").state, State::discarded);
    EXPECT_EQ(get("v").object_id, "id");
    outbox_->add(make_item("v"));
    EXPECT_EQ(get("v").state, State::waiting);
    EXPECT_EQ(get("v", kThere).state, State::discarded);
}

TEST_F(OutboxTest, UnknownItemsAreLeftAlone) {
    outbox_->set_stored(kHere, "v", "", {});
    outbox_->set_failed(kHere, "v", "x", {});
    outbox_->set_waiting(kHere, "v");
    outbox_->save_resume_state(kHere, "v", "x");
    outbox_->discard("v");
    outbox_->remove(kHere, "v");
    EXPECT_FALSE(outbox_->find(kHere, "v"));
    EXPECT_TRUE(outbox_->items(kHere).empty());
}

TEST_F(OutboxTest, IsItsOwnersOnly) {
    struct stat st {};
    ASSERT_EQ(stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0600U);
}

TEST_F(OutboxTest, TwoConnectionsSeeEachOthersWork) {
    constexpr int kEach = 40;
    auto fill = [this](const char* prefix) {
        auto own = Outbox::open(path_);
        for (int i = 0; i < kEach; ++i) own->add(make_item(format("{}{}", prefix, i)));
    };
    std::jthread other(fill, "a");
    fill("b");
    other.join();
    EXPECT_EQ(outbox_->items(kHere).size(), 2U * kEach);
    EXPECT_EQ(Outbox::open_read_only(path_)->items(kHere).size(), 2U * kEach);
}

Error::Kind kind_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    ADD_FAILURE() << "no Error";
    return Error::Kind::cancelled;
}

TEST_F(OutboxTest, ReadingAMissingOneIsNotFound) {
    EXPECT_EQ(kind_of([&] { Outbox::open_read_only(dir_.path("none.db")); }), Error::Kind::not_found);
    EXPECT_FALSE(path_exists(dir_.path("none.db")));
}

TEST_F(OutboxTest, ACatalogueIsNoOutbox) {
    std::string catalog = dir_.path("catalog.db");
    Catalog::open(catalog);
    EXPECT_EQ(kind_of([&] { Outbox::open(catalog); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of([&] { Catalog::open(path_); }), Error::Kind::corrupt);
}

TEST_F(OutboxTest, ANewerOneIsRefused) {
    outbox_.reset();
    {
        sql::Connection db(path_, SQLITE_OPEN_READWRITE, path_);
        db.exec("PRAGMA user_version = 99");
    }
    EXPECT_EQ(kind_of([&] { Outbox::open(path_); }), Error::Kind::unsupported);
}

// Wherever a byte is damaged, opening and using it works or gives Error{corrupt}.
TEST_F(OutboxTest, DamageIsFound) {
    for (unsigned i = 0; i < 100; ++i) outbox_->add(make_item(format("volume-{}", i), i));
    outbox_.reset();
    std::string good = read_file(path_);
    ASSERT_GT(good.size(), 8192U);
    unsigned found = 0;
    for (std::size_t at = 0; at < good.size(); at += 97) {
        std::string bad = good;
        bad[at] = static_cast<char>(~bad[at]);
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << bad;
        std::filesystem::remove(path_ + "-wal");
        std::filesystem::remove(path_ + "-shm");
        try {
            auto outbox = Outbox::open(path_);
            outbox->items(kHere);
            outbox->next(kHere, {});
            outbox->add(make_item("new"));
        } catch (const Error& error) {
            ++found;
            bool expected = error.kind() == Error::Kind::corrupt || error.kind() == Error::Kind::unsupported;
            EXPECT_TRUE(expected) << at << ": " << error.message();
            if (error.kind() == Error::Kind::corrupt) {
                EXPECT_THAT(error.hint(), testing::HasSubstr("the outbox is a cache")) << error.message();
            }
        }
    }
    EXPECT_GT(found, 20U);
    for (std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{4096}, good.size() - 1}) {
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << good.substr(0, size);
        EXPECT_EQ(kind_of([&] { Outbox::open(path_)->items(kHere); }), Error::Kind::corrupt) << size;
    }
}

}  // namespace
}  // namespace icecore::catalog
