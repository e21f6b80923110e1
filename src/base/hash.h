#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace icecore {

/// A SHA-256 digest: 32 bytes. All zero means "none" wherever a digest is optional.
struct Digest {
    std::array<std::uint8_t, 32> bytes{};
    bool operator==(const Digest&) const = default;
    bool empty() const { return *this == Digest{}; }
    std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
    std::string hex() const;
    /// From 32 raw bytes; CHECKs the length.
    static Digest from_bytes(std::string_view raw);
};

/// Incremental SHA-256 (FIPS 180-4, by OpenSSL's libcrypto). One thread at a time. Reusable after finish().
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    void update(std::string_view data);
    /// The digest of all data since construction or the last finish(); starts anew.
    Digest finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

Digest sha256(std::string_view data);

/// HMAC-SHA-256 (RFC 2104): 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

/// Glacier's SHA-256 tree hash has leaves of that size.
constexpr std::uint64_t kTreeHashLeafBytes = 1 << 20;

/// Glacier's SHA-256 tree hash: leaves of 1 MiB, pairs hashed together level by level, an odd one carried up
/// (AWS Glacier developer guide, "Computing checksums"). Memory: 32 bytes a MiB. The empty input's is SHA-256
/// of "".
class TreeHash {
  public:
    static constexpr std::size_t kLeafBytes = 1 << 20;
    void update(std::string_view data);
    Digest finish();
    /// Instead of finish(): the hashes of the leaves, at least one.
    std::vector<Digest> finish_leaves();

  private:
    Sha256 leaf_;
    std::size_t leaf_filled_bytes_ = 0;
    std::vector<Digest> leaves_;
};

/// The tree hash of the whole from those of consecutive pieces: leaves, or pieces that all (but the last)
/// have the same power of two of leaves. At least one.
Digest combine_tree_hashes(std::vector<Digest> pieces);

}  // namespace icecore
