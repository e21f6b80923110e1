#include "archive/volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "archive/seek_table.h"
#include "archive/volume_test_util.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using Method = Compression::Method;

struct Case {
    Compression compression;
    const char* name;
};

class VolumeTest : public ::testing::TestWithParam<Case> {
  protected:
    /// Some 60 frames of 1 to 70,000 bytes.
    static std::vector<std::string> pieces() {
        std::mt19937 random(5);
        std::vector<std::string> out;
        for (unsigned i = 0; i < 60; ++i)
            out.push_back(sample_bytes(1 + random() % (i % 3 == 0 ? 70'000 : 500), i));
        return out;
    }
    WrittenArchive write(std::uint64_t volume_bytes_max) {
        return write_archive(dir_.path(), GetParam().name, GetParam().compression, pieces(),
                             volume_bytes_max);
    }
    ArchiveFile reader(const WrittenArchive& written) {
        return ArchiveFile(dir_.path(), GetParam().compression.method, written.volumes);
    }
    void expect_stream(const std::string& command, const std::string& stream) {
        CommandResult result = run_in(dir_.path(), command);
        EXPECT_EQ(result.status, 0) << command;
        EXPECT_TRUE(result.output == stream) << command << ": " << result.output.substr(0, 200);
    }
    TempDir dir_;
};

std::vector<std::string> commands_for(Method method) {
    std::vector<std::string> commands;
    std::string python = "python3 -c \"import sys,zlib,gzip; d=open(0,'rb').read(); ";
    if (method == Method::none) return {"cat a.tar*"};
    if (method == Method::zstd) {
        commands = {"zstd -dc a.tar* 2>&1", "cat a.tar* | zstd -dc 2>&1"};
    } else {
        commands = {
            "gzip -dc a.tar.gz 2>&1 && for f in a.tar.gz.*; do [ ! -f $f ] || gzip -dc < $f 2>&1; done",
            "cat a.tar* | gzip -dc 2>&1",
            "cat a.tar* | " + python + "sys.stdout.buffer.write(gzip.decompress(d))\" 2>&1",
            "cat a.tar* | " + python +
                "\nwhile d:\n z=zlib.decompressobj(31); sys.stdout.buffer.write(z.decompress(d)+z.flush()); "
                "d=z.unused_data\" 2>&1"};
        if (have_program("pigz")) commands.emplace_back("cat a.tar* | pigz -dc 2>&1");
    }
    return commands;
}

TEST_P(VolumeTest, OrdinaryToolsGiveTheStream) {
    for (std::uint64_t max : {std::uint64_t{1} << 30, std::uint64_t{150'000}, std::uint64_t{1}}) {
        run_in(dir_.path(), "rm -f a.tar*");
        WrittenArchive written = write(max);
        if (max == 1) {
            EXPECT_EQ(written.volumes.size(), 60U);
        }  // a volume holds at least one frame
        if (max == 150'000) {
            EXPECT_GT(written.volumes.size(), 2U);
        }
        if (max > 150'000) {
            EXPECT_EQ(written.volumes.size(), 1U);
        }
        for (const std::string& command : commands_for(GetParam().compression.method))
            expect_stream(command, written.stream);
    }
}

TEST_P(VolumeTest, OrdinaryToolsTestIt) {
    WrittenArchive written = write(150'000);
    Method method = GetParam().compression.method;
    if (method == Method::none) GTEST_SKIP();
    for (const VolumeInfo& volume : written.volumes) {
        auto tests = method == Method::zstd ? std::vector<std::string>{"zstd -q -t < ", "zstd -l "}
                                            : std::vector<std::string>{"gzip -t < "};
        for (const std::string& test : tests) {
            CommandResult result = run_in(dir_.path(), test + volume.name + " 2>&1");
            EXPECT_EQ(result.status, 0) << test << result.output;
            if (test != "zstd -l ") {
                EXPECT_EQ(result.output, "") << test;
            }
        }
    }
}

TEST_P(VolumeTest, HashesAreThoseOfOtherPrograms) {
    for (const VolumeInfo& volume : write(2 << 20).volumes) {
        EXPECT_EQ(run_in(dir_.path(), "sha256sum < " + volume.name).output, volume.sha256.hex() + "  -\n");
        EXPECT_EQ(std::filesystem::file_size(dir_.file(volume.name)), volume.stored_bytes);
        std::string python =
            "python3 -c \"\nimport hashlib\nd=open('" + volume.name +
            "','rb').read()\nh=lambda b: hashlib.sha256(b).digest()\nt=lambda b: h(b) if len(b)<=2**20 else "
            "(lambda n: "
            "h(t(b[:n])+t(b[n:])))(2**20<<((len(b)-1)//2**20).bit_length()-1)\nprint(t(d).hex())\"";
        EXPECT_EQ(run_in(dir_.path(), python).output, volume.tree_hash.hex() + "\n");
    }
}

TEST_P(VolumeTest, DigestsOfPartsAreThoseOfTheFilesPieces) {
    std::vector<std::string> pieces;
    for (unsigned i = 0; i < 12; ++i) pieces.push_back(sample_bytes(700'000, i));
    WrittenArchive written =
        write_archive(dir_.path(), GetParam().name, GetParam().compression, pieces, 3 << 19);
    ASSERT_GT(written.volumes.size(), 1U);
    ASSERT_GT(written.parts[0].parts.size(), 1U);
    for (std::size_t v = 0; v < written.volumes.size(); ++v) {
        std::string bytes = read_file(dir_.file(written.volumes[v].name));
        PartDigests expected{kPartBytes, {}};
        for (std::size_t at = 0; at < bytes.size(); at += kPartBytes) {
            Digest digest = sha256(std::string_view(bytes).substr(at, kPartBytes));
            expected.parts.push_back({digest, digest});  // a part is a leaf here
        }
        EXPECT_EQ(written.parts[v], expected);
    }
}

TEST_P(VolumeTest, NoVolumeIsTooLargeAndNoneCouldTakeMore) {
    WrittenArchive written = write(150'000);
    Method method = GetParam().compression.method;
    for (std::size_t v = 0; v < written.volumes.size(); ++v) {
        const VolumeInfo& volume = written.volumes[v];
        EXPECT_EQ(volume.number, v);
        EXPECT_EQ(volume.name, volume_name(GetParam().name, volume.number));
        EXPECT_LE(volume.stored_bytes, 150'000U);
        if (v + 1 == written.volumes.size()) continue;
        std::size_t n = written.frames[v].size();
        EXPECT_GT(volume.stored_bytes + written.frames[v + 1][0].stored_bytes +
                      seek_table_bytes(method, n + 1) - seek_table_bytes(method, n),
                  150'000U);
    }
}

TEST_P(VolumeTest, TheTableIsWhatWasReported) {
    WrittenArchive written = write(150'000);
    if (GetParam().compression.method == Method::none) GTEST_SKIP();
    for (std::size_t v = 0; v < written.volumes.size(); ++v) {
        auto volume = open_volume_file(dir_.file(written.volumes[v].name));
        EXPECT_EQ(read_seek_table(GetParam().compression.method, *volume), written.frames[v]);
    }
}

/// Offset in the whole stream of a position.
std::uint64_t global_offset(const WrittenArchive& written, StreamPosition position) {
    std::uint64_t offset = position.offset;
    for (std::uint32_t v = 0; v < position.volume; ++v) offset += written.volumes[v].raw_bytes;
    return offset;
}

TEST_P(VolumeTest, SequentialReadGivesTheStream) {
    WrittenArchive written = write(150'000);
    ArchiveFile archive = reader(written);
    for (std::size_t step : {std::size_t{10'000'000}, std::size_t{4096}, std::size_t{777}})
        EXPECT_TRUE(read_all(*archive.open_stream({}), step) == written.stream) << step;
}

TEST_P(VolumeTest, PositionsAreWhereTheFramesStand) {
    WrittenArchive written = write(150'000);
    auto all = pieces();
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(global_offset(written, written.positions[i]), offset);
        offset += all[i].size();
    }
}

TEST_P(VolumeTest, RandomReadsAndSkipsMatchTheStream) {
    WrittenArchive written = write(150'000);
    ArchiveFile archive = reader(written);
    std::mt19937 random(11);
    for (int round = 0; round < 200; ++round) {
        auto v = static_cast<std::uint32_t>(random() % written.volumes.size());
        StreamPosition from{v, random() % (written.volumes[v].raw_bytes + 1)};
        std::uint64_t at = global_offset(written, from);
        auto stream = archive.open_stream(from);
        for (int i = 0; i < 6; ++i) {
            std::size_t size = random() % (round % 2 == 0 ? 100'000 : 200);
            if (random() % 3 == 0) {
                if (at + size > written.stream.size()) {
                    EXPECT_THROW(stream->skip(size), Error);
                    break;
                }
                stream->skip(size);
                at += size;
                continue;
            }
            std::string buffer(size, '\0');
            std::size_t n = stream->read(buffer.data(), size);
            ASSERT_EQ(n, std::min<std::uint64_t>(size, written.stream.size() - at));
            ASSERT_TRUE(buffer.compare(0, n, written.stream, at, n) == 0) << "at " << at;
            at += n;
        }
    }
}

TEST_P(VolumeTest, SkippingReadsNothing) {
    WrittenArchive written = write(150'000);
    // Only the last volume is there: what is skipped is not even opened.
    for (std::size_t v = 0; v + 1 < written.volumes.size(); ++v)
        std::filesystem::remove(dir_.file(written.volumes[v].name));
    ArchiveFile archive = reader(written);
    auto stream = archive.open_stream({});
    std::uint64_t last_start = written.stream.size() - written.volumes.back().raw_bytes;
    stream->skip(last_start);
    EXPECT_EQ(archive.stored_bytes_read(), 0U);
    EXPECT_TRUE(read_all(*stream) == written.stream.substr(last_start));
    EXPECT_EQ(archive.stored_bytes_read(), written.volumes.back().stored_bytes);
}

TEST_P(VolumeTest, ThreadsShareAnArchive) {
    WrittenArchive written = write(150'000);
    ArchiveFile archive = reader(written);
    std::vector<int> same(4);
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < same.size(); ++t)
            threads.emplace_back([&, t] {
                auto stream = archive.open_stream({});
                std::uint64_t start = t * 10'000;
                stream->skip(start);
                same[t] = read_all(*stream) == written.stream.substr(start) ? 1 : 0;
            });
    }
    EXPECT_THAT(same, ::testing::Each(1));
}

TEST_P(VolumeTest, BorderSizes) {
    std::vector<std::string> sizes;
    for (std::size_t size : {std::size_t{1}, kFrameBytesMax - 1, kFrameBytesMax, std::size_t{1}})
        sizes.push_back(sample_bytes(size, 9));
    WrittenArchive written =
        write_archive(dir_.path(), GetParam().name, GetParam().compression, sizes, 6 << 20);
    ArchiveFile archive = reader(written);
    EXPECT_TRUE(read_all(*archive.open_stream({})) == written.stream);
    expect_stream(commands_for(GetParam().compression.method).back(), written.stream);
}

TEST_P(VolumeTest, ErrorsNameTheVolume) {
    WrittenArchive written = write(150'000);
    const std::string& second = written.volumes[1].name;
    auto failure = [&](const std::vector<VolumeInfo>& volumes) {
        ArchiveFile archive(dir_.path(), GetParam().compression.method, volumes);
        auto error = error_of([&] { read_all(*archive.open_stream({1, 0})); });
        EXPECT_TRUE(error.has_value());
        EXPECT_THAT(error->message(), HasSubstr("volume " + dir_.file(second) + ": "));
        return *error;
    };
    auto volumes = written.volumes;
    volumes[1].raw_bytes += 1;
    EXPECT_EQ(failure(volumes).kind(), Error::Kind::corrupt);
    std::filesystem::remove(dir_.file(second));
    EXPECT_EQ(failure(written.volumes).kind(), Error::Kind::not_found);
    EXPECT_THAT(failure(written.volumes).message(), HasSubstr("missing"));
    std::filesystem::create_directory(dir_.file(second));
    EXPECT_EQ(failure(written.volumes).kind(), Error::Kind::corrupt);
}

TEST_P(VolumeTest, APositionOutsideIsRefused) {
    WrittenArchive written = write(150'000);
    ArchiveFile archive = reader(written);
    auto count = static_cast<std::uint32_t>(written.volumes.size());
    for (StreamPosition bad : {StreamPosition{count, 0}, StreamPosition{0, written.volumes[0].raw_bytes + 1},
                               StreamPosition{UINT32_MAX, UINT64_MAX}, StreamPosition{0, UINT64_MAX}})
        EXPECT_EQ(error_of([&] { archive.open_stream(bad); })->kind(), Error::Kind::corrupt);
    EXPECT_EQ(read_all(*archive.open_stream({count - 1, written.volumes.back().raw_bytes})), "");
    EXPECT_THROW(archive.open_stream({})->skip(UINT64_MAX), Error);
}

TEST_P(VolumeTest, UnfinishedLeavesSealedVolumesOnly) {
    auto fs = make_file_system();
    std::vector<std::string> sealed;
    {
        VolumeWriter writer(*fs, dir_.path(), GetParam().name,
                            {.method = GetParam().compression.method, .volume_bytes_max = 20'000},
                            [&](const SealedVolume& volume) { sealed.push_back(volume.info.name); });
        FrameEncoder encoder(GetParam().compression);
        std::string frame;
        for (unsigned i = 0; i < 10; ++i) {
            encoder.encode(sample_bytes(9000, i), frame);
            writer.append(frame, 9000);
        }
        // Volumes are sealed in the background and told of at the next append.
        while (sealed.size() < 2) {
            encoder.encode(sample_bytes(9000, 0), frame);
            writer.append(frame, 9000);
        }
    }
    std::vector<std::string> names = list_directory(dir_.path());
    EXPECT_THAT(names, ::testing::IsSupersetOf(sealed));
    EXPECT_THAT(names, ::testing::Each(::testing::Not(::testing::StartsWith("."))));
}

TEST_P(VolumeTest, ASealedFileIsNotReplaced) {
    put_file(dir_.file(GetParam().name), "precious");
    EXPECT_EQ(error_of([&] { write(1 << 30); })->kind(), Error::Kind::exists);
    EXPECT_EQ(read_file(dir_.file(GetParam().name)), "precious");
}

INSTANTIATE_TEST_SUITE_P(Methods, VolumeTest,
                         ::testing::Values(Case{{Method::zstd, 3}, "a.tar.zst"},
                                           Case{{Method::gzip, 6}, "a.tar.gz"},
                                           Case{{Method::none, 3}, "a.tar"}),
                         [](const auto& tested) {
                             std::string text = to_string(tested.param.compression);
                             return text.substr(0, text.find(':'));
                         });

TEST(VolumeName, CountsFromTheArchiveItself) {
    EXPECT_EQ(volume_name("a.tar.zst", 0), "a.tar.zst");
    EXPECT_EQ(volume_name("a.tar.zst", 1), "a.tar.zst.001");
    EXPECT_EQ(volume_name("a.tar.zst", 999), "a.tar.zst.999");
    EXPECT_EQ(volume_name("a.tar.zst", 1000), "a.tar.zst.1000");
}

}  // namespace
}  // namespace icecore::archive
