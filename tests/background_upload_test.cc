// Uploading while a run packs.

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <latch>
#include <mutex>

#include "base/format.h"
#include "base/forwarding_file_system.h"
#include "base/stream_hash.h"
#include "fake_target.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

/// What happened how often; whoever waits for what never comes fails after a minute.
class Counter {
  public:
    void add() {
        std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    unsigned count() const {
        std::lock_guard lock(mutex_);
        return count_;
    }
    bool wait_for(unsigned count) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return count_ >= count; });
    }

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    unsigned count_ = 0;
};

/// Counts the volumes that are sealed, and the objects that get their names at the target; one of the
/// backup directory's files cannot be made.
class WatchedFileSystem final : public ForwardingFileSystem {
  public:
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        if (!refused.empty() && name.ends_with(refused)) throw Error(Error::Kind::io, "no more of this");
        return std::make_unique<Watched<OutputFile>>(
            ForwardingFileSystem::create(dir, name, replace),
            name.find(".tar") == std::string::npos ? others : volumes);
    }
    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        return std::make_unique<WatchedPartial>(ForwardingFileSystem::open_partial(dir, name, replace),
                                                objects);
    }
    Counter volumes, objects, others;
    std::string refused;

  private:
    template <typename Base>
    class Watched : public Base {
      public:
        Watched(std::unique_ptr<Base> inner, Counter& sealed) : inner_(std::move(inner)), sealed_(sealed) {}
        void write(std::string_view data) override { inner_->write(data); }
        void seal() override {
            inner_->seal();
            sealed_.add();
        }
        void sync() override { inner_->sync(); }
        int fd() const override { return inner_->fd(); }

      protected:
        std::unique_ptr<Base> inner_;

      private:
        Counter& sealed_;
    };
    class WatchedPartial final : public Watched<PartialFile> {
      public:
        using Watched::Watched;
        std::uint64_t size_bytes() const override { return inner_->size_bytes(); }
        void cut(std::uint64_t size_bytes) override { inner_->cut(size_bytes); }
    };
};

/// Ends a run without any of its own cleaning up.
struct Killed {};

/// Holds packing up until a volume is sealed, lets the packer notice that, and then holds it up until the
/// target has an object.
class PatientObserver final : public engine::Observer {
  public:
    PatientObserver(WatchedFileSystem& fs, const engine::SetOptions& set) : fs_(fs), set_(set) {}
    void progress(const engine::Progress& progress) override {
        bool volume_is_full = progress.stored_bytes > 2 * set_.volume_bytes_max;
        if (progress.phase != engine::Progress::Phase::packing || !volume_is_full || waited_) return;
        if (!std::exchange(sealed_, true)) {
            fs_.volumes.wait_for(1);
        } else {
            waited_ = true;
            stored_in_time = fs_.objects.wait_for(1);
            volumes_then = fs_.volumes.count();
            if (kill) throw Killed();
        }
    }
    void warning(std::string_view) override {}
    bool kill = false;
    bool stored_in_time = false;
    unsigned volumes_then = 0;

  private:
    WatchedFileSystem& fs_;
    const engine::SetOptions& set_;
    bool sealed_ = false;
    bool waited_ = false;
};

class BackgroundUploadTest : public UploadTest {
  protected:
    engine::BackupResult watched_backup(std::int64_t clock_ahead_seconds = 10) {
        ShiftedClock clock(clock_ahead_seconds);
        const engine::Environment& base = runs_.environment();
        engine::Environment environment{clock, fs_,           base.host,  base.program_version,
                                        1,     base.sleep_ns, base.random};
        return engine::run_backup(environment, runs_.set, {}, observer_);
    }
    WatchedFileSystem fs_;
    PatientObserver observer_{fs_, runs_.set};
};

TEST_F(BackgroundUploadTest, AVolumeIsStoredBeforePackingEnds) {
    engine::BackupResult result = watched_backup();
    EXPECT_TRUE(observer_.stored_in_time);
    EXPECT_LT(observer_.volumes_then, result.trailer.volumes.size());
    EXPECT_TRUE(result.upload->complete());
    EXPECT_EQ(result.upload->files, sealed().size());
    expect_everything_offsite();
}

TEST_F(BackgroundUploadTest, WhatAFailedRunStoredIsPartOfTheArchiveThatItBecomes) {
    fs_.refused = ".003";
    EXPECT_THROW(watched_backup(), Error);
    EXPECT_TRUE(observer_.stored_in_time);
    EXPECT_THAT(stored(), Not(IsEmpty()));
    EXPECT_TRUE(backup().upload->complete());
    expect_everything_offsite();
}

TEST_F(BackgroundUploadTest, WhatAnInterruptedRunStoredIsPartOfTheArchiveThatItBecomes) {
    observer_.kill = true;
    EXPECT_THROW(watched_backup(), Killed);
    EXPECT_TRUE(observer_.stored_in_time);
    EXPECT_THAT(stored(), Not(IsEmpty()));
    std::string first = *stored().begin();
    engine::BackupResult next = backup();
    EXPECT_EQ(next.header.run, 2U);
    EXPECT_TRUE(next.upload->complete());
    EXPECT_TRUE(stored().contains(first));
    expect_everything_offsite();
}

// Half an archive at the target would be in the way of whoever restores from there by hand.
TEST_F(BackgroundUploadTest, WhatIsRemovedHereIsRemovedThere) {
    std::string deep = "deep";  // such a run is kept as a whole or not at all
    while (deep.size() < 4200) deep += "/" + std::string(100, 'd');
    tree_.file(deep + "/file", "below");
    observer_.kill = true;
    EXPECT_THROW(watched_backup(), Killed);
    EXPECT_TRUE(observer_.stored_in_time);
    ASSERT_THAT(stored(), Not(IsEmpty()));
    std::string first = *stored().begin();
    observer_.kill = false;
    EXPECT_TRUE(watched_backup(3600).upload->complete());  // which has other names
    EXPECT_FALSE(stored().contains(first));
    expect_everything_offsite();
}

class HandedVolumes : public UploadTest {
  protected:
    /// Files that stand for volumes.
    archive::VolumeInfo volume(const std::string& name) {
        std::string content = noise(100'000, static_cast<std::uint32_t>(name.size()));
        write_file_durably(const_cast<FileSystem&>(runs_.environment().fs), runs_.set.backup_dir, name,
                           content, false);
        return {0, name, content.size(), 0, sha256(content), digests_of(content).tree_hash};
    }
};

TEST_F(HandedVolumes, WhatIsLeftOnDestructionWaits) {
    backup(true);
    FakeTarget target;
    std::latch on_its_way(1);
    target.on_put = [&](const store::Upload&, const auto& sent) {
        on_its_way.count_down();
        for (;;) sent(0);  // until it is stopped
    };
    {
        engine::BackgroundUploader uploader(runs_.environment(), runs_.set, target, runs_.observer);
        uploader.add_volume(2, volume("set-2a"));
        on_its_way.wait();
        uploader.add_volume(2, volume("set-2bb"));
    }
    EXPECT_THAT(target.puts, ::testing::ElementsAre("set-2a"));
    auto items = outbox()->items("fake:here");
    ASSERT_EQ(items.size(), 2U);
    for (const catalog::OutboxItem& item : items) {
        EXPECT_EQ(item.state, catalog::OutboxItem::State::waiting);
        EXPECT_EQ(item.run, 2U);
        EXPECT_EQ(item.attempts, 0U);
    }
    target.on_put = {};
    EXPECT_TRUE(upload_to(target).complete());
    EXPECT_EQ(target.objects.size(), sealed().size());
}

TEST_F(HandedVolumes, AFailedTargetIsAskedOnceAndWhatComesLaterWaits) {
    backup(true);
    FakeTarget target;
    std::latch asked(1);
    target.on_put = [&](const store::Upload&, const auto&) {
        asked.count_down();
        throw Error(Error::Kind::denied, "no");
    };
    engine::BackgroundUploader uploader(runs_.environment(), runs_.set, target, runs_.observer);
    uploader.add_volume(2, volume("set-2a"));
    asked.wait();
    uploader.add_volume(2, volume("set-2bb"));
    engine::UploadResult result = uploader.finish();
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->kind(), Error::Kind::denied);
    EXPECT_EQ(target.puts.size(), 1U);
    EXPECT_EQ(result.waiting_files, sealed().size());
}

TEST_F(HandedVolumes, DiscardedOnesAreRemovedWhereThatCostsNothing) {
    backup(true);
    FakeTarget target;
    {
        engine::BackgroundUploader uploader(runs_.environment(), runs_.set, target, runs_.observer);
        uploader.add_volume(2, volume("set-2a"));
        EXPECT_TRUE(uploader.finish().complete());
    }
    ASSERT_TRUE(target.objects.contains("set-2a"));
    engine::discard_uploads(runs_.set, {"set-2a", "set-unknown"}, runs_.observer);
    std::filesystem::remove(here("set-2a"));
    target.abilities.thaw_needed = true;
    EXPECT_TRUE(upload_to(target).complete());
    EXPECT_TRUE(target.objects.contains("set-2a"));
    target.abilities.thaw_needed = false;
    EXPECT_TRUE(upload_to(target).complete());
    EXPECT_EQ(target.objects.size(), sealed().size());
    EXPECT_FALSE(target.objects.contains("set-2a"));
    EXPECT_FALSE(outbox()->find("fake:here", "set-2a"));
}

// What waited from before goes out while the run packs.
TEST_F(HandedVolumes, TheBacklogGoesFirst) {
    backup(true);
    FakeTarget target;
    target.on_put = [](const store::Upload&, const auto&) { throw Error(Error::Kind::io, "dead"); };
    upload_to(target);
    target.puts.clear();
    Counter begun;
    target.on_put = [&](const store::Upload&, const auto&) { begun.add(); };
    auto backlog = static_cast<unsigned>(sealed().size());
    engine::BackgroundUploader uploader(runs_.environment(), runs_.set, target, runs_.observer);
    EXPECT_TRUE(begun.wait_for(backlog));  // before any volume is handed over
    uploader.add_volume(2, volume("set-2a"));
    EXPECT_TRUE(uploader.finish().complete());
    EXPECT_EQ(target.puts.back(), "set-2a");
}

}  // namespace
}  // namespace icecore::testing
