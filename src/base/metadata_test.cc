#include "base/metadata.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "base/posix_acl.h"
#include "base/test_dir.h"

namespace icecore {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// What a command prints; fails the test if the command fails.
std::string run(const std::string& command) {
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string out;
    char buffer[4096];
    while (std::size_t n = fread(buffer, 1, sizeof buffer, pipe.get())) out.append(buffer, n);
    EXPECT_EQ(pclose(pipe.release()), 0) << command;
    return out;
}

class MetadataTest : public testing::Test {
  protected:
    MetadataTest() {
        file_ = open_file(dir_.path("f"), O_RDWR | O_CREAT, 0640);
        mkdir(dir_.path("d").c_str(), 0750);
        sub_ = open_file(dir_.path("d"), O_RDONLY | O_DIRECTORY);
        root_ = open_file(dir_.path(), O_RDONLY | O_DIRECTORY);
        EXPECT_EQ(fchmod(file_.get(), 0640), 0);
    }
    bool has_xattrs() { return fsetxattr(file_.get(), "user.probe", "", 0, 0) == 0 && clear("user.probe"); }
    bool has_acls() {
        return std::system(
                   ("setfacl -m u:0:r " + dir_.path("d") + " 2>/dev/null && setfacl -b " + dir_.path("d"))
                       .c_str()) == 0;
    }
    bool clear(const char* name) { return fremovexattr(file_.get(), name) == 0; }

    TestDir dir_;
    Fd file_;
    Fd sub_;
    Fd root_;
};

TEST_F(MetadataTest, NothingThere) {
    EXPECT_TRUE(read_metadata(file_.get()).empty());
    EXPECT_TRUE(read_metadata(sub_.get()).empty());
    EXPECT_TRUE(read_metadata_at(root_.get(), "f").empty());
    EXPECT_TRUE(apply_metadata(file_.get(), {}));
    EXPECT_TRUE(apply_metadata_at(root_.get(), "f", {}));
}

TEST_F(MetadataTest, Xattrs) {
    if (!has_xattrs()) GTEST_SKIP() << "no user xattrs on this file system";
    std::string binary("\0a\0\xff\n", 5);
    Metadata wanted;
    wanted.xattrs = {{"user.a", binary}, {"user.b", ""}, {"user.c", std::string(3000, '\0')}};
    EXPECT_TRUE(apply_metadata(file_.get(), wanted));
    EXPECT_EQ(read_metadata(file_.get()), wanted);
    EXPECT_EQ(read_metadata_at(root_.get(), "f"), wanted);
    EXPECT_EQ(run("getfattr --absolute-names --only-values -n user.a " + dir_.path("f")), binary);

    // Sets what is given, removes nothing.
    EXPECT_TRUE(apply_metadata_at(root_.get(), "f", {{{"user.b", "new"}}, "", ""}));
    wanted.xattrs[1].second = "new";
    EXPECT_EQ(read_metadata(file_.get()), wanted);
}

TEST_F(MetadataTest, ManyAndLargeXattrs) {
    if (!has_xattrs()) GTEST_SKIP() << "no user xattrs on this file system";
    Metadata wanted;  // a list longer than the one on the stack
    for (int i = 10; i < 30; ++i)
        wanted.xattrs.emplace_back("user." + std::string(60, 'n') + std::to_string(i), "v");
    if (!apply_metadata(file_.get(), wanted)) GTEST_SKIP() << "too little room for xattrs";
    EXPECT_EQ(read_metadata(file_.get()), wanted);
    std::string large(40'000, 'x');  // ext4 has room for a block only, tmpfs and xfs for more
    if (setxattr(dir_.path("d").c_str(), "user.large", large.data(), large.size(), 0) == 0) {
        EXPECT_THAT(read_metadata(sub_.get()).xattrs, ElementsAre(Pair("user.large", large)));
    }
}

TEST_F(MetadataTest, SymbolicLinks) {
    ASSERT_EQ(symlink("f", dir_.path("l").c_str()), 0);
    EXPECT_TRUE(read_metadata_at(root_.get(), "l").empty());
    // Links have no user attributes: that is support that is missing, and the target must not get it.
    EXPECT_FALSE(apply_metadata_at(root_.get(), "l", {{{"user.a", "x"}}, "", ""}));
    EXPECT_TRUE(read_metadata(file_.get()).empty());
    Metadata trusted{{{"trusted.a", std::string("x\0y", 3)}}, "", ""};
    if (!apply_metadata_at(root_.get(), "l", trusted)) GTEST_SKIP() << "trusted.* needs root";
    EXPECT_EQ(read_metadata_at(root_.get(), "l"), trusted);
    EXPECT_TRUE(read_metadata(file_.get()).empty());
}

TEST_F(MetadataTest, NamesThatAreGone) {
    try {
        read_metadata_at(root_.get(), "none");
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::not_found);
    }
    EXPECT_THROW(read_metadata(-1), Error);
}

TEST_F(MetadataTest, ReadsAclsOfSetfacl) {
    if (!has_acls()) GTEST_SKIP() << "no ACLs on this file system";
    run("setfacl -m u:1234:rwx,g:4000000000:r,m::rw " + dir_.path("f"));
    EXPECT_EQ(read_metadata(file_.get()).acl_access,
              "user::rw-,user:1234:rwx,group::r--,group:4000000000:r--,mask::rw-,other::---");
    EXPECT_THAT(read_metadata(file_.get()).xattrs, IsEmpty());
    EXPECT_EQ(read_metadata_at(root_.get(), "f"), read_metadata(file_.get()));

    run("setfacl -d -m u:77:r-x " + dir_.path("d"));
    Metadata directory = read_metadata(sub_.get());
    EXPECT_EQ(directory.acl_access, "");
    EXPECT_EQ(directory.acl_default, "user::rwx,user:77:r-x,group::r-x,mask::r-x,other::---");

    // Unlike a minimal access ACL, a minimal default ACL means something: it replaces the umask.
    run("setfacl -k -d -m u::rwx,g::rwx,o::rwx " + dir_.path("d"));
    EXPECT_EQ(read_metadata(sub_.get()).acl_default, "user::rwx,group::rwx,other::rwx");
    run("setfacl -b " + dir_.path("f"));
    EXPECT_TRUE(read_metadata(file_.get()).empty());
}

TEST_F(MetadataTest, SetsAclsThatGetfaclReads) {
    if (!has_acls()) GTEST_SKIP() << "no ACLs on this file system";
    Metadata wanted;
    wanted.acl_access = "user::rwx,user:5:--x,group::r-x,group:6:rw-,mask::rwx,other::--x";
    wanted.acl_default = "user::rwx,user:7:r--,group::---,mask::r--,other::---";
    EXPECT_TRUE(apply_metadata(sub_.get(), wanted));
    EXPECT_EQ(read_metadata(sub_.get()), wanted);
    EXPECT_EQ(run("getfacl --absolute-names --omit-header --numeric --no-effective " + dir_.path("d")),
              "user::rwx\nuser:5:--x\ngroup::r-x\ngroup:6:rw-\nmask::rwx\nother::--x\n"
              "default:user::rwx\ndefault:user:7:r--\ndefault:group::---\ndefault:mask::r--\ndefault:other::-"
              "--\n\n");
    // A default ACL for a file is something that cannot be set.
    EXPECT_FALSE(apply_metadata(file_.get(), wanted));
    EXPECT_EQ(read_metadata(file_.get()).acl_access, wanted.acl_access);
    // The form with newlines, which other writers of archives use, and names in place of ids.
    EXPECT_TRUE(apply_metadata_at(root_.get(), "d",
                                  {{}, "user::rw-\nuser:root:r--\ngroup::r--\nmask::r--\nother::---\n", ""}));
    EXPECT_EQ(read_metadata(sub_.get()).acl_access, "user::rw-,user:0:r--,group::r--,mask::r--,other::---");
}

/// What GNU tar stores is what we read.
TEST_F(MetadataTest, SameTextAsGnuTar) {
    if (!has_acls() || std::system("tar --version 2>/dev/null | grep -q GNU") != 0)
        GTEST_SKIP() << "no GNU tar";
    run("setfacl -m u:1234:rwx,g:4321:r " + dir_.path("d") + "; setfacl -d -m u:77:r-x " + dir_.path("d"));
    std::string archive = run("cd " + dir_.path() + " && tar --format=pax --acls --numeric-owner -cf - d");
    Metadata ours = read_metadata(sub_.get());
    auto stored = [&](const std::string& key) {  // a line an entry; the record ends in one more newline
        std::size_t at = archive.find(key + "=");
        if (at == std::string::npos) return std::string("none");
        at += key.size() + 1;
        return acl_text_of(acl_value_of(archive.substr(at, archive.find("\n\n", at) - at)));
    };
    EXPECT_EQ(stored("SCHILY.acl.access"), ours.acl_access);
    EXPECT_EQ(stored("SCHILY.acl.default"), ours.acl_default);
}

TEST(PosixAcl, RefusesDamage) {
    std::string good = acl_value_of("user::rw-,group::r--,other::---");
    EXPECT_TRUE(is_minimal_acl(good));
    EXPECT_FALSE(is_minimal_acl(acl_value_of("user::rw-,user:1:r--,group::r--,mask::r--,other::---")));
    EXPECT_EQ(acl_text_of(good), "user::rw-,group::r--,other::---");
    EXPECT_THROW(acl_text_of(""), Error);
    EXPECT_THROW(acl_text_of(good.substr(0, good.size() - 1)), Error);
    EXPECT_THROW(acl_text_of("\x03" + good.substr(1)), Error);
    std::string bad_tag = good;
    bad_tag[4] = '\x7f';
    EXPECT_THROW(acl_text_of(bad_tag), Error);
    for (const char* text :
         {"nonsense", "user::rw-", "user::rw-,group::r--", "user::rwz,group::r--,other::---",
          "user::rw-,user:5:r--,group::r--,other::---", "user::rw-,user::r--,group::r--,other::---"})
        EXPECT_THROW(acl_value_of(text), Error) << text;
}

Metadata sample() {
    return {{{"security.capability", std::string("\0\1", 2)},
             {"user.a", ""},
             {"user.b", std::string(70'000, 'x')}},
            "user::rw-,user:1:r--,group::r--,mask::r--,other::---",
            ""};
}

TEST(MetadataCodec, ComesBack) {
    EXPECT_EQ(encode_metadata({}), "");
    EXPECT_TRUE(decode_metadata("").empty());
    EXPECT_EQ(decode_metadata(encode_metadata(sample())), sample());
    for (std::size_t size : {0U, 1U, 127U, 128U, 16383U, 16384U}) {
        Metadata metadata{{{"user.x", std::string(size, 'v')}}, "", ""};
        EXPECT_EQ(decode_metadata(encode_metadata(metadata)), metadata);
    }
    EXPECT_EQ(decode_metadata(encode_metadata({{}, "", "d"})), (Metadata{{}, "", "d"}));
}

TEST(MetadataCodec, EveryCutIsNoticedOrHarmless) {
    Metadata metadata = sample();
    metadata.xattrs.pop_back();
    std::string blob = encode_metadata(metadata);
    for (std::size_t size = 1; size < blob.size(); ++size) {
        try {
            Metadata shorter = decode_metadata(std::string_view(blob).substr(0, size));
            EXPECT_EQ(encode_metadata(shorter), blob.substr(0, size));  // cut between two attributes
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), Error::Kind::corrupt);
        }
    }
}

TEST(MetadataCodec, HostileBytes) {
    using namespace std::string_literals;
    for (const std::string& blob :
         {"\x05"s, "\0"s, "\0\0\0\0"s, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s,
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "\0\0\1b\0\1a\0"s, "\0\0\1a\0\1a\0"s, "\0\0\1a"s})
        EXPECT_THROW(decode_metadata(blob), Error);
    std::mt19937 random(5);  // NOLINT(cert-msc51-cpp): repeatable
    for (int i = 0; i < 50'000; ++i) {
        std::string blob;
        for (std::size_t n = random() % 16; n > 0; --n)
            blob += static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
        try {
            Metadata metadata = decode_metadata(blob);
            EXPECT_EQ(decode_metadata(encode_metadata(metadata)), metadata);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), Error::Kind::corrupt);
        }
    }
}

}  // namespace
}  // namespace icecore
