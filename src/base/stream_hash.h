#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/random_access_source.h"
#include "base/sha256_lanes.h"

namespace icecore {

/// What a piece of data is known by to the services.
struct Digests {
    Digest sha256;
    Digest tree_hash;  ///< combine_tree_hashes() of its leaves
    bool operator==(const Digests&) const = default;
};

/// Those of the consecutive parts of a file, each `part_bytes` long but the last, which may be shorter.
struct PartDigests {
    std::uint64_t part_bytes = 0;  ///< 0: nothing is known
    std::vector<Digests> parts;
    bool operator==(const PartDigests&) const = default;

    /// Whether they are `count` parts of a file with that tree hash. `part_bytes` is 1 MiB times a power of
    /// two.
    bool make_up(std::size_t count, const Digest& tree_hash) const;
};

/// All that is asked about the bytes of a stream, in one pass over them (sha256_lanes.h): SHA-256, Glacier's
/// tree hash, and both of each part. One thread at a time.
class StreamHash {
  public:
    static constexpr std::uint64_t kLeafBytes = kTreeHashLeafBytes;

    struct Result {
        Digests whole;
        std::vector<Digest> leaves;  ///< of the tree hash; at least one
        PartDigests parts;           ///< of the size that was asked for
    };

    /// `part_bytes`: a multiple of kLeafBytes, or 0: no parts. Memory: 32 bytes a MiB, and 64 bytes a part.
    /// `use_cpu` as in Sha256Lanes.
    explicit StreamHash(std::uint64_t part_bytes = 0, bool use_cpu = Sha256Lanes::accelerated());

    void update(std::string_view data);
    /// Of all data since construction or the last finish(); starts anew.
    Result finish();

  private:
    enum : std::size_t { kWhole, kLeaf, kPart };
    void end_part(const Digest& sha256);

    std::uint64_t part_bytes_;
    Sha256Lanes lanes_;
    std::uint64_t position_ = 0;
    std::vector<Digest> leaves_;
    std::size_t leaves_in_parts_ = 0;  ///< that belong to `parts_`
    std::vector<Digests> parts_;
};

/// Of data in memory.
Digests digests_of(std::string_view data);

/// Of what `read` gives piece by piece: it fills a buffer and returns how much, 0 at the end.
Digests digests_of(const std::function<std::size_t(char* buffer, std::size_t size)>& read);

/// Of a regular file, symbolic links not followed. Throws Error naming it.
Digests digests_of_file(const std::string& path);

Digests digests_of(RandomAccessSource& source, std::uint64_t offset, std::uint64_t length_bytes);

}  // namespace icecore
