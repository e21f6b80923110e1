#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "archive/tar_test_util.h"

namespace icecore::archive {
namespace {

/// Values at and around the borders where a number moves from one field to another.
template <typename T>
rc::Gen<T> border(std::vector<std::uint64_t> borders) {
    return rc::gen::map(
        rc::gen::pair(rc::gen::elementOf(borders), rc::gen::inRange(-2, 3)), [](const auto& pair) {
            return static_cast<T>(pair.first + static_cast<std::uint64_t>(std::int64_t{pair.second}));
        });
}

/// Bytes other than NUL and '/', with lengths around those where names leave their fields.
rc::Gen<std::string> component() {
    const auto byte =
        rc::gen::map(rc::gen::inRange(1, 256), [](int c) { return c == '/' ? 'x' : static_cast<char>(c); });
    const auto bytes = rc::gen::nonEmpty(rc::gen::container<std::string>(byte));
    const auto ascii =
        rc::gen::map(rc::gen::inRange(1, 256), [](int n) { return std::string(std::size_t(n), 'n'); });
    const auto utf8 = rc::gen::map(rc::gen::inRange(1, 80), [](int n) {
        std::string name;
        for (int i = 0; i < n; ++i) name += "\u00e9";
        return name;
    });
    return rc::gen::oneOf(bytes, ascii, utf8);
}

rc::Gen<std::string> tar_name() {
    return rc::gen::map(rc::gen::pair(component(), rc::gen::container<std::vector<std::string>>(component())),
                        [](const auto& pair) {
                            std::string name = "./" + pair.first;
                            for (std::size_t i = 0; i < std::min<std::size_t>(pair.second.size(), 5); ++i) {
                                name += "/" + pair.second[i];
                            }
                            return name;
                        });
}

rc::Gen<Timestamp> timestamp() {
    const auto sec =
        rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(),
                       border<std::int64_t>({0, std::uint64_t{1} << 33, std::uint64_t{1} << 32, 1'700'000'000,
                                             static_cast<std::uint64_t>(INT64_MIN) + 2}));
    const auto nsec =
        rc::gen::oneOf(rc::gen::just(0U), rc::gen::inRange(0U, 1'000'000'000U),
                       rc::gen::map(rc::gen::inRange(0U, 1000U), [](unsigned n) { return n * 1'000'000; }));
    return rc::gen::map(rc::gen::pair(sec, nsec), [](const auto& pair) {
        return Timestamp{pair.first, pair.second};
    });
}

std::uint32_t any_id() {
    return *rc::gen::oneOf(rc::gen::arbitrary<std::uint32_t>(),
                           border<std::uint32_t>({1U << 21, 1000, UINT32_MAX - 2}));
}

Metadata any_metadata() {
    Metadata metadata;
    const auto value = rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const auto xattrs = *rc::gen::container<std::map<std::string, std::string>>(component(), value);
    for (const auto& [name, bytes] : xattrs) metadata.xattrs.emplace_back("user." + name, bytes);
    metadata.acl_access =
        *rc::gen::element<std::string>("", "user::rw-,user:7:r--,group::r--,mask::r--,other::---");
    metadata.acl_default = *rc::gen::element<std::string>("", "user::rwx,group::r-x,other::---");
    return metadata;
}

std::vector<SparseRegion> any_regions(std::uint64_t& size_bytes) {
    std::vector<SparseRegion> regions;
    std::uint64_t end = 0;
    for (const auto& [gap, blocks] :
         *rc::gen::arbitrary<std::vector<std::pair<std::uint8_t, std::uint8_t>>>()) {
        regions.push_back({end + 1 + gap * 7777ULL, (1 + blocks % 4) * kBlockBytes});
        end = regions.back().offset + regions.back().length_bytes;
    }
    size_bytes = end + static_cast<std::uint64_t>(*rc::gen::inRange(0, 3)) * 1000;
    if (size_bytes == end && !regions.empty() && *rc::gen::arbitrary<bool>()) {
        regions.back().length_bytes -= 100;  // the file's last block need not be full
        size_bytes -= 100;
    }
    return regions;
}

TarMember any_member() {
    TarMember member;
    member.name = *tar_name();
    member.mode = *rc::gen::inRange(0U, 010000U);
    member.uid = any_id();
    member.gid = any_id();
    member.mtime = *timestamp();
    member.metadata = any_metadata();
    switch (*rc::gen::inRange(0, 8)) {
        case 0:
            member.size_bytes = *rc::gen::inRange<std::uint64_t>(0, 5000);
            break;
        case 1:
            member.sparse = any_regions(member.size_bytes);
            break;
        case 2:
            member.type = FileType::directory;
            member.name += '/';
            if (*rc::gen::arbitrary<bool>()) member.dumpdir = *rc::gen::arbitrary<std::string>() + '\0';
            break;
        case 3:
            member.type = FileType::symlink;
            member.link_target = *tar_name();
            break;
        case 4:
            member.hard_link = true;
            member.link_target = *tar_name();
            break;
        case 5:
            member.type = FileType::fifo;
            break;
        default:
            member.type = *rc::gen::element(FileType::char_device, FileType::block_device);
            member.rdev_major = any_id();
            member.rdev_minor = any_id();
            break;
    }
    return member;
}

TEST(TarRoundTrip, ReaderGivesBackWhatWasWritten) {
    const bool ok = rc::check([] {
        std::vector<tar_testing::ReadMember> written;
        std::string archive;
        const int count = *rc::gen::inRange(1, 6);
        for (int i = 0; i < count; ++i) {
            const TarMember member = any_member();
            const std::string content(content_bytes(member), static_cast<char>('a' + i));
            tar_testing::append_member(member, content, archive);
            written.push_back({member, content});
        }
        archive += end_of_archive();
        const auto read = tar_testing::read_all(archive);
        RC_ASSERT(read.size() == written.size());
        for (std::size_t i = 0; i < read.size(); ++i) {
            RC_ASSERT(read[i].member.name == written[i].member.name);
            RC_ASSERT((read[i].member == written[i].member));
            RC_ASSERT(read[i].content == written[i].content);
        }
    });
    EXPECT_TRUE(ok);
}

TEST(TarRoundTrip, AlignedRegionsCoverTheGivenOnes) {
    const bool ok = rc::check([](const std::vector<std::pair<std::uint16_t, std::uint16_t>>& steps) {
        std::vector<SparseRegion> regions;
        std::uint64_t end = 0;
        for (const auto& [gap, length] : steps) {
            regions.push_back({end + gap, length});
            end += gap + length;
        }
        const std::uint64_t size_bytes = end + *rc::gen::inRange<std::uint64_t>(0, 1000);
        const auto aligned = align_regions(regions, size_bytes);
        TarMember member = tar_testing::make_file("./a", size_bytes);
        member.sparse = aligned;
        std::string archive;
        tar_testing::append_member(member, std::string(content_bytes(member), 'x'),
                                   archive);  // CHECKs the order
        RC_ASSERT((tar_testing::read_all(archive).at(0).member == member));
        for (const auto& region : regions) {
            RC_ASSERT(region.length_bytes == 0 || std::ranges::any_of(aligned, [&](const SparseRegion& a) {
                          return a.offset <= region.offset &&
                                 region.offset + region.length_bytes <= a.offset + a.length_bytes;
                      }));
        }
    });
    EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace icecore::archive
