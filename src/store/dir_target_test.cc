#include "store/dir_target.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/test_dir.h"
#include "base/text.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DirTargetTest : public ::testing::Test {
  protected:
    std::string path(std::string_view name) const { return join_path(dir_.path("host/set"), name); }
    void write(const std::string& name, std::string_view content) {
        write_full(open_file(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600).get(), content);
    }
    std::string content(std::string_view name) const { return read_file(path(name)); }
    std::vector<std::string> files() const { return list_directory(path("")); }
    std::vector<std::string> listed() {
        std::vector<std::string> names;
        target_->list(ListScope::this_set, [&](const ObjectInfo& info) { names.push_back(info.ref.name); });
        return names;
    }
    /// Puts with the resume state of this test.
    ObjectRef put(const Upload& upload, RandomAccessSource& source) {
        return target_->put(upload, source, resume_, [](std::uint64_t) {});
    }

    TestDir dir_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    std::unique_ptr<Target> target_ = make_dir_target(*fs_, {dir_.path(), "host", "set"});
    MemoryResume resume_;
};

unsigned mode_of(const std::string& path) {
    FileStat stat;
    EXPECT_TRUE(stat_at(AT_FDCWD, path.c_str(), stat)) << path;
    return stat.mode;
}

/// A memory file system on a directory while this lives; needs root.
class MemoryMount {
  public:
    explicit MemoryMount(const std::string& path) : path_(path) {
        mounted_ = mount("icecore-test", path.c_str(), "tmpfs", 0, "size=4m") == 0;
    }
    ~MemoryMount() {
        if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    }
    MemoryMount(const MemoryMount&) = delete;
    MemoryMount& operator=(const MemoryMount&) = delete;
    explicit operator bool() const { return mounted_; }
    void remount(unsigned long flags, const char* options) {
        ASSERT_EQ(mount("icecore-test", path_.c_str(), "tmpfs", MS_REMOUNT | flags, options), 0);
    }

  private:
    std::string path_;
    bool mounted_;
};

TEST_F(DirTargetTest, Layout) {
    PatternSource source(1, 5000);
    put(source.upload("object"), source);
    EXPECT_EQ(content("object"), source.bytes(0, 5000));
    EXPECT_THAT(files(), ElementsAre("object"));
    EXPECT_EQ(mode_of(path("object")) & 0077U, 0U);
    EXPECT_EQ(mode_of(dir_.path("host")) & 0077U, 0U);
    EXPECT_EQ(mode_of(dir_.path("host/set")) & 0077U, 0U);
    EXPECT_EQ(target_->identity(), "dir:" + dir_.path("host/set"));
    EXPECT_EQ(make_dir_target(*fs_, {dir_.path() + "//", "host", "set"})->identity(), target_->identity());

    auto other = make_dir_target(*fs_, {dir_.path(), "host", "other"});
    EXPECT_FALSE(other->stat({"object", ""}));
    other->list(ListScope::this_set, [](const ObjectInfo&) { ADD_FAILURE() << "of another set"; });
}

TEST_F(DirTargetTest, NamesAreOneComponent) {
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("../x"),
                                    std::string("a/b"), std::string(".hidden"), std::string("a\0b", 3)}) {
        PatternSource source(1, 10);
        EXPECT_EQ(kind_thrown_by([&] { put(source.upload(name), source); }), Error::Kind::invalid);
        EXPECT_EQ(kind_thrown_by([&] { target_->stat({name, ""}); }), Error::Kind::invalid);
        EXPECT_EQ(kind_thrown_by([&] { target_->remove({name, ""}); }), Error::Kind::invalid);
        EXPECT_EQ(kind_thrown_by([&] { make_dir_target(*fs_, {"/x", name, "set"}); }), Error::Kind::invalid);
        EXPECT_EQ(kind_thrown_by([&] { make_dir_target(*fs_, {"/x", "host", name}); }), Error::Kind::invalid);
    }
    EXPECT_EQ(kind_thrown_by([&] { make_dir_target(*fs_, {"x", "host", "set"}); }), Error::Kind::invalid);
    EXPECT_THAT(list_directory(dir_.path()), IsEmpty());
}

TEST_F(DirTargetTest, DirectoryThatIsNotThere) {
    std::string gone = dir_.path("gone");
    auto target = make_dir_target(*fs_, {gone, "host", "set"});
    PatternSource source(1, 10);
    Upload upload = source.upload("object");
    auto ignore = [](std::string_view) {};
    const std::function<void()> calls[] = {
        [&] { put_whole(*target, upload, source); },
        [&] {
            target->verify({"object", ""}, 10, upload.sha256, upload.tree_hash);
        },
        [&] {
            target->stat({"object", ""});
        },
        [&] { target->list(ListScope::this_set, [](const ObjectInfo&) {}); },
        [&] {
            target->request_thaw({{"object", ""}});
        },
        [&] {
            target->read({{"object", ""}, 0, 1, {}}, ignore);
        },
        [&] {
            target->remove({"object", ""});
        },
    };
    for (const auto& call : calls) {
        Error error = thrown_by(call);
        EXPECT_EQ(error.kind(), Error::Kind::not_found);
        EXPECT_THAT(error.message(), HasSubstr(gone));
        EXPECT_THAT(error.hint(), HasSubstr("mounted"));
    }
    EXPECT_FALSE(path_exists(gone));

    std::filesystem::create_directory(gone);
    put_whole(*target, upload, source);
    std::filesystem::remove_all(gone);  // it vanishes while the target is open
    EXPECT_THAT(thrown_by(calls[0]).hint(), HasSubstr("mounted"));
    EXPECT_FALSE(path_exists(gone));
}

TEST_F(DirTargetTest, ForeignThingsAreNotListed) {
    PatternSource source(1, 10);
    put(source.upload("object"), source);
    write(".hidden", "x");
    write(partial_name("other"), "x");
    std::filesystem::create_directory(path("directory"));
    std::filesystem::create_symlink("object", path("link"));
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    EXPECT_THAT(listed(), ElementsAre("object"));
    for (const char* name : {"directory", "link", "fifo"}) {
        EXPECT_FALSE(target_->stat({name, ""})) << name;
        EXPECT_EQ(kind_thrown_by([&] { read_range(*target_, {name, ""}, 0, 1); }), Error::Kind::not_found);
        EXPECT_EQ(kind_thrown_by([&] { put(source.upload(name), source); }), Error::Kind::exists) << name;
    }
}

TEST_F(DirTargetTest, SymbolicLinkAtTheName) {
    PatternSource source(1, 1000);
    put(source.upload("first"), source);
    write("victim", "precious");
    std::filesystem::create_symlink("victim", path("object"));
    std::filesystem::create_symlink("victim", path(partial_name("object")));
    Upload upload = source.upload("object");
    EXPECT_EQ(kind_thrown_by([&] { put(upload, source); }), Error::Kind::exists);
    upload.replace = true;
    put(upload, source);
    EXPECT_EQ(content("object"), source.bytes(0, 1000));
    EXPECT_FALSE(std::filesystem::is_symlink(path("object")));
    EXPECT_EQ(content("victim"), "precious");
    EXPECT_THAT(listed(), ElementsAre("first", "object", "victim"));
}

TEST_F(DirTargetTest, VerifyFindsDamage) {
    PatternSource source(1, 3 * kMiB);
    Upload upload = source.upload("object");
    ObjectRef object = put(upload, source);
    auto verify = [&] { target_->verify(object, 3 * kMiB, upload.sha256, upload.tree_hash); };
    verify();
    pwrite_full(open_file(path("object"), O_WRONLY).get(), "X", 2 * kMiB);
    EXPECT_EQ(kind_thrown_by(verify), Error::Kind::corrupt);
    EXPECT_EQ(kind_thrown_by([&] { put(upload, source); }), Error::Kind::exists);
    ASSERT_EQ(truncate(path("object").c_str(), 3 * kMiB - 1), 0);
    EXPECT_EQ(kind_thrown_by(verify), Error::Kind::corrupt);
}

/// What is left of an earlier put is used only if it is what it should be.
TEST_F(DirTargetTest, PartialWithOtherContent) {
    PatternSource source(1, 3 * kMiB);
    Upload upload = source.upload("object");
    source.fail_at = 2 * kMiB;
    EXPECT_EQ(kind_thrown_by([&] { put(upload, source); }), Error::Kind::io);
    std::string state = resume_.state;
    std::string prefix = source.bytes(0, 2 * kMiB);
    EXPECT_EQ(content(partial_name("object")), prefix);
    source.fail_at.reset();

    struct {
        std::string partial;
        std::uint64_t read_bytes;  ///< of the source
    } cases[] = {
        {prefix, kMiB},
        {prefix + "more than was noted", kMiB},
        {prefix + std::string(5 * kMiB, 'x'), kMiB},  // longer than the source
        {prefix.substr(1), 3 * kMiB},                 // shorter than was noted
        {"", 3 * kMiB},
        // Of the right length, but other bytes: that turns out at the end only.
        {std::string(2 * kMiB, 'x'), kMiB + 3 * kMiB},
    };
    for (const auto& c : cases) {
        write(partial_name("object"), c.partial);
        resume_.state = state;
        source.bytes_read = 0;
        std::uint64_t sent = 0;
        target_->put(upload, source, resume_, [&](std::uint64_t bytes) { sent += bytes; });
        EXPECT_EQ(source.bytes_read, c.read_bytes) << c.partial.size();
        EXPECT_EQ(sent, 3 * kMiB);
        EXPECT_TRUE(content("object") == source.bytes(0, 3 * kMiB));
        target_->remove({"object", ""});
        EXPECT_THAT(files(), IsEmpty());
    }
    for (const std::string& bad : {state + "0", state + " ", state.substr(0, state.rfind(' ') + 1),
                                   state.substr(0, 6) + "0" + state.substr(7), std::string("dir-1 ")}) {
        write(partial_name("object"), prefix);
        resume_.state = bad;
        source.bytes_read = 0;
        put(upload, source);
        EXPECT_EQ(source.bytes_read, 3 * kMiB) << bad;
        target_->remove({"object", ""});
    }
}

TEST_F(DirTargetTest, NothingIsLeftOfAWrongSource) {
    PatternSource source(1, 3 * kMiB);
    Upload upload = source.upload("object");
    upload.sha256 = sha256("x");
    Error error = thrown_by([&] { put(upload, source); });
    EXPECT_EQ(error.kind(), Error::Kind::corrupt);
    EXPECT_THAT(error.message(), HasSubstr("file to be stored"));
    EXPECT_THAT(files(), IsEmpty());
    EXPECT_EQ(resume_.state, "");
}

/// Killed between link and unlink where files cannot be renamed without replacing.
TEST_F(DirTargetTest, PartialThatIsTheObject) {
    PatternSource source(1, 1000);
    Upload upload = source.upload("object");
    put(upload, source);
    for (bool replace : {false, true}) {
        ASSERT_EQ(link(path("object").c_str(), path(partial_name("object")).c_str()), 0);
        PatternSource next(2, 500);
        Upload other = next.upload("object");
        other.replace = replace;
        if (!replace)
            put(upload, source);
        else
            put(other, next);
        EXPECT_THAT(files(), ElementsAre("object"));
        EXPECT_TRUE(content("object") == (replace ? next.bytes(0, 500) : source.bytes(0, 1000)));
    }
}

TEST_F(DirTargetTest, OnePutAtATime) {
    PatternSource source(1, 3 * kMiB);
    Upload upload = source.upload("object");
    auto other = make_dir_target(*fs_, {dir_.path(), "host", "set"});
    bool tried = false;
    target_->put(upload, source, resume_, [&](std::uint64_t) {
        if (std::exchange(tried, true)) return;
        EXPECT_EQ(kind_thrown_by([&] { put_whole(*other, upload, source); }), Error::Kind::denied);
    });
    EXPECT_TRUE(tried);
    EXPECT_TRUE(content("object") == source.bytes(0, 3 * kMiB));
}

TEST_F(DirTargetTest, RemoveTakesWhatIsUnfinished) {
    PatternSource source(1, 3 * kMiB);
    source.fail_at = 2 * kMiB;
    EXPECT_EQ(kind_thrown_by([&] { put(source.upload("object"), source); }), Error::Kind::io);
    target_->remove({"object", ""});
    EXPECT_THAT(files(), IsEmpty());
}

TEST_F(DirTargetTest, FullDisk) {
    MemoryMount disk(dir_.path());
    if (!disk) GTEST_SKIP() << "mounting a small file system needs root";
    PatternSource source(1, 6 * kMiB);
    Upload upload = source.upload("object");
    Error error = thrown_by([&] { put(upload, source); });
    EXPECT_EQ(error.kind(), Error::Kind::io);
    EXPECT_EQ(error.os_error(), ENOSPC);
    EXPECT_THAT(error.message(), HasSubstr("storing object"));
    EXPECT_THAT(error.hint(), HasSubstr("free some space"));
    EXPECT_THAT(listed(), IsEmpty());
    disk.remount(0, "size=16m");
    put(upload, source);
    EXPECT_TRUE(content("object") == source.bytes(0, 6 * kMiB));
}

TEST_F(DirTargetTest, ReadOnly) {
    MemoryMount disk(dir_.path());
    if (!disk && geteuid() == 0) GTEST_SKIP() << "root may not mount here";
    PatternSource source(1, 1000);
    Upload upload = source.upload("object");
    put(upload, source);
    if (disk)
        disk.remount(MS_RDONLY, "");
    else
        ASSERT_EQ(chmod(path("").c_str(), 0500), 0);
    put(upload, source);  // it is there
    target_->verify({"object", ""}, 1000, upload.sha256, upload.tree_hash);
    for (const std::function<void()>& call :
         {std::function<void()>([&] { put(source.upload("other"), source); }), std::function<void()>([&] {
              target_->remove({"object", ""});
          })}) {
        Error error = thrown_by(call);
        EXPECT_EQ(error.kind(), Error::Kind::denied) << error.message();
        EXPECT_NE(error.hint(), "");
    }
    EXPECT_THAT(listed(), ElementsAre("object"));
    if (!disk) {
        ASSERT_EQ(chmod(path("").c_str(), 0700), 0);
    }
}

}  // namespace
}  // namespace icecore::store
