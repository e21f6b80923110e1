#include "catalog/version_codec.h"

#include <gtest/gtest.h>

#include <limits>

namespace icecore::catalog {
namespace {

Entry extreme_entry() {
    Entry e;
    e.stat.type = FileType::block_device;
    e.stat.mode = 07777;
    e.stat.uid = e.stat.gid = std::numeric_limits<std::uint32_t>::max();
    e.stat.size = e.stat.ino = std::numeric_limits<std::uint64_t>::max();
    e.stat.mtime = {std::numeric_limits<std::int64_t>::min(), 999'999'999};
    e.stat.ctime = {std::numeric_limits<std::int64_t>::max(), 999'999'999};
    e.stat.nlink = e.stat.rdev_major = e.stat.rdev_minor = std::numeric_limits<std::uint32_t>::max();
    e.location = {~0U, ~0U, ~0ULL, ~0ULL};
    e.sha256 = sha256("x");
    e.link_target = std::string("\0\xff target", 9);
    e.metadata = std::string("meta\0data", 9);
    e.sparse = e.racy = e.coarse = true;
    return e;
}

std::string pack(const Entry& e) {
    std::string out = "old content that must go";
    pack_version(e.stat, e.link_target, e.sha256, e.metadata, e.location, {e.sparse, e.racy, e.coarse}, out);
    return out;
}

TEST(VersionCodec, RoundTripsExtremes) {
    Entry e = extreme_entry();
    Entry back;
    ASSERT_TRUE(unpack_version(pack(e), back));
    EXPECT_EQ(back.stat.type, e.stat.type);
    EXPECT_EQ(back.stat.mode, e.stat.mode);
    EXPECT_EQ(back.stat.uid, e.stat.uid);
    EXPECT_EQ(back.stat.gid, e.stat.gid);
    EXPECT_EQ(back.stat.size, e.stat.size);
    EXPECT_EQ(back.stat.mtime, e.stat.mtime);
    EXPECT_EQ(back.stat.ctime, e.stat.ctime);
    EXPECT_EQ(back.stat.ino, e.stat.ino);
    EXPECT_EQ(back.stat.nlink, e.stat.nlink);
    EXPECT_EQ(back.stat.rdev_major, e.stat.rdev_major);
    EXPECT_EQ(back.stat.rdev_minor, e.stat.rdev_minor);
    EXPECT_EQ(back.location, e.location);
    EXPECT_EQ(back.sha256, e.sha256);
    EXPECT_EQ(back.link_target, e.link_target);
    EXPECT_EQ(back.metadata, e.metadata);
    EXPECT_TRUE(back.sparse);
    EXPECT_TRUE(back.racy);
    EXPECT_TRUE(back.coarse);
}

TEST(VersionCodec, UnpackReplacesEverything) {
    Entry back = extreme_entry();
    ASSERT_TRUE(unpack_version(pack(Entry{}), back));
    EXPECT_EQ(back.stat.type, FileType::regular);
    EXPECT_EQ(back.stat.rdev_major, 0U);
    EXPECT_EQ(back.stat.mtime, Timestamp{});
    EXPECT_TRUE(back.sha256.empty());
    EXPECT_TRUE(back.link_target.empty());
    EXPECT_TRUE(back.metadata.empty());
    EXPECT_FALSE(back.sparse);
    EXPECT_FALSE(back.racy);
    EXPECT_FALSE(back.coarse);
}

TEST(VersionCodec, RefusesEveryCut) {
    Entry e = extreme_entry();
    e.metadata.clear();  // the last field ends with the value, so a cut inside it could not be seen
    std::string packed = pack(e);
    for (std::size_t size = 0; size < packed.size(); ++size) {
        Entry back;
        EXPECT_FALSE(unpack_version(std::string_view(packed).substr(0, size), back)) << size;
    }
}

TEST(VersionCodec, RefusesWhatWasNeverWritten) {
    std::string packed = pack(Entry{});
    auto with = [&](std::size_t index, char byte) {
        std::string changed = packed;
        changed[index] = byte;
        Entry back;
        return unpack_version(changed, back);
    };
    EXPECT_TRUE(with(0, 'd'));
    EXPECT_FALSE(with(0, 'x'));                // a type
    EXPECT_FALSE(with(1, 0x20));               // a flag
    EXPECT_FALSE(with(packed.size() - 1, 1));  // a link target beyond the end
    Entry back;
    EXPECT_FALSE(
        unpack_version(packed.substr(0, 2) + std::string("\x80\x20", 2) + packed.substr(3), back));  // mode
    EXPECT_FALSE(unpack_version(std::string(40, '\xff'), back));
}

}  // namespace
}  // namespace icecore::catalog
