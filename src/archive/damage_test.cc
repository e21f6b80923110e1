// What happens to volumes and manifests that lost or changed a byte: an Error or the same content, never
// other content.

#include <gtest/gtest.h>

#include "archive/manifest.h"
#include "archive/volume.h"
#include "archive/volume_test_util.h"

namespace icecore::archive {
namespace {

using namespace testing;
using Method = Compression::Method;

std::vector<std::string> tiny_pieces() {
    return {sample_bytes(40, 1), std::string(300, 'z'), "x", sample_bytes(90, 2)};
}

class DamagedVolumeTest : public ::testing::TestWithParam<Method> {
  protected:
    DamagedVolumeTest()
        : written_(write_archive(dir_.path(), "a", {GetParam(), 3}, tiny_pieces(), 1 << 20)),
          good_(read_file(dir_.file("a"))) {}

    /// Stores `bytes` in the volume's place and reads the archive from each frame's start on to its end. The
    /// catalogue is either unaware (it knows the size that the file has) or knows the truth. Returns how many
    /// reads gave Error.
    int read_damaged(const std::string& bytes, bool size_known) {
        put_file(dir_.file("a"), bytes);
        std::vector<VolumeInfo> volumes = written_.volumes;
        if (!size_known) volumes[0].stored_bytes = bytes.size();
        int errors = 0;
        for (StreamPosition from : written_.positions) {
            try {
                ArchiveFile archive(dir_.path(), GetParam(), volumes);
                std::string read = read_all(*archive.open_stream(from), 64);
                EXPECT_TRUE(read == written_.stream.substr(from.offset))
                    << "other bytes from " << from.offset;
            } catch (const Error& e) {
                EXPECT_TRUE(e.kind() == Error::Kind::corrupt) << e.what();
                EXPECT_NE(e.message().find(dir_.file("a")), std::string::npos);
                ++errors;
            }
        }
        return errors;
    }

    /// Where the seek table begins.
    std::uint64_t frames_bytes() const {
        std::uint64_t bytes = 0;
        for (const FrameSize& frame : written_.frames[0]) bytes += frame.stored_bytes;
        return bytes;
    }

    TempDir dir_;
    WrittenArchive written_;
    std::string good_;
};

TEST_P(DamagedVolumeTest, UndamagedItReads) {
    EXPECT_EQ(read_damaged(good_, true), 0);
}

TEST_P(DamagedVolumeTest, ATruncationCostsTheFramesItCuts) {
    for (std::size_t size = 0; size < good_.size(); ++size)
        for (bool size_known : {true, false})
            EXPECT_EQ(read_damaged(good_.substr(0, size), size_known), size < frames_bytes() ? 4 : 0) << size;
}

TEST_P(DamagedVolumeTest, BytesAtTheEndCostNothing) {
    for (bool size_known : {true, false}) EXPECT_EQ(read_damaged(good_ + '\0', size_known), 0);
}

TEST_P(DamagedVolumeTest, AFlippedByteNeverGivesOtherBytes) {
    int unnoticed = 0;
    for (std::size_t at = 0; at < good_.size(); ++at)
        for (int change : {0x01, 0x10, 0x80, 0xff}) {
            std::string bytes = good_;
            bytes[at] = static_cast<char>(bytes[at] ^ change);
            int errors = read_damaged(bytes, true);
            if (at >= frames_bytes()) {
                EXPECT_EQ(errors, 0) << "only the seek table is hit, at " << at;
            } else if (errors == 0) {
                ++unnoticed;
            }
        }
    // gzip: time, flags and system of the 4 members (at most 10 bytes each); zstd: one bit that decoders must
    // ignore.
    EXPECT_LE(unnoticed, GetParam() == Method::gzip ? 4 * 10 * 4 : 4 * 4);
}

TEST_P(DamagedVolumeTest, AFlippedByteCostsItsFrameOnly) {
    std::uint64_t begin = 0;
    for (std::size_t hit = 0; hit < 4; ++hit) {
        std::string bytes = good_;
        bytes[begin + written_.frames[0][hit].stored_bytes - 6] ^= 0x10;
        begin += written_.frames[0][hit].stored_bytes;
        put_file(dir_.file("a"), bytes);
        ArchiveFile archive(dir_.path(), GetParam(), written_.volumes);
        auto stream = archive.open_stream({});
        for (std::size_t i = 0; i < 4; ++i) {
            stream->seek(written_.positions[i]);
            std::string piece(written_.frames[0][i].raw_bytes, '?');
            bool damaged = error_of([&] { stream->read(piece.data(), piece.size()); }).has_value();
            EXPECT_EQ(damaged, i == hit);
            EXPECT_EQ(piece == tiny_pieces()[i], !damaged);
        }
        EXPECT_EQ(archive.remarks().size(), 0U);
    }
}

TEST_P(DamagedVolumeTest, AKnownFrameTableStandsInForTheSeekTable) {
    std::string bytes = good_;
    bytes.back() ^= 0x01;
    bytes[3] ^= 0x40;  // and walking through it would not get beyond the first frame
    put_file(dir_.file("a"), bytes);
    auto damaged_starts = [&](const ArchiveFile::KnownFrames& known) {
        ArchiveFile archive({local_volumes(dir_.path())}, GetParam(), written_.volumes, known);
        auto stream = archive.open_stream({});
        int damaged = 0;
        for (StreamPosition position : written_.positions) {
            stream->seek(position);
            if (error_of([&] { stream->peek(); })) ++damaged;
        }
        EXPECT_EQ(archive.remarks().size(), 1U);
        return damaged;
    };
    EXPECT_EQ(damaged_starts([&](std::uint32_t) { return written_.frames[0]; }), 1);
    EXPECT_EQ(damaged_starts({}), 4);
    // One that does not fit is not believed.
    EXPECT_EQ(damaged_starts([&](std::uint32_t) { return std::vector<FrameSize>{{20, 20}}; }), 4);
}

TEST_P(DamagedVolumeTest, AnotherSourceHasWhatTheFirstLost) {
    put_file(dir_.file("good"), good_);
    VolumeSource other{"offsite", [&](const VolumeInfo&) { return open_volume_file(dir_.file("good")); }};
    auto read_with_other = [&] {
        ArchiveFile archive({local_volumes(dir_.path()), other}, GetParam(), written_.volumes);
        EXPECT_TRUE(read_all(*archive.open_stream({})) == written_.stream);
        EXPECT_LE(archive.remarks().size(), 2U);
        return archive.stored_bytes_read();
    };
    EXPECT_EQ(read_with_other(), good_.size()) << "the other source is not asked without need";
    for (std::size_t at = 0; at < good_.size(); ++at) {
        std::string bytes = good_;
        bytes[at] ^= 0x10;
        put_file(dir_.file("a"), bytes);
        read_with_other();
        put_file(dir_.file("a"), good_.substr(0, at));
        read_with_other();
    }
    std::filesystem::remove(dir_.file("a"));
    read_with_other();
    ArchiveFile nowhere({local_volumes(dir_.path()), local_volumes("/nonexistent")}, GetParam(),
                        written_.volumes);
    auto error = error_of([&] { nowhere.open_stream({})->peek(); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->kind(), Error::Kind::not_found);
    EXPECT_NE(error->message().find("; volume /nonexistent/a: "), std::string::npos) << error->message();
}

INSTANTIATE_TEST_SUITE_P(Methods, DamagedVolumeTest, ::testing::Values(Method::zstd, Method::gzip),
                         [](const auto& tested) { return tested.param == Method::zstd ? "zstd" : "gzip"; });

class DamagedManifestTest : public ::testing::Test {
  protected:
    DamagedManifestTest() {
        auto fs = make_file_system();
        ManifestHeader header;
        header.set = "home";
        header.host = "server";
        header.run = 1;
        header.chain = 1;
        header.archive_name = "home.tar.zst";
        ManifestEntry entry;
        entry.path = "a/b";
        entry.sha256 = sha256("content");
        entry.location = {1, 0, 512, 1024};
        lines_ = {header, entry, ManifestDelete{"gone"}, ManifestTrailer{}};
        ManifestWriter writer(*fs, dir_.path(), "m");
        for (const ManifestLine& line : lines_) writer.write(line);
        writer.seal();
        good_ = read_file(dir_.file("m"));
    }

    /// Whether reading `bytes` to the end works; then the lines must be those written.
    bool reads(const std::string& bytes) {
        put_file(dir_.file("m"), bytes);
        try {
            ManifestReader reader(dir_.file("m"));
            std::vector<ManifestLine> read;
            while (auto line = reader.next()) read.push_back(*std::move(line));
            EXPECT_TRUE(read == lines_);
            return true;
        } catch (const Error& e) {
            EXPECT_TRUE(e.kind() == Error::Kind::corrupt || e.kind() == Error::Kind::unsupported) << e.what();
            EXPECT_NE(e.message().find(dir_.file("m")), std::string::npos);
            return false;
        }
    }

    TempDir dir_;
    std::vector<ManifestLine> lines_;
    std::string good_;
};

TEST_F(DamagedManifestTest, EveryTruncationIsRefused) {
    EXPECT_TRUE(reads(good_));
    for (std::size_t size = 0; size < good_.size(); ++size)
        EXPECT_FALSE(reads(good_.substr(0, size))) << size;
}

TEST_F(DamagedManifestTest, BytesAtTheEndAreRefused) {
    EXPECT_FALSE(reads(good_ + "x"));
    EXPECT_FALSE(reads(good_ + good_));
}

TEST_F(DamagedManifestTest, AFlippedByteNeverGivesOtherLines) {
    int unnoticed = 0;
    for (std::size_t at = 0; at < good_.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            std::string bytes = good_;
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            if (reads(bytes)) ++unnoticed;
        }
    // A zstd frame has a few bits that mean nothing; the checksum sees to all others.
    EXPECT_LE(static_cast<std::size_t>(unnoticed), good_.size() * 8 / 50);
}

}  // namespace
}  // namespace icecore::archive
