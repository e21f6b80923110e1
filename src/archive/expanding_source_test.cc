#include "archive/expanding_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace icecore::archive {
namespace {

class Memory final : public VolumeBytes {
  public:
    explicit Memory(std::string data) : data_(std::move(data)) {}
    std::uint64_t size_bytes() const override { return data_.size(); }
    std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const override {
        return offset >= data_.size() ? 0 : data_.copy(buffer, size, offset);
    }

  private:
    std::string data_;
};

/// Half of it compresses.
std::string sample(std::size_t size) {
    std::mt19937 random(7);
    std::string out(size, 'x');
    for (std::size_t i = 0; i < size; i += 1 + i % 3) out[i] = static_cast<char>(random());
    return out;
}

std::string frame(const char* method, std::string_view raw) {
    std::string out;
    FrameEncoder(parse_compression(method)).encode(raw, out);
    return out;
}

ExpandingSource open(const char* method, std::string data) {
    return {parse_compression(method).method, std::make_shared<Memory>(std::move(data))};
}

/// Reads all in pieces of `step`; what could be had before an error goes to `out`.
std::optional<Error> read_all(ExpandingSource& source, std::size_t step, std::string& out) {
    std::string buffer(step, '\0');
    try {
        while (std::size_t n = source.read(buffer.data(), step)) out.append(buffer, 0, n);
    } catch (const Error& e) {
        return e;
    }
    return std::nullopt;
}

class ExpandingSourceTest : public testing::TestWithParam<const char*> {};

TEST_P(ExpandingSourceTest, GoesOnFromMemberToMember) {
    std::string first = sample(300'000);
    std::string second = sample(70'001);
    for (std::size_t step : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{1}}) {
        ExpandingSource source = open(GetParam(), frame(GetParam(), first) + frame(GetParam(), second));
        std::string out;
        EXPECT_FALSE(read_all(source, step, out).has_value());
        EXPECT_TRUE(out == first + second) << step;
        EXPECT_EQ(source.offset(), out.size());
        char byte = 0;
        EXPECT_EQ(source.read(&byte, 1), 0U);
    }
}

TEST_P(ExpandingSourceTest, Skips) {
    std::string raw = sample(500'000);
    ExpandingSource source = open(GetParam(), frame(GetParam(), raw));
    char byte = 0;
    source.skip(123'456);
    ASSERT_EQ(source.read(&byte, 1), 1U);
    EXPECT_EQ(byte, raw[123'456]);
    EXPECT_EQ(source.offset(), 123'457U);
    EXPECT_THROW(source.skip(400'000), Error);
}

INSTANTIATE_TEST_SUITE_P(Methods, ExpandingSourceTest, testing::Values("gzip", "zstd", "none"));

TEST(ExpandingSourceDamage, ACutGivesWhatIsBefore) {
    std::string raw = sample(400'000);
    for (const char* method : {"gzip", "zstd"}) {
        std::string whole = frame(method, raw);
        for (std::size_t size : {std::size_t{0}, std::size_t{5}, whole.size() / 2, whole.size() - 1}) {
            ExpandingSource source = open(method, whole.substr(0, size));
            std::string out;
            std::optional<Error> error = read_all(source, 10'000, out);
            ASSERT_TRUE(error.has_value()) << method << ' ' << size;
            EXPECT_EQ(error->kind(), Error::Kind::corrupt);
            EXPECT_THAT(error->message(), testing::HasSubstr("ends too early"));
            EXPECT_TRUE(raw.starts_with(out)) << method << ' ' << size;
            std::string more;
            EXPECT_TRUE(read_all(source, 1, more).has_value()) << "again";
        }
    }
}

TEST(ExpandingSourceDamage, AFlippedBitIsFound) {
    std::string raw = sample(100'000);
    for (const char* method : {"gzip", "zstd"}) {
        std::string damaged = frame(method, raw);
        damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 4);
        ExpandingSource source = open(method, damaged);
        std::string out;
        std::optional<Error> error = read_all(source, 100'000, out);
        ASSERT_TRUE(error.has_value()) << method;
        EXPECT_THAT(error->message(), testing::HasSubstr("damaged"));
    }
}

TEST(ExpandingSourceDamage, WhatFollowsGzipIsPassedOver) {
    std::string raw = sample(1000);
    ExpandingSource source = open("gzip", frame("gzip", raw) + std::string(512, '\0'));
    std::string out;
    EXPECT_FALSE(read_all(source, 1 << 16, out).has_value());
    EXPECT_EQ(out, raw);
}

TEST(RecognizeArchive, ByItsFirstBytes) {
    using enum Compression::Method;
    EXPECT_EQ(recognize_archive(Memory(frame("gzip", "x"))), gzip);
    EXPECT_EQ(recognize_archive(Memory(frame("zstd", "x"))), zstd);
    TarMember member;
    member.name = "./a";
    std::string tar;
    append_header(member, tar);
    EXPECT_EQ(recognize_archive(Memory(tar)), none);
    EXPECT_EQ(recognize_archive(Memory(std::string(1024, '\0'))), std::nullopt);
    EXPECT_EQ(recognize_archive(Memory("PK\3\4")), std::nullopt);
    EXPECT_EQ(recognize_archive(Memory("")), std::nullopt);
}

}  // namespace
}  // namespace icecore::archive
