#include "sim/s3/crc.h"

#include <array>
#include <bit>
#include <cstring>

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kSlices = 8;
using Tables = std::array<std::array<std::uint64_t, 256>, kSlices>;

constexpr std::uint64_t polynomial(Crc kind) {
    switch (kind) {
        case Crc::crc32:
            return 0xEDB88320;
        case Crc::crc32c:
            return 0x82F63B78;
        default:
            return 0x9A6C9329AC4BC9B5;
    }
}

constexpr std::uint64_t ones(Crc kind) {
    return kind == Crc::crc64nvme ? ~std::uint64_t{0} : 0xFFFFFFFF;
}

/// Table 0 moves a byte through the register; table k the same with k zero bytes behind it.
constexpr Tables make_tables(std::uint64_t polynomial) {
    Tables out{};
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
        std::uint64_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
        out[0][byte] = value;
    }
    for (std::size_t slice = 1; slice < kSlices; ++slice)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            std::uint64_t value = out[slice - 1][byte];
            out[slice][byte] = (value >> 8) ^ out[0][value & 0xFF];
        }
    return out;
}

constexpr std::array<Tables, 3> kTables = {make_tables(polynomial(Crc::crc32)),
                                           make_tables(polynomial(Crc::crc32c)),
                                           make_tables(polynomial(Crc::crc64nvme))};

/// A product of polynomials modulo the CRC's, the highest coefficient in the lowest bit.
std::uint64_t multiply(Crc kind, std::uint64_t a, std::uint64_t b) {
    std::uint64_t top = ones(kind) ^ (ones(kind) >> 1);
    std::uint64_t product = 0;
    for (std::uint64_t bit = top; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? polynomial(kind) : 0);
    }
    return product;
}

}  // namespace

std::uint64_t update_crc(Crc kind, std::uint64_t crc, std::string_view data) {
    static_assert(std::endian::native == std::endian::little);
    const Tables& tables = kTables[static_cast<std::size_t>(kind)];
    crc ^= ones(kind);
    while (data.size() >= kSlices) {
        std::uint64_t word = 0;
        std::memcpy(&word, data.data(), kSlices);
        word ^= crc;
        crc = 0;
        for (std::size_t i = 0; i < kSlices; ++i) crc ^= tables[kSlices - 1 - i][(word >> (8 * i)) & 0xFF];
        data.remove_prefix(kSlices);
    }
    for (char c : data) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xFF];
    return crc ^ ones(kind);
}

std::uint64_t combine_crcs(Crc kind, std::uint64_t first, std::uint64_t second, std::uint64_t second_bytes) {
    // first * x^(8 * second_bytes) + second; the inversions cancel out.
    std::uint64_t top = ones(kind) ^ (ones(kind) >> 1);
    std::uint64_t shift = top;        // x^0
    std::uint64_t power = top >> 8U;  // x^8
    for (std::uint64_t left = second_bytes; left != 0; left >>= 1) {
        if ((left & 1) != 0) shift = multiply(kind, shift, power);
        power = multiply(kind, power, power);
    }
    return multiply(kind, first, shift) ^ second;
}

}  // namespace icecore::sim::s3
