#include "archive/seek_table.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "archive/volume_bytes.h"
#include "archive/volume_test_util.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

using testing::error_of;
using testing::put_file;
using testing::run_in;
using testing::TempDir;
using Method = Compression::Method;

std::vector<FrameSize> synthetic_frames(std::size_t count) {
    std::vector<FrameSize> frames;
    for (std::size_t i = 0; i < count; ++i)
        frames.push_back({static_cast<std::uint32_t>(20 + i % 90),
                          static_cast<std::uint32_t>(1 + i * 7919 % kFrameBytesMax)});
    return frames;
}

/// Says that it is larger than anything can be.
class VastVolume final : public VolumeBytes {
  public:
    std::uint64_t size_bytes() const override { return UINT64_MAX; }
    std::size_t read(char*, std::size_t, std::uint64_t) const override { return 0; }
};

std::uint64_t stored_sum(const std::vector<FrameSize>& frames) {
    std::uint64_t sum = 0;
    for (const FrameSize& frame : frames) sum += frame.stored_bytes;
    return sum;
}

/// Writes a volume whose frames are a hole, with `table` at its end, and reads its table.
std::vector<FrameSize> read_back(const TempDir& dir, Method method, std::uint64_t frames_bytes,
                                 std::string_view table) {
    Fd fd = open_file(dir.file("volume"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(ftruncate(fd.get(), static_cast<off_t>(frames_bytes)) == 0);
    CHECK(lseek(fd.get(), 0, SEEK_END) >= 0);
    write_full(fd.get(), table);
    return read_seek_table(method, *open_volume_file(dir.file("volume")));
}

void expect_corrupt(const TempDir& dir, Method method, std::uint64_t frames_bytes, std::string_view table) {
    auto error = error_of([&] { read_back(dir, method, frames_bytes, table); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->kind(), Error::Kind::corrupt);
}

TEST(SeekTable, BytesAreThoseOfTheSpecification) {
    std::vector<FrameSize> frames = {{0x11, 0x22}, {0x010203, 0x040506 >> 2}};
    EXPECT_EQ(to_hex(encode_seek_table(Method::zstd, frames)),
              "5e2a4d18"
              "19000000"
              "11000000"
              "22000000"
              "03020100"
              "41010100"
              "02000000"
              "00"
              "b1ea928f");
    EXPECT_EQ(to_hex(encode_seek_table(Method::gzip, frames)),
              "1f8b08040000000000ff"
              "1400"
              "49431000"
              "11000000"
              "22000000"
              "03020100"
              "41010100"
              "03000000000000000000"
              "1f8b08040000000000ff"
              "0c00"
              "49430800"
              "02000000"
              "4c000000"
              "03000000000000000000");
    EXPECT_EQ(encode_seek_table(Method::none, frames), "");
}

TEST(SeekTable, RoundTripsAtEveryCount) {
    TempDir dir;
    for (Method method : {Method::zstd, Method::gzip})
        for (std::size_t count : {1U, 2U, 3U, 8190U, 8191U, 8192U, 8193U, 8194U, 8195U, 16382U, 16383U}) {
            auto frames = synthetic_frames(count);
            std::string table = encode_seek_table(method, frames);
            EXPECT_EQ(table.size(), seek_table_bytes(method, count));
            EXPECT_EQ(read_back(dir, method, stored_sum(frames), table), frames) << count;
        }
}

TEST(SeekTable, ToolsReadItAsNothing) {
    TempDir dir;
    for (std::size_t count : {1U, 2U, 8190U, 8191U, 8192U, 8193U, 8194U, 8195U}) {
        std::string table = encode_seek_table(Method::gzip, synthetic_frames(count));
        put_file(dir.file("t.gz"), table);
        for (const char* command :
             {"gzip -t t.gz 2>&1", "gzip -dc t.gz 2>&1",
              "python3 -c \"import gzip,sys; sys.stdout.buffer.write(gzip.open('t.gz').read())\" 2>&1"}) {
            auto result = run_in(dir.path(), command);
            EXPECT_EQ(result.status, 0) << command << count;
            EXPECT_EQ(result.output, "") << command << count;
        }
        put_file(dir.file("t.zst"), encode_seek_table(Method::zstd, synthetic_frames(count)));
        auto result = run_in(dir.path(), "zstd -q -dc t.zst 2>&1");
        EXPECT_EQ(result.status, 0) << count;
        EXPECT_EQ(result.output, "") << count;
    }
}

TEST(SeekTable, EveryFlipAndTruncationIsSeen) {
    TempDir dir;
    auto frames = synthetic_frames(3);
    for (Method method : {Method::zstd, Method::gzip}) {
        const std::string table = encode_seek_table(method, frames);
        // Raw sizes are the one thing that only the frames themselves (and the catalogue) can contradict.
        std::size_t first_entry = method == Method::zstd ? 8 : 16;
        for (std::size_t at = 0; at < table.size(); ++at)
            for (int bit = 0; bit < 8; ++bit) {
                std::string flipped = table;
                flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
                bool raw_size = at >= first_entry && at < first_entry + 24 && (at - first_entry) % 8 >= 4;
                if (!raw_size) expect_corrupt(dir, method, stored_sum(frames), flipped);
            }
        for (std::size_t size = 0; size < table.size(); ++size)
            expect_corrupt(dir, method, stored_sum(frames), std::string_view(table).substr(0, size));
        expect_corrupt(dir, method, stored_sum(frames) + 1, table);
        expect_corrupt(dir, method, stored_sum(frames) - 1, table);
    }
}

TEST(SeekTable, RefusesSizesThatNoFrameHas) {
    TempDir dir;
    for (Method method : {Method::zstd, Method::gzip})
        for (FrameSize bad : {FrameSize{30, 0}, FrameSize{30, kFrameBytesMax + 1}, FrameSize{0, 30},
                              FrameSize{30'000'000, 30}, FrameSize{30, 0xffffffff}}) {
            std::vector<FrameSize> frames = {{20, 20}, bad, {20, 20}};
            expect_corrupt(dir, method, stored_sum(frames), encode_seek_table(method, frames));
        }
}

TEST(SeekTable, AnAbsurdCountAllocatesNothing) {
    TempDir dir;
    for (Method method : {Method::zstd, Method::gzip}) {
        std::string table = encode_seek_table(method, synthetic_frames(2));
        std::size_t count_at = method == Method::zstd ? table.size() - 9 : table.size() - 18;
        table.replace(count_at, 4, "\xff\xff\xff\xff");
        expect_corrupt(dir, method, std::uint64_t{1} << 40, table);
    }
}

TEST(SeekTable, WithoutCompressionThereAreSteps) {
    TempDir dir;
    EXPECT_EQ(read_back(dir, Method::none, kFrameBytesMax, ""),
              (std::vector<FrameSize>{{kFrameBytesMax, kFrameBytesMax}}));
    EXPECT_EQ(read_back(dir, Method::none, kFrameBytesMax + 1, ""),
              (std::vector<FrameSize>{{kFrameBytesMax, kFrameBytesMax}, {1, 1}}));
    expect_corrupt(dir, Method::none, 0, "");
    EXPECT_EQ(error_of([] { read_seek_table(Method::none, VastVolume()); })->kind(), Error::Kind::corrupt);
}

}  // namespace
}  // namespace icecore::archive
