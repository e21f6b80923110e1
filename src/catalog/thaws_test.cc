#include "catalog/thaws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "catalog/sqlite.h"
#include "catalog/test_support.h"

namespace icecore::catalog {
namespace {

using ::testing::ElementsAre;

Thaw make_thaw(const std::string& name, std::uint64_t offset = 0, const char* target = "vault") {
    Thaw thaw;
    thaw.target = target;
    thaw.name = name;
    thaw.object_id = "id of " + name;
    thaw.object_bytes = 1 << 20;
    thaw.offset = offset;
    thaw.length_bytes = 4096;
    thaw.tier = 2;
    return thaw;
}

class ThawsTest : public ::testing::Test {
  protected:
    std::vector<std::string> names(const char* target = "vault") const {
        std::vector<std::string> found;
        for (const Thaw& thaw : Thaws::open_read_only(path_)->all(target))
            found.push_back(format("{}@{}", thaw.name, thaw.offset));
        return found;
    }
    TemporaryDirectory dir_;
    std::string path_ = dir_.path("thaws.db");
    std::unique_ptr<Thaws> thaws_ = Thaws::open(path_);
};

TEST_F(ThawsTest, AllAtOnceOrNothing) {
    thaws_->at_once([&] {
        thaws_->add(make_thaw("a"));
        thaws_->add(make_thaw("b"));
        EXPECT_THAT(names(), ElementsAre()) << "nobody sees half of it";
    });
    EXPECT_THAT(names(), ElementsAre("a@0", "b@0"));
    EXPECT_THROW(thaws_->at_once([&] {
        thaws_->add(make_thaw("c"));
        throw Error(Error::Kind::io, "stop");
    }),
                 Error);
    EXPECT_THAT(names(), ElementsAre("a@0", "b@0"));
    thaws_->add(make_thaw("d"));
    EXPECT_THAT(names(), ElementsAre("a@0", "b@0", "d@0"));
}

TEST_F(ThawsTest, EachTargetsInOrder) {
    thaws_->add(make_thaw("b", 8192));
    thaws_->add(make_thaw("b", 4096));
    std::int64_t gone = thaws_->add(make_thaw("c"));
    thaws_->add(make_thaw("a"));
    thaws_->add(make_thaw("z", 0, "another"));
    thaws_->remove(gone);
    thaws_->remove(gone);
    EXPECT_THAT(names(), ElementsAre("a@0", "b@4096", "b@8192"));
    EXPECT_THAT(names("another"), ElementsAre("z@0"));
}

TEST_F(ThawsTest, AllThatChangesIsKept) {
    Thaw thaw = make_thaw("a", 4096);
    thaw.id = thaws_->add(thaw);
    thaw.state = Thaw::State::ready;
    thaw.ticket = std::string("job\0 1", 6);
    thaw.tier = 1;
    thaw.asked_at = {1795402800, 5};
    thaw.until = Timestamp{1795402900, 999'999'999};
    thaw.length_bytes = 2048;
    thaw.fetched_bytes = 2048;
    thaw.attempts = 2;
    thaw.message = "slow";
    thaws_->update(thaw);
    thaws_ = Thaws::open(path_);
    Thaw found = thaws_->all("vault").at(0);
    EXPECT_EQ(found.id, thaw.id);
    EXPECT_EQ(found.object_id, "id of a");
    EXPECT_EQ(found.object_bytes, 1U << 20);
    EXPECT_EQ(found.state, thaw.state);
    EXPECT_EQ(found.ticket, thaw.ticket);
    EXPECT_EQ(found.tier, 1U);
    EXPECT_EQ(found.asked_at, thaw.asked_at);
    EXPECT_EQ(found.until, thaw.until);
    EXPECT_EQ(found.length_bytes, 2048U);
    EXPECT_EQ(found.fetched_bytes, 2048U);
    EXPECT_EQ(found.attempts, 2U);
    EXPECT_EQ(found.message, "slow");
    thaw.until.reset();
    thaws_->update(thaw);
    EXPECT_EQ(thaws_->all("vault").at(0).until, std::nullopt);
}

TEST_F(ThawsTest, WhatCannotHaveBeenWrittenIsRefused) {
    thaws_->add(make_thaw("a", 4096));
    for (const char* lie : {"fetched_bytes = 4097", "range_offset = 1048576", "length_bytes = -1", "tier = 3",
                            "state = 120", "until_ns = 1000000000"}) {
        Thaw whole = thaws_->all("vault").at(0);
        {
            sql::Connection db(path_, SQLITE_OPEN_READWRITE, path_);
            db.exec(format("UPDATE thaw SET {}", lie));
        }
        try {
            thaws_->all("vault");
            ADD_FAILURE() << lie;
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::corrupt) << lie;
        }
        thaws_->remove(whole.id);
        thaws_->add(make_thaw("a", 4096));
    }
}

TEST_F(ThawsTest, ReadingNeedsAFile) {
    try {
        Thaws::open_read_only(dir_.path("none.db"));
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::not_found);
    }
}

}  // namespace
}  // namespace icecore::catalog
