#include <gmock/gmock.h>

#include <functional>

#include "base/forwarding_file_system.h"
#include "base/test_dir.h"
#include "store/dir_target.h"
#include "store/test_support.h"

// A directory target whose machine dies at every step, and one whose disk lies.

namespace icecore::store {
namespace {

/// The operating system's, to change some of.
class ForwardingFile : public PartialFile {
  public:
    explicit ForwardingFile(std::unique_ptr<PartialFile> file) : file_(std::move(file)) {}
    void write(std::string_view data) override { file_->write(data); }
    void seal() override { file_->seal(); }
    int fd() const override { return file_->fd(); }
    std::uint64_t size_bytes() const override { return file_->size_bytes(); }
    void cut(std::uint64_t size_bytes) override { file_->cut(size_bytes); }
    void sync() override { file_->sync(); }

  protected:
    std::unique_ptr<PartialFile> file_;
};

/// Dies at its N-th step: from then on every call fails, and what was written to a partial file and not
/// synced has become zeros.
class DyingFileSystem final : public ForwardingFileSystem {
  public:
    explicit DyingFileSystem(unsigned dies_at) : dies_at_(dies_at) {}
    bool dead() const { return steps_ >= dies_at_; }

    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        step();
        return std::make_unique<File>(*this, ForwardingFileSystem::open_partial(dir, name, replace));
    }
    void remove(const std::string& dir, const std::string& name) override {
        step();
        ForwardingFileSystem::remove(dir, name);
        step();
    }
    void make_directory(const std::string& dir, const std::string& name) override {
        step();
        ForwardingFileSystem::make_directory(dir, name);
        step();
    }
    void sync(const std::string& dir, const std::string& name) override {
        step();
        ForwardingFileSystem::sync(dir, name);
    }
    void step() override {
        if (!dead()) ++steps_;
        if (dead()) throw Error(Error::Kind::io, "no power");
    }

  private:
    class File final : public ForwardingFile {
      public:
        File(DyingFileSystem& fs, std::unique_ptr<PartialFile> file)
            : ForwardingFile(std::move(file)), fs_(fs), synced_bytes_(file_->size_bytes()) {}
        ~File() override {
            if (!fs_.dead() || sealed_) return;
            std::string zeros(file_->size_bytes() - synced_bytes_, '\0');
            file_->cut(synced_bytes_);
            file_->write(zeros);
        }
        void write(std::string_view data) override {
            fs_.step();
            file_->write(data.substr(0, data.size() / 2));
            fs_.step();
            file_->write(data.substr(data.size() / 2));
        }
        void seal() override {
            fs_.step();
            file_->seal();
            sealed_ = true;
            fs_.step();
        }
        void cut(std::uint64_t size_bytes) override {
            fs_.step();
            file_->cut(size_bytes);
            synced_bytes_ = std::min(synced_bytes_, size_bytes);
        }
        void sync() override {
            fs_.step();
            file_->sync();
            synced_bytes_ = file_->size_bytes();
            fs_.step();
        }

      private:
        DyingFileSystem& fs_;
        std::uint64_t synced_bytes_;
        bool sealed_ = false;
    };

    unsigned dies_at_;
    unsigned steps_ = 0;
};

/// Puts or replaces an object with two checkpoints on the way, dying at each step in turn. Each time the
/// object is absent, the old one or the new one; and the next put ends well and leaves nothing else.
TEST(DirTargetPower, DiesAtEveryStep) {
    PatternSource old_source(1, 1000);
    PatternSource source(2, 5 * kMiB);
    for (bool replace : {false, true}) {
        Upload old_upload = old_source.upload("object");
        Upload upload = source.upload("object");
        upload.replace = replace;
        unsigned finished = 0;
        unsigned resumed = 0;
        for (unsigned step = 1; finished == 0; ++step) {
            SCOPED_TRACE(step);
            TestDir dir;
            MemoryResume resume;
            DirTargetOptions options{dir.path(), "host", "set", 2 * kMiB};
            auto fs = make_file_system();
            auto target = make_dir_target(*fs, options);
            if (replace) put_whole(*target, old_upload, old_source);

            DyingFileSystem dying(step);
            auto put = [&](FileSystem& with) {
                make_dir_target(with, options)->put(upload, source, resume, [](std::uint64_t) {});
            };
            try {
                put(dying);
                finished = step;
            } catch (const Error&) {
                ASSERT_TRUE(dying.dead());
            }
            std::optional<ObjectInfo> info = target->stat({"object", ""});
            if (info && info->size_bytes != old_source.size_bytes())
                target->verify(info->ref, source.size_bytes(), upload.sha256, upload.tree_hash);
            EXPECT_TRUE(info || !replace);

            source.bytes_read = 0;
            put(*fs);
            if (source.bytes_read == kMiB) ++resumed;
            target->verify({"object", ""}, source.size_bytes(), upload.sha256, upload.tree_hash);
            EXPECT_THAT(list_directory(dir.path("host/set")), testing::ElementsAre("object"));
        }
        EXPECT_GT(finished, 20U);
        EXPECT_GE(resumed, 3U);
    }
}

/// Its disk changes a byte between the writing and the reading back.
class LyingFileSystem final : public ForwardingFileSystem {
  public:
    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        return std::make_unique<File>(ForwardingFileSystem::open_partial(dir, name, replace));
    }

  private:
    class File final : public ForwardingFile {
      public:
        using ForwardingFile::ForwardingFile;
        void write(std::string_view data) override {
            std::string changed(data);
            if (file_->size_bytes() == 0) changed[100] = static_cast<char>(changed[100] ^ 1);
            file_->write(changed);
        }
    };
};

TEST(DirTargetPower, DiskThatReturnsOtherBytes) {
    TestDir dir;
    LyingFileSystem fs;
    auto target = make_dir_target(fs, {dir.path(), "host", "set"});
    PatternSource source(1, 2 * kMiB);
    Error error = thrown_by([&] { put_whole(*target, source.upload("object"), source); });
    EXPECT_EQ(error.kind(), Error::Kind::corrupt);
    EXPECT_THAT(error.message(), testing::HasSubstr("the disk returns other bytes"));
    EXPECT_THAT(list_directory(dir.path("host/set")), testing::IsEmpty());
}

/// What an earlier put left cannot be read.
class UnreadableFileSystem final : public ForwardingFileSystem {
  public:
    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        return std::make_unique<File>(ForwardingFileSystem::open_partial(dir, name, replace));
    }

  private:
    class File final : public ForwardingFile {
      public:
        using ForwardingFile::ForwardingFile;
        int fd() const override { return readable_ ? file_->fd() : -1; }
        void cut(std::uint64_t size_bytes) override {
            file_->cut(size_bytes);
            readable_ = size_bytes == 0;
        }

      private:
        bool readable_ = false;
    };
};

TEST(DirTargetPower, UnreadableRestIsCopiedAnew) {
    TestDir dir;
    UnreadableFileSystem fs;
    auto target = make_dir_target(fs, {dir.path(), "host", "set"});
    PatternSource source(1, 3 * kMiB);
    Upload upload = source.upload("object");
    MemoryResume resume;
    auto put = [&] { target->put(upload, source, resume, [](std::uint64_t) {}); };
    source.fail_at = 2 * kMiB;
    EXPECT_EQ(kind_thrown_by(put), Error::Kind::io);
    source.fail_at.reset();
    source.bytes_read = 0;
    put();
    EXPECT_EQ(source.bytes_read, 3 * kMiB);
    target->verify({"object", ""}, 3 * kMiB, upload.sha256, upload.tree_hash);
}

/// What is there already may have got its name just before the power failed.
class SyncCountingFileSystem final : public ForwardingFileSystem {
  public:
    void sync(const std::string& dir, const std::string& name) override {
        synced.push_back(name);
        ForwardingFileSystem::sync(dir, name);
    }
    std::vector<std::string> synced;
};

TEST(DirTargetPower, WhatIsThereAlreadyIsMadeDurable) {
    TestDir dir;
    SyncCountingFileSystem fs;
    auto target = make_dir_target(fs, {dir.path(), "host", "set"});
    PatternSource source(1, 1000);
    put_whole(*target, source.upload("object"), source);
    EXPECT_THAT(fs.synced, testing::IsEmpty());
    put_whole(*target, source.upload("object"), source);
    EXPECT_THAT(fs.synced, testing::ElementsAre("object"));
}

}  // namespace
}  // namespace icecore::store
