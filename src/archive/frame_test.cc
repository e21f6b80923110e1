#include "archive/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "archive/volume_test_util.h"

namespace icecore::archive {
namespace {

using testing::error_of;
using testing::sample_bytes;
using Method = Compression::Method;

std::string encoded(Compression compression, std::string_view raw) {
    std::string frame;
    FrameEncoder(compression).encode(raw, frame);
    return frame;
}

std::uint32_t u32(std::size_t size) {
    return static_cast<std::uint32_t>(size);
}

void expect_corrupt(Method method, std::string_view frame, std::uint32_t raw_bytes) {
    std::string out(std::min<std::size_t>(raw_bytes, kFrameBytesMax + 1), '\0');
    auto error = error_of([&] { decode_frame(method, frame, out); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->kind(), Error::Kind::corrupt);
}

TEST(Compression, ReadsWhatItWrites) {
    for (const char* text : {"zstd:1", "zstd:19", "gzip:1", "gzip:12", "none"})
        EXPECT_EQ(to_string(parse_compression(text)), text);
    EXPECT_EQ(to_string(parse_compression("zstd")), "zstd:3");
    EXPECT_EQ(to_string(parse_compression("gzip")), "gzip:6");
    EXPECT_EQ(parse_compression("none"), Compression{.method = Method::none});
}

TEST(Compression, RefusesOtherWordsAndLevels) {
    for (const char* text : {"", "zst", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "zstd:3x", "gzip:13",
                             "gzip:+1", "none:1", "ZSTD", "zstd:99999999999999999999"}) {
        auto error = error_of([&] { parse_compression(text); });
        ASSERT_TRUE(error.has_value()) << text;
        EXPECT_EQ(error->kind(), Error::Kind::invalid);
        EXPECT_THAT(error->message(), ::testing::HasSubstr("expected \"zstd\""));
    }
}

TEST(Frame, RoundTripsAtEveryBorder) {
    for (Compression c : {Compression{Method::none}, {Method::gzip, 1}, {Method::zstd, 1}}) {
        FrameEncoder encoder(c);
        std::string frame;
        for (std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{511}, std::size_t{65536},
                                 kFrameBytesMax - 1, kFrameBytesMax}) {
            for (const std::string& raw : {sample_bytes(size, 7), std::string(size, '\0')}) {
                encoder.encode(raw, frame);
                std::string out(size, '?');
                decode_frame(c.method, frame, out);
                EXPECT_TRUE(out == raw) << to_string(c) << " " << size;
            }
        }
    }
}

TEST(Frame, EveryLevelRoundTrips) {
    std::string raw = sample_bytes(100'000, 1);
    for (int level = 1; level <= 19; ++level)
        for (Method method : {Method::zstd, Method::gzip}) {
            if (method == Method::gzip && level > 12) continue;
            std::string out(raw.size(), '?');
            decode_frame(method, encoded({method, level}, raw), out);
            EXPECT_TRUE(out == raw) << level;
        }
}

TEST(Frame, IncompressibleDataHardlyGrows) {
    std::mt19937 random(3);
    std::string raw(kFrameBytesMax, '\0');
    for (char& c : raw) c = static_cast<char>(random());
    EXPECT_LT(encoded({Method::zstd, 1}, raw).size(), raw.size() + 1024);
    EXPECT_LT(encoded({Method::gzip, 1}, raw).size(), raw.size() + 8192);
}

TEST(Frame, RefusesAnyOtherSize) {
    std::string raw = sample_bytes(5000, 2);
    for (Compression c : {Compression{Method::none}, {Method::gzip, 6}, {Method::zstd, 3}}) {
        std::string frame = encoded(c, raw);
        for (std::uint32_t size :
             {0U, 1U, 4999U, 5001U, u32(kFrameBytesMax), u32(kFrameBytesMax + 1), 0xffffffffU})
            expect_corrupt(c.method, frame, size);
    }
}

TEST(Frame, RefusesBytesAfterIt) {
    std::string raw = sample_bytes(5000, 2);
    for (Compression c : {Compression{Method::none}, {Method::gzip, 6}, {Method::zstd, 3}}) {
        std::string frame = encoded(c, raw);
        expect_corrupt(c.method, frame + "x", u32(raw.size()));
        expect_corrupt(c.method, frame + frame, u32(raw.size()));
        if (c.method == Method::none) continue;  // there, twice the bytes are another good frame
        expect_corrupt(c.method, frame + frame, u32(2 * raw.size()));
        // A gzip member's size is at its end: one that is right must not help trailing bytes.
        expect_corrupt(c.method, frame + frame.substr(frame.size() - 8), u32(raw.size()));
    }
}

TEST(Frame, RefusesEveryTruncation) {
    std::string raw = sample_bytes(300, 2);
    for (Compression c : {Compression{Method::gzip, 6}, {Method::zstd, 3}}) {
        std::string frame = encoded(c, raw);
        for (std::size_t size = 0; size < frame.size(); ++size)
            expect_corrupt(c.method, std::string_view(frame).substr(0, size), u32(raw.size()));
    }
}

TEST(Frame, RefusesASkippableZstdFrame) {
    using namespace std::string_view_literals;
    expect_corrupt(Method::zstd, "\x5e\x2a\x4d\x18\x04\0\0\0abcd"sv, 1);
}

TEST(Frame, ContextsAreSharedByThreads) {
    for (Compression c : {Compression{Method::gzip, 1}, {Method::zstd, 1}}) {
        FrameEncoder encoder(c);
        std::vector<std::string> failures(4);
        {
            std::vector<std::jthread> threads;
            for (unsigned t = 0; t < 4; ++t)
                threads.emplace_back([&, t] {
                    std::string frame;
                    std::string out;
                    for (unsigned i = 0; i < 50; ++i) {
                        std::string raw = sample_bytes(1 + i * 331, t * 100 + i);
                        encoder.encode(raw, frame);
                        out.assign(raw.size(), '?');
                        decode_frame(c.method, frame, out);
                        if (out != raw) failures[t] += std::to_string(i) + " ";
                    }
                });
        }
        EXPECT_THAT(failures, ::testing::Each(""));
    }
}

}  // namespace
}  // namespace icecore::archive
