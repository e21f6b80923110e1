#include "archive/ustar_block.h"

#include <cstring>

namespace icecore::archive {
namespace {

constexpr std::size_t kChecksumAt = offsetof(UstarBlock, checksum);

void put_base256(char* field, std::size_t width, std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    const std::uint64_t sign_bits = value < 0 ? std::uint64_t{0xff} << 56 : 0;
    for (std::size_t i = width; i-- > 1;) {
        field[i] = static_cast<char>(bits & 0xff);
        bits = bits >> 8 | sign_bits;
    }
    field[0] = value < 0 ? '\xff' : '\x80';
}

std::optional<std::int64_t> parse_base256(std::string_view field) {
    const auto first = static_cast<std::uint8_t>(field[0]);
    const bool negative = (first & 0x40) != 0;
    // The marker bit is dropped and the sign bit below it extended: two's complement of 8 * width - 1 bits.
    auto value = static_cast<std::int64_t>(first & 0x3f) - (negative ? 0x40 : 0);
    for (const char c : field.substr(1)) {
        if (value > INT64_MAX >> 8 || value < INT64_MIN >> 8) return std::nullopt;
        value = value * 256 + static_cast<std::uint8_t>(c);
    }
    return value;
}

/// Sums of a block's bytes, the checksum field counted as blanks.
struct Sums {
    std::int64_t plain = 0;
    std::int64_t as_signed = 0;
};

Sums sum_block(const UstarBlock& block) {
    std::uint64_t words[kBlockBytes / 8];
    std::memcpy(words, &block, kBlockBytes);
    std::memset(reinterpret_cast<char*>(words) + kChecksumAt, ' ', sizeof block.checksum);

    // Eight bytes at a time, in four lanes of 16 bits: 2 * 64 bytes of at most 255 fit a lane.
    constexpr std::uint64_t kEvenBytes = 0x00ff'00ff'00ff'00ff;
    constexpr std::uint64_t kLowBits = 0x0101'0101'0101'0101;
    std::uint64_t lanes = 0;
    std::uint64_t negatives = 0;  // in eight lanes: 64 fit
    for (const auto word : words) {
        lanes += (word & kEvenBytes) + (word >> 8 & kEvenBytes);
        negatives += word >> 7 & kLowBits;
    }
    std::int64_t plain = 0;
    for (; lanes != 0; lanes >>= 16) plain += static_cast<std::int64_t>(lanes & 0xffff);
    std::int64_t as_signed = plain;
    for (; negatives != 0; negatives >>= 8) as_signed -= 256 * static_cast<std::int64_t>(negatives & 0xff);
    return {plain, as_signed};
}

}  // namespace

void put_number(char* field, std::size_t width, std::int64_t value) {
    const auto octal_bits = 3 * (width - 1);
    if (value < 0 || static_cast<std::uint64_t>(value) >> octal_bits != 0) {
        put_base256(field, width, value);
        return;
    }
    auto bits = static_cast<std::uint64_t>(value);
    field[width - 1] = '\0';
    for (std::size_t i = width - 1; i-- > 0; bits >>= 3) field[i] = static_cast<char>('0' + (bits & 7));
}

std::optional<std::int64_t> parse_number(std::string_view field) {
    if (!field.empty() && (static_cast<std::uint8_t>(field[0]) & 0x80) != 0) return parse_base256(field);
    const auto is_blank = [](char c) { return c == ' ' || c == '\0'; };
    std::size_t i = 0;
    while (i < field.size() && is_blank(field[i])) ++i;
    std::int64_t value = 0;
    for (; i < field.size() && field[i] >= '0' && field[i] <= '7'; ++i) {
        value = value * 8 + (field[i] - '0');  // 12 digits are 36 bits: no overflow
    }
    // What follows the NUL is not part of the number, as GNU tar reads it.
    if (i < field.size() && !is_blank(field[i])) return std::nullopt;
    return value;
}

void put_checksum(UstarBlock& block) {
    std::int64_t sum = sum_block(block).plain;
    block.checksum[7] = ' ';
    block.checksum[6] = '\0';
    for (std::size_t i = 6; i-- > 0; sum >>= 3) block.checksum[i] = static_cast<char>('0' + (sum & 7));
}

bool checksum_matches(const UstarBlock& block) {
    const std::string_view field(block.checksum, sizeof block.checksum);
    if ((static_cast<std::uint8_t>(field[0]) & 0x80) != 0) return false;
    const auto recorded = parse_number(field);
    const auto sums = sum_block(block);
    return recorded && (*recorded == sums.plain || *recorded == sums.as_signed);
}

}  // namespace icecore::archive
