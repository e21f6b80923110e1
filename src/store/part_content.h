#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/buffer.h"
#include "base/random_access_source.h"
#include "base/stream_hash.h"
#include "store/target.h"

namespace icecore::store {

/// The bytes of one part of an object, to be hashed and sent, perhaps several times. A part of up to 64 MiB
/// that is to be hashed, or whose source is slow, is read once, into `buffer`, which the next part can use
/// again; else it is read from `source` whenever it is needed. Both must outlive it. Throws what `source`
/// does.
class PartContent {
  public:
    static constexpr std::uint64_t kBufferedBytesMax = 64 << 20;

    PartContent(RandomAccessSource& source, std::uint64_t offset, std::uint64_t length_bytes, Buffer& buffer);
    ~PartContent();
    PartContent(const PartContent&) = delete;
    PartContent& operator=(const PartContent&) = delete;

    std::uint64_t offset() const { return offset_; }  ///< in the object
    std::uint64_t length_bytes() const { return length_bytes_; }
    /// Where the bytes are, at the offsets that they have in the object. Of a part that was not hashed, that
    /// is the file: it costs no copy.
    RandomAccessSource& source();
    /// All bytes in order, in pieces of 1 MiB at most, which all but the last have.
    void visit(const std::function<void(std::string_view)>& visit_piece);
    Digests digests();

  private:
    class InMemory;
    void buffer_up();
    std::uint64_t offset_;
    std::uint64_t length_bytes_;
    Buffer& buffer_;
    std::unique_ptr<InMemory> in_memory_;
    RandomAccessSource* bytes_;
};

/// Tells the listener of bytes that are read for the first time, as they go out. References must outlive it.
class ListenedSource final : public RandomAccessSource {
  public:
    ListenedSource(RandomAccessSource& inner, const std::function<void(std::uint64_t)>& sent)
        : inner_(inner), sent_(sent) {}
    std::uint64_t size_bytes() const override { return inner_.size_bytes(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override;

  private:
    RandomAccessSource& inner_;
    const std::function<void(std::uint64_t)>& sent_;
    std::uint64_t told_bytes_ = 0;
};

/// Throws Error{corrupt}: what is read of the file is not what was sealed.
[[noreturn]] void wrong_source(const Upload& upload);

}  // namespace icecore::store
