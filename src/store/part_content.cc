#include "store/part_content.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace icecore::store {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

}  // namespace

/// A piece of the source in memory, at the offset that it has there.
class PartContent::InMemory final : public RandomAccessSource {
  public:
    InMemory(std::string_view bytes, std::uint64_t offset) : bytes_(bytes), offset_(offset) {}
    std::uint64_t size_bytes() const override { return offset_ + bytes_.size(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        CHECK(offset >= offset_ && offset - offset_ <= bytes_.size() &&
              size <= bytes_.size() - (offset - offset_));
        bytes_.copy(buffer, size, static_cast<std::size_t>(offset - offset_));
    }
    std::string_view bytes() const { return bytes_; }

  private:
    std::string_view bytes_;
    std::uint64_t offset_;
};

PartContent::PartContent(RandomAccessSource& source, std::uint64_t offset, std::uint64_t length_bytes,
                         Buffer& buffer)
    : offset_(offset), length_bytes_(length_bytes), buffer_(buffer), bytes_(&source) {}

PartContent::~PartContent() = default;

void PartContent::buffer_up() {
    if (in_memory_ || length_bytes_ > kBufferedBytesMax) return;
    buffer_.clear();
    char* bytes = buffer_.extend(static_cast<std::size_t>(length_bytes_));
    bytes_->read(offset_, bytes, buffer_.size());
    in_memory_ = std::make_unique<InMemory>(buffer_.view(), offset_);
    bytes_ = in_memory_.get();
}

RandomAccessSource& PartContent::source() {
    if (bytes_->slow()) buffer_up();
    return *bytes_;
}

Digests PartContent::digests() {
    StreamHash hash;
    visit([&](std::string_view piece) { hash.update(piece); });
    return hash.finish().whole;
}

void PartContent::visit(const std::function<void(std::string_view)>& visit_piece) {
    buffer_up();
    std::string piece;
    if (!in_memory_) piece.resize(kPieceBytes);
    for (std::uint64_t at = 0; at < length_bytes_;) {
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, length_bytes_ - at));
        if (in_memory_) {
            visit_piece(in_memory_->bytes().substr(static_cast<std::size_t>(at), size));
        } else {
            bytes_->read(offset_ + at, piece.data(), size);
            visit_piece({piece.data(), size});
        }
        at += size;
    }
}

void ListenedSource::read(std::uint64_t offset, char* buffer, std::size_t size) {
    inner_.read(offset, buffer, size);
    std::uint64_t end = offset + size;
    if (end <= told_bytes_) return;
    sent_(end - told_bytes_);
    told_bytes_ = end;
}

void wrong_source(const Upload& upload) {
    throw Error(Error::Kind::corrupt,
                format("{} does not have the digests that it had when it was sealed", upload.name),
                "it was changed or damaged after it was made; icecore verify tells more");
}

}  // namespace icecore::store
