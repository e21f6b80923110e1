#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/hash.h"

// How StreamHash computes; private to this module.

namespace icecore {

/// Several SHA-256 over the same bytes that began at different places: lane 0 runs over all of them, others
/// are ended and begun anew on the way.
///
/// All lanes share the blocks of 64 bytes, hence the message schedule, and a lane's rounds fill the time that
/// another's must wait for theirs (sha256rnds2: a result after 4 cycles, a start every 2): with the CPU's SHA
/// instructions a second lane is almost free. Elsewhere each lane is a Sha256 of libcrypto.
/// One thread at a time.
class Sha256Lanes {
  public:
    static constexpr std::size_t kBlockBytes = 64;
    static constexpr std::size_t kLanesMax = 3;

    /// Whether this CPU has the instructions.
    static bool accelerated();

    /// 1 to kLanesMax lanes. `use_cpu` must not be true unless accelerated().
    explicit Sha256Lanes(std::size_t lanes, bool use_cpu = accelerated());

    void update(std::string_view data);
    /// Ends a lane and begins it anew. The position in the data is a multiple of kBlockBytes.
    Digest end_lane(std::size_t lane);
    /// Ends all lanes; then they begin anew at position 0.
    std::array<Digest, kLanesMax> finish();

  private:
    struct Lane {
        std::array<std::uint32_t, 8> words;  ///< a to h
        std::uint64_t bytes;                 ///< hashed since it began, without those in `tail_`
    };

    void compress(const char* blocks, std::size_t count);
    Digest digest_of(Lane lane) const;

    std::vector<Lane> lanes_;
    std::vector<Sha256> plain_;  ///< instead of lanes_
    std::array<char, kBlockBytes> tail_{};
    std::size_t tail_bytes_ = 0;
};

}  // namespace icecore
