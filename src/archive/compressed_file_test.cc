#include "archive/compressed_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_dir.h"

namespace icecore::archive {
namespace {

class CompressedFileTest : public ::testing::Test {
  protected:
    std::string there_and_back(const std::string& content) {
        write_file_durably(*fs_, dir_.path(), "plain", content, true);
        fs_->remove(dir_.path(), "small");
        compress_file(*fs_, dir_.path("plain"), dir_.path(), "small");
        expand_file(dir_.path("small"), dir_.path("back"), 1 << 30);
        return read_file(dir_.path("back"));
    }
    std::string some(std::size_t size) const {
        std::string text;
        for (std::uint64_t i = 0; text.size() < size; ++i) text += std::to_string(i * i * 2654435761);
        text.resize(size);
        return text;
    }
    TestDir dir_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
};

TEST_F(CompressedFileTest, ThereAndBack) {
    for (std::size_t size : {0UL, 1UL, 131'071UL, 131'072UL, 131'073UL, 3'000'000UL})
        EXPECT_EQ(there_and_back(some(size)), some(size)) << size;
}

TEST_F(CompressedFileTest, DamageIsFound) {
    there_and_back(some(500'000));
    std::string good = read_file(dir_.path("small"));
    auto expand = [&](const std::string& bytes, std::uint64_t max = 1 << 30) {
        write_file_durably(*fs_, dir_.path(), "bad", bytes, true);
        try {
            expand_file(dir_.path("bad"), dir_.path("back"), max);
        } catch (const Error& e) {
            return e.kind() == Error::Kind::corrupt;
        }
        return false;
    };
    for (std::size_t at : {0UL, 5UL, good.size() / 2, good.size() - 1}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        EXPECT_TRUE(expand(bad)) << at;
    }
    for (std::size_t cut : {0UL, 1UL, 100UL, good.size() - 1})
        EXPECT_TRUE(expand(good.substr(0, cut))) << cut;
    EXPECT_TRUE(expand(good, 499'999));
    EXPECT_FALSE(expand(good, 500'000));
}

}  // namespace
}  // namespace icecore::archive
