#include <gtest/gtest.h>

#include <random>

#include "archive/dumpdir.h"
#include "archive/tar_reader.h"
#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

using tar_testing::append_member;
using tar_testing::make_directory;
using tar_testing::make_file;
using tar_testing::read_all;
using tar_testing::run_ok;

/// A small archive with everything that a reader must take apart.
std::string make_archive() {
    std::string archive;
    TarMember root = make_directory("./");
    root.dumpdir = encode_dumpdir({{{"./a", "./b"}}, {{'Y', "file"}, {'D', "sub"}}});
    append_member(root, "", archive);
    TarMember file = make_file("./file", 700);
    file.metadata = {{{"user.x", "value"}}, "user::rw-,user:5:r--,group::r--,mask::r--,other::---", ""};
    file.uid = 3'000'000;
    append_member(file, std::string(700, 'f'), archive);
    TarMember sparse = make_file("./sparse", 100'000);
    sparse.sparse = {{512, 512}, {4096, 1024}};
    append_member(sparse, std::string(1536, 's'), archive);
    TarMember link = make_file("./link", 0);
    link.type = FileType::symlink;
    link.link_target = std::string(150, 't');
    append_member(link, "", archive);
    append_member(make_file("./" + std::string(130, 'n'), 3), "abc", archive);
    return archive;
}

/// A GNU-format archive of the same kind: long names, old sparse headers, type D.
std::string make_gnu_archive() {
    const tar_testing::TempDir dir;
    run_ok(dir.path(),
           "mkdir tree && cd tree && n=$(printf '%0120d' 0) && echo 1 > $n && ln -s $n$n link && "
           "for i in 1 2 3 4 5 6; do echo $i >> sparse; truncate -s $((i * 65536)) sparse; done && cd .. && "
           "tar -C tree --format=gnu --sparse --listed-incremental=$PWD/snar -b1 -cf a.tar .");
    return tar_testing::get_file(dir / "a.tar");
}

/// Reads the archive; whatever is thrown must be an Error of the two kinds for foreign bytes.
bool reads(const std::string& archive) {
    try {
        read_all(archive);
        return true;
    } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == Error::Kind::corrupt || error.kind() == Error::Kind::unsupported)
            << error.what();
        EXPECT_NE(error.message().find("offset"), std::string::npos) << error.what();
        return false;
    }
}

TEST(TarDamage, EveryTruncationIsFound) {
    std::size_t members = 0;
    const std::string archive = make_archive();
    for (std::size_t size = 0; size < archive.size(); ++size) {
        if (!reads(archive.substr(0, size))) continue;
        // Without end blocks, the end of a member is a clean end; there are four before the last.
        ++members;
        EXPECT_EQ(size % kBlockBytes, 0U);
        EXPECT_EQ(read_all(archive.substr(0, size)).size(), members);
    }
    EXPECT_EQ(members, 4U);
}

TEST(TarDamage, EveryTruncationOfAGnuArchiveIsFound) {
    const std::string archive = make_gnu_archive();
    ASSERT_EQ(read_all(archive).size(), 4U);
    for (std::size_t size = 0; size < archive.size(); ++size) {
        EXPECT_TRUE(!reads(archive.substr(0, size)) || size % kBlockBytes == 0) << size;
    }
}

/// One bit changes a header's sum, so that no flip there can go unnoticed; extended headers and maps are not
/// summed.
TEST(TarDamage, EveryFlipInAHeaderIsFound) {
    const std::string archive = make_archive();
    const auto original = read_all(archive);
    constexpr std::size_t kChecksumBegin = 148;
    constexpr std::size_t kChecksumEnd = 156;
    std::size_t headers = 0;
    for (std::size_t at = 0; at < archive.size(); at += kBlockBytes) {
        if (archive.compare(at + 257, 5, "ustar") != 0) continue;
        ++headers;
        for (std::size_t byte = 0; byte < kBlockBytes; ++byte) {
            std::string damaged = archive;
            damaged[at + byte] = static_cast<char>(damaged[at + byte] ^ (1 << (at + byte) % 8));
            if (byte < kChecksumBegin || byte >= kChecksumEnd) {
                EXPECT_FALSE(reads(damaged)) << at << " " << byte;
            } else if (reads(damaged)) {
                EXPECT_EQ(read_all(damaged).size(), original.size());  // blanks around the sum mean nothing
            }
        }
    }
    EXPECT_EQ(headers, 10U);
}

TEST(TarDamage, ThousandsOfFlipsNeverCrash) {
    std::mt19937 random(20261122);
    for (const std::string& archive : {make_archive(), make_gnu_archive()}) {
        int refused = 0;
        for (int i = 0; i < 4000; ++i) {
            std::string damaged = archive;
            const int flips = 1 + i % 3;
            for (int n = 0; n < flips; ++n) {
                const std::size_t at = random() % damaged.size();
                damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
            }
            refused += reads(damaged) ? 0 : 1;
        }
        EXPECT_GT(refused, 500);  // the others hit content, padding or a value
    }
}

TEST(TarDamage, RandomBytesAreNoArchive) {
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) {
        std::string bytes(1 + random() % 3000, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        EXPECT_FALSE(reads(bytes));
    }
}

}  // namespace
}  // namespace icecore::archive
