#pragma once

#include <cstddef>
#include <cstdint>

namespace icecore {

/// Bytes that can be read again, at any offset: what an upload is read from. One thread at a time.
class RandomAccessSource {
  public:
    virtual ~RandomAccessSource() = default;
    virtual std::uint64_t size_bytes() const = 0;
    /// Reads exactly `size` bytes at `offset`. Throws Error{io}, or Error{corrupt} if the source is shorter
    /// than size_bytes() said.
    virtual void read(std::uint64_t offset, char* buffer, std::size_t size) = 0;
    /// Whether a read may take so long (a bandwidth limit) that what is sent must be read before.
    virtual bool slow() const { return false; }
};

}  // namespace icecore
