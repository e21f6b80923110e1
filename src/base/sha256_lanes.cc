#include "base/sha256_lanes.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace icecore {
namespace {

using Words = std::array<std::uint32_t, 8>;

constexpr Words kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#if defined(__x86_64__)

alignas(64) constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// FIPS 180-4, section 6.2.2, by the SHA instructions (Intel SDM, "SHA256RNDS2": two rounds of a state that
/// is kept as the vectors a, b, e, f and c, d, g, h). The words of each of `kLanes` states are changed.
template <std::size_t kLanes>
__attribute__((target("sha,sse4.1"))) void compress_lanes(const std::array<std::uint32_t*, kLanes>& states,
                                                          const char* blocks, std::size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[kLanes];
    __m128i cdgh[kLanes];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kLanes; ++i) {
        const auto* words = reinterpret_cast<const __m128i*>(states[i]);
        __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
        __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
        abef[i] = _mm_alignr_epi8(cdab, efgh, 8);
        cdgh[i] = _mm_blend_epi16(efgh, cdab, 0xf0);
    }
    for (; count > 0; --count, blocks += Sha256Lanes::kBlockBytes) {
        __m128i abef_before[kLanes];
        __m128i cdgh_before[kLanes];
#pragma GCC unroll 4
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            abef_before[lane] = abef[lane];
            cdgh_before[lane] = cdgh[lane];
        }
        __m128i w[4];  // the last 16 words of the message schedule, four each
#pragma GCC unroll 16
        for (std::size_t i = 0; i < 16; ++i) {
            __m128i& next = w[i % 4];
            if (i < 4) {
                next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i);
                next = _mm_shuffle_epi8(next, big_endian);
            } else {
                next = _mm_sha256msg1_epu32(next, w[(i + 1) % 4]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
                next = _mm_sha256msg2_epu32(next, w[(i + 3) % 4]);
            }
            __m128i words =
                _mm_add_epi32(next, _mm_load_si128(reinterpret_cast<const __m128i*>(kRound.data()) + i));
#pragma GCC unroll 4
            for (std::size_t lane = 0; lane < kLanes; ++lane)
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], words);
            words = _mm_shuffle_epi32(words, 0x0e);
#pragma GCC unroll 4
            for (std::size_t lane = 0; lane < kLanes; ++lane)
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], words);
        }
#pragma GCC unroll 4
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
        }
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kLanes; ++i) {
        auto* words = reinterpret_cast<__m128i*>(states[i]);
        __m128i feba = _mm_shuffle_epi32(abef[i], 0x1b);
        __m128i dchg = _mm_shuffle_epi32(cdgh[i], 0xb1);
        _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
    }
}

bool cpu_has_sha() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

#else

template <std::size_t kLanes>
void compress_lanes(const std::array<std::uint32_t*, kLanes>&, const char*, std::size_t) {
    CHECK(false);
}

bool cpu_has_sha() {
    return false;
}

#endif

}  // namespace

bool Sha256Lanes::accelerated() {
    static const bool has = cpu_has_sha();
    return has;
}

Sha256Lanes::Sha256Lanes(std::size_t lanes, bool use_cpu) {
    CHECK(lanes > 0 && lanes <= kLanesMax && (!use_cpu || accelerated()));
    if (use_cpu)
        lanes_.assign(lanes, {kInitial, 0});
    else
        plain_.resize(lanes);
}

void Sha256Lanes::update(std::string_view data) {
    for (Sha256& lane : plain_) lane.update(data);
    if (!plain_.empty()) {
        tail_bytes_ = (tail_bytes_ + data.size()) % kBlockBytes;
        return;
    }
    if (tail_bytes_ > 0) {
        std::size_t take = std::min(data.size(), kBlockBytes - tail_bytes_);
        data.copy(tail_.data() + tail_bytes_, take);
        tail_bytes_ += take;
        data.remove_prefix(take);
        if (tail_bytes_ < kBlockBytes) return;
        compress(tail_.data(), 1);
        tail_bytes_ = 0;
    }
    compress(data.data(), data.size() / kBlockBytes);
    data.remove_prefix(data.size() / kBlockBytes * kBlockBytes);
    tail_bytes_ = data.copy(tail_.data(), data.size());
}

void Sha256Lanes::compress(const char* blocks, std::size_t count) {
    if (count == 0) return;
    std::uint32_t* first = lanes_[0].words.data();
    if (lanes_.size() == 1)
        compress_lanes<1>({first}, blocks, count);
    else if (lanes_.size() == 2)
        compress_lanes<2>({first, lanes_[1].words.data()}, blocks, count);
    else
        compress_lanes<3>({first, lanes_[1].words.data(), lanes_[2].words.data()}, blocks, count);
    for (Lane& lane : lanes_) lane.bytes += count * kBlockBytes;
}

/// With the padding of FIPS 180-4, section 5.1.1: a 1 bit, zeros, the length in bits.
Digest Sha256Lanes::digest_of(Lane lane) const {
    std::array<char, 2 * kBlockBytes> end{};
    std::memcpy(end.data(), tail_.data(), tail_bytes_);
    end[tail_bytes_] = '\x80';
    std::size_t blocks = tail_bytes_ + 9 <= kBlockBytes ? 1 : 2;
    std::uint64_t bits = (lane.bytes + tail_bytes_) * 8;
    for (std::size_t i = 0; i < 8; ++i)
        end[blocks * kBlockBytes - 1 - i] = static_cast<char>(bits >> (8 * i) & 0xff);
    compress_lanes<1>({lane.words.data()}, end.data(), blocks);
    Digest digest;
    for (std::size_t i = 0; i < digest.bytes.size(); ++i)
        digest.bytes[i] = static_cast<std::uint8_t>(lane.words[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
    return digest;
}

Digest Sha256Lanes::end_lane(std::size_t lane) {
    CHECK(tail_bytes_ == 0);
    if (!plain_.empty()) return plain_.at(lane).finish();
    Digest digest = digest_of(lanes_.at(lane));
    lanes_[lane] = {kInitial, 0};
    return digest;
}

std::array<Digest, Sha256Lanes::kLanesMax> Sha256Lanes::finish() {
    std::array<Digest, kLanesMax> digests;
    for (std::size_t i = 0; i < plain_.size(); ++i) digests[i] = plain_[i].finish();
    for (std::size_t i = 0; i < lanes_.size(); ++i) digests[i] = digest_of(lanes_[i]);
    lanes_.assign(lanes_.size(), {kInitial, 0});
    tail_bytes_ = 0;
    return digests;
}

}  // namespace icecore
