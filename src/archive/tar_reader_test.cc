#include "archive/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "archive/dumpdir.h"
#include "archive/tar_test_util.h"
#include "archive/ustar_block.h"

namespace icecore::archive {
namespace {

using tar_testing::append_member;
using tar_testing::expand;
using tar_testing::get_file;
using tar_testing::kind_of_error;
using tar_testing::make_directory;
using tar_testing::make_file;
using tar_testing::read_all;
using tar_testing::ReadMember;
using tar_testing::run_ok;
using tar_testing::TempDir;

using Members = std::map<std::string, ReadMember>;

Members members_of(const std::string& archive) {
    Members members;
    for (auto& member : read_all(archive)) {
        const std::string name = member.member.name;
        EXPECT_TRUE(members.emplace(name, std::move(member)).second) << name;
    }
    return members;
}

/// Makes a tree of all types that an ordinary user can make; `long_names` beyond what ustar can hold.
void make_tree(const TempDir& dir, bool long_names) {
    run_ok(dir.path(),
           "mkdir -p tree/sub && cd tree && printf 'hello\\n' > file && chmod 4751 file && : > empty && ln "
           "file hard && "
           "ln -s ../target link && mkfifo pipe && head -c 70000 /dev/zero | tr '\\0' x > sub/large && "
           "touch -d @1234567890 file empty hard pipe && touch -h -d @1234567890 link && touch -d "
           "@1000000000 sub");
    if (!long_names) return;
    run_ok(dir.path(),
           "cd tree && n=$(printf '%0120d' 0) && mkdir -p $n/$n/$n && echo deep > $n/$n/$n/$n && "
           "ln $n/$n/$n/$n long-hard && ln -s $n/$n/$n/$n long-link");
}

void expect_tree(const Members& members, bool long_names) {
    const TarMember& file = members.at("./file").member;
    const TarMember& hard = members.at("./hard").member;
    // Which of the two names comes first is the directory's order.
    EXPECT_NE(file.hard_link, hard.hard_link);
    EXPECT_EQ((file.hard_link ? file : hard).link_target, file.hard_link ? "./hard" : "./file");
    const ReadMember& first = members.at(file.hard_link ? "./hard" : "./file");
    EXPECT_EQ(first.member.mode, 04751U);
    EXPECT_EQ(first.member.mtime.sec, 1234567890);
    EXPECT_EQ(first.member.uid, getuid());
    EXPECT_EQ(first.member.gid, getgid());
    EXPECT_EQ(first.content, "hello\n");
    EXPECT_EQ(members.at("./empty").member.size_bytes, 0U);
    EXPECT_EQ(members.at("./link").member.type, FileType::symlink);
    EXPECT_EQ(members.at("./link").member.link_target, "../target");
    EXPECT_EQ(members.at("./sub/").member.type, FileType::directory);
    EXPECT_EQ(members.at("./sub/").member.mtime.sec, 1000000000);
    EXPECT_EQ(members.at("./sub/large").content, std::string(70000, 'x'));
    if (!long_names) return;
    const std::string n(120, '0');
    const std::string deep = n + "/" + n + "/" + n + "/" + n;
    EXPECT_EQ(members.at("./long-link").member.link_target, deep);
    const bool deep_is_link = members.at("./" + deep).member.hard_link;
    EXPECT_EQ(members.at(deep_is_link ? "./" + deep : "./long-hard").member.link_target,
              deep_is_link ? "./long-hard" : "./" + deep);
    EXPECT_EQ(members.at(deep_is_link ? "./long-hard" : "./" + deep).content, "deep\n");
}

class EveryFormat : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryFormat, OfGnuTarIsRead) {
    const TempDir dir;
    const std::string format = GetParam();
    const bool long_names = format == "pax" || format == "gnu" || format == "oldgnu";
    make_tree(dir, long_names);
    const bool v7 = format == "v7";
    if (v7) run_ok(dir.path(), "rm tree/pipe");  // v7 has no fifos
    run_ok(dir.path(), "tar -C tree --format=" + format + " -cf a.tar .");
    const Members members = members_of(get_file(dir / "a.tar"));
    expect_tree(members, long_names);
    EXPECT_TRUE(v7 || members.at("./pipe").member.type == FileType::fifo);
}

INSTANTIATE_TEST_SUITE_P(TarReader, EveryFormat, ::testing::Values("pax", "gnu", "ustar", "v7", "oldgnu"),
                         [](const auto& instance) { return instance.param; });

TEST(TarReader, ReadsUstarPrefixesAndPaxTimes) {
    const TempDir dir;
    run_ok(dir.path(),
           "n=$(printf '%080d' 0) && mkdir -p tree/$n/$n && echo 1 > tree/$n/$n/file && "
           "touch -d @1234567890.123456789 tree/$n/$n/file");
    run_ok(dir.path(),
           "tar -C tree --format=ustar -cf ustar.tar . && tar -C tree --format=pax -cf pax.tar .");
    const std::string name = "./" + std::string(80, '0') + "/" + std::string(80, '0') + "/file";
    EXPECT_EQ(members_of(get_file(dir / "ustar.tar")).at(name).content, "1\n");
    EXPECT_EQ(members_of(get_file(dir / "pax.tar")).at(name).member.mtime,
              (Timestamp{1234567890, 123456789}));
}

TEST(TarReader, ReadsBothKindsOfDumpdirs) {
    const TempDir dir;
    run_ok(dir.path(), "mkdir -p tree/sub && echo 1 > tree/file && echo 2 > tree/sub/inner");
    for (const char* const format : {"pax", "gnu", "oldgnu"}) {
        const std::string tar =
            std::string("rm -f s.snar && tar -C tree --listed-incremental=$PWD/s.snar --format=") + format;
        run_ok(dir.path(), tar + " -cf a.tar .");
        const Members members = members_of(get_file(dir / "a.tar"));
        const TarMember& root = members.at("./").member;
        ASSERT_TRUE(root.dumpdir) << format;
        EXPECT_EQ(root.type, FileType::directory);
        const Dumpdir dumpdir = parse_dumpdir(*root.dumpdir);
        ASSERT_EQ(dumpdir.entries.size(), 2U);
        EXPECT_EQ(dumpdir.entries[0].flag, 'Y');
        EXPECT_EQ(dumpdir.entries[0].name, "file");
        EXPECT_EQ(dumpdir.entries[1].flag, 'D');
        EXPECT_EQ(dumpdir.entries[1].name, "sub");
        EXPECT_EQ(members.at("./sub/inner").content, "2\n");
    }
}

TEST(TarReader, ReadsRenamesOfGnuTar) {
    const TempDir dir;
    run_ok(dir.path(),
           "mkdir -p tree/before && echo 1 > tree/before/file && "
           "tar -C tree --listed-incremental=$PWD/s.snar -cf full.tar . && mv tree/before tree/after && "
           "tar -C tree --listed-incremental=$PWD/s.snar -cf incr.tar .");
    const Members members = members_of(get_file(dir / "incr.tar"));
    const Dumpdir dumpdir = parse_dumpdir(members.at("./").member.dumpdir.value());
    ASSERT_EQ(dumpdir.renames.size(), 1U);
    EXPECT_EQ(dumpdir.renames[0].from, "./before");
    EXPECT_EQ(dumpdir.renames[0].to, "./after");
}

class EverySparseVersion : public ::testing::TestWithParam<const char*> {};

/// Files with holes at every place, and one with more regions than an old GNU header and one extension hold.
TEST_P(EverySparseVersion, OfGnuTarIsRead) {
    const TempDir dir;
    run_ok(dir.path(),
           "mkdir tree && cd tree && hole() { dd if=/dev/zero of=$1 bs=1 count=0 seek=$2 2>/dev/null; } && "
           "hole empty 1000000 && hole end 4096 && echo data > end && truncate -s 500000 end && "
           "truncate -s 300000 start && echo tail >> start && echo head > middle && truncate -s 400000 "
           "middle && "
           "echo tail >> middle && for i in $(seq 1 60); do echo $i >> many; truncate -s $((i * 65536)) "
           "many; done");
    run_ok(dir.path(), std::string("tar -C tree --sparse ") + GetParam() + " -cf a.tar .");
    const Members members = members_of(get_file(dir / "a.tar"));
    for (const std::string name : {"empty", "end", "start", "middle", "many"}) {
        const ReadMember& read = members.at("./" + name);
        ASSERT_TRUE(read.member.sparse) << name;
        EXPECT_EQ(read.member.type, FileType::regular);
        EXPECT_EQ(read.content.size(), content_bytes(read.member));
        EXPECT_EQ(expand(read.member, read.content), get_file(dir / ("tree/" + name))) << name;
    }
    EXPECT_TRUE(members.at("./empty").member.sparse->empty());
    EXPECT_GT(members.at("./many").member.sparse->size(), 25U);
}

INSTANTIATE_TEST_SUITE_P(TarReader, EverySparseVersion,
                         ::testing::Values("--format=pax --sparse-version=1.0",
                                           "--format=pax --sparse-version=0.1",
                                           "--format=pax --sparse-version=0.0", "--format=gnu",
                                           "--format=oldgnu"),
                         [](const auto& instance) {
                             std::string name = instance.param;
                             std::erase_if(name, [](char c) { return std::isalnum(c) == 0; });
                             return name;
                         });

TEST(TarReader, ReadsAttributesAndAclsOfGnuTar) {
    const TempDir dir;
    run_ok(dir.path(), "mkdir -p tree/sub && echo 1 > tree/file");
    if (tar_testing::run(dir.path(),
                         "setfattr -n user.a=b% -v v tree/file && setfacl -m u:12345:r tree/file && "
                         "setfacl -d -m g:54321:rwx tree/sub")
            .status != 0) {
        GTEST_SKIP() << "no attributes or ACLs here";
    }
    run_ok(dir.path(), "tar -C tree --format=pax --xattrs --acls -cf a.tar .");
    const Members members = members_of(get_file(dir / "a.tar"));
    const Metadata& file = members.at("./file").member.metadata;
    EXPECT_EQ(file.xattrs, (std::vector<std::pair<std::string, std::string>>{{"user.a=b%", "v"}}));
    EXPECT_EQ(file.acl_access, "user::rw-,user:12345:r--,group::r--,mask::r--,other::r--");
    EXPECT_EQ(members.at("./sub/").member.metadata.acl_default,
              "user::rwx,group::r-x,group:54321:rwx,mask::rwx,other::r-x");
}

TEST(TarReader, ReadsBase256NumbersAndVolumeLabels) {
    const TempDir dir;
    run_ok(dir.path(), "mkdir tree && truncate -s 9G tree/large && touch -d @-5 tree/large");
    // Listing the header is enough: the content of nine GiB of zeros is never made.
    run_ok(
        dir.path(),
        "tar -C tree --format=gnu --owner=:4294967294 --group=:3000000 -V label -cf - large | head -c 2048 "
        "> a.tar");
    const std::string archive = get_file(dir / "a.tar");
    StringSource source(archive);
    TarReader reader(source);
    const auto member = reader.next();
    ASSERT_TRUE(member);
    EXPECT_EQ(member->name, "large");
    EXPECT_EQ(member->size_bytes, std::uint64_t{9} << 30);
    EXPECT_EQ(member->uid, 4294967294U);
    EXPECT_EQ(member->gid, 3000000U);
    EXPECT_EQ(member->mtime, (Timestamp{-5, 0}));
    EXPECT_EQ(reader.offset(), 1024U);
    EXPECT_EQ(kind_of_error([&] { reader.next(); }), Error::Kind::corrupt);
}

TEST(TarReader, GlobalHeadersHoldUntilTheNext) {
    const TempDir dir;
    run_ok(dir.path(), "mkdir tree && echo 1 > tree/a && echo 2 > tree/b");
    run_ok(dir.path(), "tar -C tree --format=pax --pax-option=uid=77,comment=x -cf a.tar a b");
    for (const auto& member : read_all(get_file(dir / "a.tar"))) EXPECT_EQ(member.member.uid, 77U);
    run_ok(dir.path(), "tar -C tree --format=pax --pax-option=gid:=78 -cf a.tar a b");
    const auto members = read_all(get_file(dir / "a.tar"));
    ASSERT_EQ(members.size(), 2U);
    for (const auto& member : members) EXPECT_EQ(member.member.gid, 78U);
}

TEST(TarReader, SkipsContentThatIsNotReadAndTellsOffsets) {
    std::string archive;
    append_member(make_directory("./"), "", archive);
    const auto first_at = archive.size();
    append_member(make_file("./a", 1000), std::string(1000, 'a'), archive);
    const auto second_at = archive.size();
    append_member(make_file("./b", 3), "bbb", archive);
    const auto end_at = archive.size();
    archive.append(end_of_archive()).append("garbage after the end");

    StringSource source(archive);
    TarReader reader(source);
    EXPECT_EQ(reader.next()->name, "./");
    EXPECT_EQ(reader.next()->name, "./a");
    EXPECT_EQ(reader.member_offset(), first_at);
    EXPECT_EQ(reader.offset(), second_at - 1024);
    char buffer[10];
    EXPECT_EQ(reader.read_content(buffer, sizeof buffer), 10U);
    EXPECT_EQ(reader.next()->name, "./b");
    EXPECT_EQ(reader.member_offset(), second_at);
    EXPECT_EQ(reader.read_content(buffer, sizeof buffer), 3U);
    EXPECT_EQ(reader.read_content(buffer, sizeof buffer), 0U);
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_EQ(reader.member_offset(), end_at);
    EXPECT_EQ(reader.next(), std::nullopt);
}

/// A source that gives one byte at a time and has no skip of its own.
class DripSource final : public ByteSource {
  public:
    explicit DripSource(std::string_view data) : data_(data) {}
    std::size_t read(char* buffer, std::size_t size) override {
        return data_.read(buffer, std::min<std::size_t>(size, 1));
    }

  private:
    StringSource data_;
};

TEST(TarReader, WorksWithAnySource) {
    std::string archive;
    append_member(make_file("./a", 20000), std::string(20000, 'a'), archive);
    append_member(make_file("./b", 3), "bbb", archive);
    DripSource source(archive);
    TarReader reader(source);
    EXPECT_EQ(reader.next()->name, "./a");
    EXPECT_EQ(reader.next()->name, "./b");
    char buffer[10];
    EXPECT_EQ(reader.read_content(buffer, sizeof buffer), 3U);
    EXPECT_EQ(reader.next(), std::nullopt);  // a clean end without end-of-archive blocks
}

UstarBlock plain_block(char type, std::int64_t size_bytes) {
    UstarBlock block{};
    std::memcpy(block.name, "name", 4);
    block.type = type;
    put_number(block.size, sizeof block.size, size_bytes);
    std::memcpy(block.magic, kUstarMagic.data(), kUstarMagic.size());
    return block;
}

std::string seal(UstarBlock block) {
    put_checksum(block);
    return {reinterpret_cast<const char*>(&block), sizeof block};
}

TEST(TarReader, RefusesLengthsThatCannotBe) {
    const auto kind = [](const std::string& archive) { return kind_of_error([&] { read_all(archive); }); };
    EXPECT_EQ(kind(seal(plain_block('0', -1))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('x', std::int64_t{65} << 20))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('x', 100))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('L', std::int64_t{1} << 40))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('D', INT64_MAX))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('0', INT64_MAX))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('M', 0))), Error::Kind::unsupported);
    EXPECT_EQ(kind(seal(plain_block('2', 0))), Error::Kind::corrupt);  // no target
    UstarBlock huge_id = plain_block('0', 0);
    put_number(huge_id.uid, sizeof huge_id.uid, std::int64_t{1} << 32);
    EXPECT_EQ(kind(seal(huge_id)), Error::Kind::corrupt);
    EXPECT_EQ(kind(""), Error::Kind::corrupt);
    EXPECT_EQ(kind(std::string(512, '\0') + seal(plain_block('0', 0))), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('x', 0)) + std::string(end_of_archive())), Error::Kind::corrupt);
    EXPECT_EQ(kind(seal(plain_block('x', 0)) + seal(plain_block('x', 0))), Error::Kind::corrupt);
}

TEST(TarReader, TakesSignedChecksumsAndUnknownTypes) {
    UstarBlock block = plain_block('~', 3);
    block.name[0] = '\xfc';
    std::string bytes = seal(block);
    std::memcpy(&block, bytes.data(), sizeof block);
    // The signed sum of old tars counts the one high byte as 256 less.
    const auto sum = *parse_number({block.checksum, sizeof block.checksum});
    put_number(block.checksum, 7, sum - 256);
    std::memcpy(bytes.data(), &block, sizeof block);
    const auto members = read_all(bytes + "abc" + std::string(509, '\0'));
    ASSERT_EQ(members.size(), 1U);
    EXPECT_EQ(members[0].member.type, FileType::regular);
    EXPECT_EQ(members[0].content, "abc");
}

TEST(TarReader, RefusesSparseMapsThatLie) {
    const auto with_map = [](const std::string& map, const std::string& real_size) {
        std::string records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n";
        const std::string body = " GNU.sparse.realsize=" + real_size + "\n";
        records += std::to_string(body.size() + 2) + body;
        std::string archive = seal(plain_block('x', static_cast<std::int64_t>(records.size()))) + records;
        archive.append(padding(archive.size()), '\0');
        std::string data = map;
        data.append(padding(data.size()), '\0').append(512, 'd');
        return archive + seal(plain_block('0', static_cast<std::int64_t>(data.size()))) + data;
    };
    EXPECT_EQ(read_all(with_map("2\n0\n512\n4096\n0\n", "4096")).at(0).member.sparse,
              (std::vector<SparseRegion>{{0, 512}}));
    EXPECT_EQ(read_all(with_map("2\n0\n256\n256\n256\n", "4096")).at(0).member.sparse,
              (std::vector<SparseRegion>{{0, 512}}));
    for (const std::string map :
         {"1\n0\n511\n", "1\n4000\n512\n", "2\n512\n256\n0\n256\n", "2\n0\n512\n256\n256\n", "1\n0\n", "x\n",
          "\n", "-1\n", "1\n\n0\n", "99999999999\n0\n512\n", "1\n0\n99999999999999999999999\n",
          "2\n0\n512\n5000\n0\n", "16777217\n"}) {
        EXPECT_EQ(kind_of_error([&] { read_all(with_map(map, "4096")); }), Error::Kind::corrupt) << map;
    }
}

}  // namespace
}  // namespace icecore::archive
