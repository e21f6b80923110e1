#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "store/test_support.h"

// What every target and every wrapper of a target must do (target.h), as one suite of tests. To run it, write
// a place and instantiate the suite:
//
//     struct MyPlace {                              // default-constructed for each test: empty, of its own
//         std::unique_ptr<Target> open();           // another Target for the same place, as a next run has
//         it void let_time_pass();                     // until thaws and inventories under way are ready
//         std::uint64_t resent_bytes_max() const;   // how much of a stopped put may go out a second time
//     };
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, TargetConformance, MyPlace);

namespace icecore::store {

template <typename Place>
class TargetConformance : public ::testing::Test {
  protected:
    /// What an action gives that may have to wait for the list (a vault's inventory), and for what was stored
    /// just now to be in it.
    template <typename Action>
    std::invoke_result_t<Action> once_listed(Action action) {
        if (target_->capabilities().lists_at_once) return action();
        place_.let_time_pass();
        try {
            return action();
        } catch (const Error& error) {
            if (error.kind() != Error::Kind::not_ready) throw;
        }
        place_.let_time_pass();
        return action();
    }

    /// The objects, waiting for the list where it takes a job; by name.
    std::vector<ObjectInfo> list() {
        std::vector<ObjectInfo> objects;
        once_listed([&] {
            objects.clear();
            target_->list(ListScope::this_set, [&](const ObjectInfo& info) { objects.push_back(info); });
        });
        std::sort(objects.begin(), objects.end(),
                  [](const ObjectInfo& a, const ObjectInfo& b) { return a.ref.name < b.ref.name; });
        return objects;
    }

    std::vector<std::string> listed_names() {
        std::vector<std::string> names;
        for (const ObjectInfo& info : list()) names.push_back(info.ref.name);
        return names;
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) {
        return once_listed([&] { return target_->stat(object); });
    }
    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha, const Digest& tree) {
        once_listed([&] { target_->verify(object, size_bytes, sha, tree); });
    }

    /// Where an object is not there, a target that must thaw may not know more than that it is not readable.
    void expect_not_there(const std::function<void()>& action) {
        Error::Kind kind = kind_thrown_by(action);
        if (target_->capabilities().lists_at_once)
            EXPECT_EQ(kind, Error::Kind::not_found);
        else
            EXPECT_TRUE(kind == Error::Kind::not_found || kind == Error::Kind::not_ready);
    }

    static ThawRequest thaw_of(const ObjectRef& object, std::uint64_t size_bytes) {
        ThawRequest request;
        request.object = object;
        request.length_bytes = size_bytes;
        return request;
    }

    void make_readable(const ObjectRef& object, std::uint64_t size_bytes) {
        ThawState state = target_->request_thaw(thaw_of(object, size_bytes));
        if (state.phase == ThawState::Phase::pending) place_.let_time_pass();
        state = target_->poll_thaw(thaw_of(object, size_bytes), state.ticket);
        ASSERT_EQ(state.phase, ThawState::Phase::ready) << state.message;
    }

    /// That `object` holds what `source` does.
    void expect_content(const ObjectRef& object, const PatternSource& source) {
        make_readable(object, source.size_bytes());
        std::uint64_t at = 0;
        bool same = true;
        target_->read({object, 0, source.size_bytes(), {}}, [&](std::string_view piece) {
            same = same && piece == source.bytes(at, piece.size());
            at += piece.size();
        });
        EXPECT_EQ(at, source.size_bytes());
        EXPECT_TRUE(same) << object.name;
    }

    void expect_nothing_but(const std::vector<std::string>& names) { EXPECT_EQ(listed_names(), names); }

    Place place_;
    std::unique_ptr<Target> target_ = place_.open();
};

TYPED_TEST_SUITE_P(TargetConformance);

TYPED_TEST_P(TargetConformance, IdentityStays) {
    EXPECT_FALSE(this->target_->identity().empty());
    EXPECT_EQ(this->place_.open()->identity(), this->target_->identity());
}

TYPED_TEST_P(TargetConformance, WhatIsNotThere) {
    Target& target = *this->target_;
    EXPECT_NO_THROW(target.check());
    ObjectRef none{"none", "no-such-id"};
    auto ignore = [](std::string_view) {};
    EXPECT_FALSE(this->stat(none));
    EXPECT_EQ(kind_thrown_by([&] { this->verify(none, 1, sha256("x"), sha256("x")); }),
              Error::Kind::not_found);
    this->expect_not_there([&] { target.read({none, 0, 1, {}}, ignore); });
    EXPECT_EQ(kind_thrown_by([&] { target.request_thaw(this->thaw_of(none, 1)); }), Error::Kind::not_found);
    target.remove(none);
    this->expect_nothing_but({});
}

TYPED_TEST_P(TargetConformance, StoresAndProves) {
    PatternSource source(1, 100'000);
    Upload upload = source.upload("first.tar.zst");
    MemoryResume resume;
    std::uint64_t sent = 0;
    ObjectRef object =
        this->target_->put(upload, source, resume, [&](std::uint64_t bytes) { sent += bytes; });
    EXPECT_EQ(sent, source.size_bytes());
    EXPECT_EQ(object.name, "first.tar.zst");

    this->target_ = this->place_.open();
    Target& target = *this->target_;
    auto verify = [&](std::uint64_t size, const Digest& digest, const Digest& tree) {
        this->verify(object, size, digest, tree);
    };
    verify(source.size_bytes(), upload.sha256, upload.tree_hash);
    EXPECT_EQ(kind_thrown_by([&] { verify(source.size_bytes() + 1, upload.sha256, upload.tree_hash); }),
              Error::Kind::corrupt);
    EXPECT_EQ(kind_thrown_by([&] { verify(source.size_bytes(), sha256("x"), sha256("y")); }),
              Error::Kind::corrupt);

    std::vector<ObjectInfo> seen = this->list();
    ASSERT_EQ(seen.size(), 1U);
    seen.push_back(this->stat(object).value());
    for (const ObjectInfo& info : seen) {
        EXPECT_EQ(info.ref, object);
        EXPECT_EQ(info.size_bytes, source.size_bytes());
        EXPECT_TRUE(info.sha256.empty() || info.sha256 == upload.sha256);
        EXPECT_TRUE(info.tree_hash.empty() || info.tree_hash == upload.tree_hash);
        EXPECT_EQ(info.readable, !target.capabilities().thaw_needed);
    }
    this->expect_content(object, source);
}

TYPED_TEST_P(TargetConformance, SizesAtBorders) {
    for (std::uint64_t size : {std::uint64_t{1}, kMiB - 1, kMiB, kMiB + 1, 2 * kMiB}) {
        PatternSource source(size, size);
        Upload upload = source.upload("size-" + std::to_string(size));
        ObjectRef object = put_whole(*this->target_, upload, source);
        this->verify(object, size, upload.sha256, upload.tree_hash);
        this->expect_content(object, source);
    }
}

TYPED_TEST_P(TargetConformance, EmptyObject) {
    PatternSource source(1, 0);
    Upload upload = source.upload("empty");
    if (this->target_->capabilities().object_bytes_min > 0) {
        EXPECT_EQ(kind_thrown_by([&] { put_whole(*this->target_, upload, source); }),
                  Error::Kind::unsupported);
        this->expect_nothing_but({});
        return;
    }
    ObjectRef object = put_whole(*this->target_, upload, source);
    this->verify(object, 0, upload.sha256, upload.tree_hash);
    EXPECT_EQ(this->stat(object).value().size_bytes, 0U);
    this->expect_content(object, source);
    EXPECT_EQ(kind_thrown_by([&] { read_range(*this->target_, object, 0, 1); }), Error::Kind::corrupt);
}

TYPED_TEST_P(TargetConformance, ReadsRanges) {
    std::uint64_t step = this->target_->capabilities().range_alignment_bytes;
    std::uint64_t size = 3 * std::max(step, kMiB) + 12'345;
    PatternSource source(2, size);
    ObjectRef object = put_whole(*this->target_, source.upload("ranges"), source);
    this->make_readable(object, size);
    for (std::uint64_t offset : {std::uint64_t{0}, step, kMiB - 1, kMiB, kMiB + 1, size - 1, size}) {
        offset -= offset % step;
        for (std::uint64_t length : {std::uint64_t{0}, step, kMiB - 1, kMiB, kMiB + 1, 2 * kMiB, size}) {
            length = std::min(length - length % step, size - offset);
            EXPECT_TRUE(read_range(*this->target_, object, offset, length) == source.bytes(offset, length))
                << length << " at " << offset;
        }
    }
    std::uint64_t last = size - size % step;
    auto ignore = [](std::string_view) {};
    for (std::uint64_t beyond : {size + 1, size + 10 * kMiB})
        EXPECT_EQ(kind_thrown_by([&] {
                      this->target_->read({object, last, beyond - last, {}}, ignore);
                  }),
                  Error::Kind::corrupt);
}

TYPED_TEST_P(TargetConformance, SinkEndsARead) {
    PatternSource source(3, 3 * kMiB);
    ObjectRef object = put_whole(*this->target_, source.upload("sink"), source);
    this->make_readable(object, source.size_bytes());
    unsigned calls = 0;
    Error error = thrown_by([&] {
        this->target_->read({object, 0, source.size_bytes(), {}}, [&](std::string_view) {
            ++calls;
            throw Error(Error::Kind::transient, "the sink is full");
        });
    });
    EXPECT_EQ(calls, 1U);
    EXPECT_EQ(error.kind(), Error::Kind::transient);
    EXPECT_NE(error.message().find("the sink is full"), std::string::npos) << error.message();
}

TYPED_TEST_P(TargetConformance, ThereAlready) {
    if (!this->target_->capabilities().replaces) GTEST_SKIP() << "names are not unique there";
    PatternSource source(4, 50'000);
    PatternSource other(5, 50'000);
    PatternSource longer(4, 50'001);
    Upload upload = source.upload("object");
    ObjectRef object = put_whole(*this->target_, upload, source);
    this->target_ = this->place_.open();
    MemoryResume resume;
    std::uint64_t sent = 0;
    EXPECT_EQ(this->target_->put(upload, source, resume, [&](std::uint64_t bytes) { sent += bytes; }),
              object);
    EXPECT_EQ(sent, source.size_bytes());
    for (PatternSource* wrong : {&other, &longer})
        EXPECT_EQ(kind_thrown_by([&] { put_whole(*this->target_, wrong->upload("object"), *wrong); }),
                  Error::Kind::exists);
    this->expect_content(object, source);
    this->expect_nothing_but({"object"});
}

TYPED_TEST_P(TargetConformance, Replaces) {
    if (!this->target_->capabilities().replaces) GTEST_SKIP() << "names are not unique there";
    PatternSource old_source(6, 50'000);
    put_whole(*this->target_, old_source.upload("README"), old_source);
    PatternSource source(7, 30'000);
    Upload upload = source.upload("README");
    upload.replace = true;
    ObjectRef object = put_whole(*this->target_, upload, source);
    this->verify(object, source.size_bytes(), upload.sha256, upload.tree_hash);
    this->expect_content(object, source);
    put_whole(*this->target_, upload, source);
    this->expect_nothing_but({"README"});

    PatternSource broken(8, 50'000);
    broken.fail_at = 20'000;
    Upload third = broken.upload("README");
    third.replace = true;
    EXPECT_EQ(kind_thrown_by([&] { put_whole(*this->target_, third, broken); }), Error::Kind::io);
    this->expect_content(object, source);
}

TYPED_TEST_P(TargetConformance, GoesOnAfterAStop) {
    PatternSource source(9, 70 * kMiB + 3);
    Upload upload = source.upload("large");
    MemoryResume resume;
    source.fail_at = 68 * kMiB;
    auto ignore = [](std::uint64_t) {};
    EXPECT_EQ(kind_thrown_by([&] { this->target_->put(upload, source, resume, ignore); }), Error::Kind::io);
    // Where a list takes a day, an unfinished put would be forgotten meanwhile.
    if (this->target_->capabilities().lists_at_once) this->expect_nothing_but({});

    this->target_ = this->place_.open();
    source.fail_at.reset();
    source.bytes_read = 0;
    std::uint64_t sent = 0;
    ObjectRef object =
        this->target_->put(upload, source, resume, [&](std::uint64_t bytes) { sent += bytes; });
    EXPECT_EQ(sent, source.size_bytes());
    EXPECT_LE(source.bytes_read, source.size_bytes() - 68 * kMiB + this->place_.resent_bytes_max());
    this->verify(object, source.size_bytes(), upload.sha256, upload.tree_hash);
    this->expect_content(object, source);
    this->expect_nothing_but({"large"});
}

TYPED_TEST_P(TargetConformance, ListenerEndsAPut) {
    PatternSource source(10, 3 * kMiB);
    Upload upload = source.upload("cancelled");
    MemoryResume resume;
    EXPECT_EQ(kind_thrown_by([&] {
                  this->target_->put(upload, source, resume,
                                     [](std::uint64_t) { throw Error(Error::Kind::cancelled, "stopped"); });
              }),
              Error::Kind::cancelled);
    ObjectRef object = this->target_->put(upload, source, resume, [](std::uint64_t) {});
    this->expect_content(object, source);
}

TYPED_TEST_P(TargetConformance, StateThatDoesNotFit) {
    constexpr std::uint64_t kSize = 3 * kMiB;
    PatternSource stopped(11, kSize);
    stopped.fail_at = 2 * kMiB;
    MemoryResume of_another;
    EXPECT_EQ(kind_thrown_by([&] {
                  this->target_->put(stopped.upload("object"), stopped, of_another, [](std::uint64_t) {});
              }),
              Error::Kind::io);
    std::string garbage("\xff\0{\"a\": [", 8);
    for (const std::string& state : {of_another.state, garbage, std::string(1000, '9')}) {
        PatternSource source(12, kSize);
        Upload upload = source.upload("object");
        MemoryResume resume;
        resume.state = state;
        ObjectRef object = this->target_->put(upload, source, resume, [](std::uint64_t) {});
        this->verify(object, kSize, upload.sha256, upload.tree_hash);
        this->expect_content(object, source);
        this->target_->remove(object);
    }
}

TYPED_TEST_P(TargetConformance, RefusesAWrongSource) {
    PatternSource source(13, 2 * kMiB);
    Upload right = source.upload("object");
    Upload wrong = right;
    wrong.sha256 = sha256("x");
    wrong.tree_hash = sha256("y");
    MemoryResume resume;
    auto ignore = [](std::uint64_t) {};
    EXPECT_EQ(kind_thrown_by([&] { this->target_->put(wrong, source, resume, ignore); }),
              Error::Kind::corrupt);
    source.fail_at = kMiB;
    source.fail_kind = Error::Kind::corrupt;  // it is shorter than it said
    EXPECT_EQ(kind_thrown_by([&] { this->target_->put(right, source, resume, ignore); }),
              Error::Kind::corrupt);
    this->expect_nothing_but({});
    source.fail_at.reset();
    ObjectRef object = this->target_->put(right, source, resume, ignore);
    this->expect_content(object, source);
}

TYPED_TEST_P(TargetConformance, ListsAll) {
    std::vector<std::string> names;
    for (unsigned i = 0; i < 12; ++i) {
        PatternSource source(i, 1000 + i);
        names.push_back("home-" + std::to_string(1'000'000 + i) + "-full.tar.zst");
        put_whole(*this->target_, source.upload(names.back()), source);
    }
    this->expect_nothing_but(names);
}

TYPED_TEST_P(TargetConformance, Removes) {
    PatternSource source(14, 1000);
    ObjectRef first = put_whole(*this->target_, source.upload("first"), source);
    ObjectRef second = put_whole(*this->target_, source.upload("second"), source);
    this->target_->remove(first);
    this->target_->remove(first);
    this->target_ = this->place_.open();
    EXPECT_FALSE(this->stat(first));
    this->expect_not_there([&] { read_range(*this->target_, first, 0, 1); });
    this->expect_nothing_but({"second"});
    this->expect_content(second, source);
    put_whole(*this->target_, source.upload("first"), source);
    this->expect_nothing_but({"first", "second"});
}

TYPED_TEST_P(TargetConformance, Thaws) {
    PatternSource source(15, 10'000);
    ObjectRef object = put_whole(*this->target_, source.upload("cold"), source);
    ThawRequest request = this->thaw_of(object, source.size_bytes());
    ThawState state = this->target_->request_thaw(request);
    if (this->target_->capabilities().thaw_needed) {
        EXPECT_EQ(state.phase, ThawState::Phase::pending);
        try {
            EXPECT_FALSE(this->target_->stat(object).value_or(ObjectInfo{.readable = false}).readable);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), Error::Kind::not_ready);  // nothing is listed yet
        }
        EXPECT_EQ(kind_thrown_by([&] { read_range(*this->target_, object, 0, source.size_bytes()); }),
                  Error::Kind::not_ready);
        state = this->target_->request_thaw(request);
        EXPECT_EQ(state.phase, ThawState::Phase::pending);
        this->target_ = this->place_.open();
        EXPECT_EQ(this->target_->poll_thaw(request, state.ticket).phase, ThawState::Phase::pending);
        this->place_.let_time_pass();
    }
    EXPECT_EQ(this->target_->poll_thaw(request, state.ticket).phase, ThawState::Phase::ready);
    EXPECT_TRUE(read_range(*this->target_, object, 0, source.size_bytes()) ==
                source.bytes(0, source.size_bytes()));
}

REGISTER_TYPED_TEST_SUITE_P(TargetConformance, IdentityStays, WhatIsNotThere, StoresAndProves, SizesAtBorders,
                            EmptyObject, ReadsRanges, SinkEndsARead, ThereAlready, Replaces, GoesOnAfterAStop,
                            ListenerEndsAPut, StateThatDoesNotFit, RefusesAWrongSource, ListsAll, Removes,
                            Thaws);

}  // namespace icecore::store
