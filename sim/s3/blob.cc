#include "sim/s3/blob.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace icecore::sim::s3 {
namespace {

constexpr off_t kReadAheadBytes = 8 << 20;

class BlobSource final : public BodySource {
  public:
    BlobSource(std::vector<std::shared_ptr<Blob>> blobs, std::uint64_t first)
        : blobs_(std::move(blobs)), first_(first) {
        std::uint64_t start = 0;
        for (const auto& blob : blobs_) {
            starts_.push_back(start);
            start += blob->size_bytes();
        }
    }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        while (size > 0) {
            std::uint64_t at = first_ + offset;
            // The last one that begins at or before it: an empty one never stands in the way.
            auto index = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), at) -
                                                  starts_.begin() - 1);
            const Blob& blob = *blobs_[index];
            std::uint64_t in_blob = at - starts_[index];
            CHECK(in_blob < blob.size_bytes());
            auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size, blob.size_bytes() - in_blob));
            if (!fd_ || index != index_) fd_ = open_file(blob.path(), O_RDONLY);
            index_ = index;
            // The next ones are read while these are sent.
            posix_fadvise(fd_.get(), static_cast<off_t>(in_blob + count), kReadAheadBytes,
                          POSIX_FADV_WILLNEED);
            if (pread_full(fd_.get(), buffer, count, in_blob) != count)
                throw Error(Error::Kind::corrupt, blob.path() + " is shorter than it was");
            offset += count;
            buffer += count;
            size -= count;
        }
    }

  private:
    std::vector<std::shared_ptr<Blob>> blobs_;
    std::vector<std::uint64_t> starts_;
    std::uint64_t first_;
    std::size_t index_ = 0;
    Fd fd_;
};

}  // namespace

Blob::~Blob() {
    if (uses_ == 0) ::unlink(path_.c_str());
}

std::unique_ptr<BodySource> open_blobs(std::vector<std::shared_ptr<Blob>> blobs, std::uint64_t first) {
    return std::make_unique<BlobSource>(std::move(blobs), first);
}

}  // namespace icecore::sim::s3
