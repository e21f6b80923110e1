#include "archive/volume_bytes.h"

#include <fcntl.h>

#include <utility>

#include "archive/volume.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

class VolumeFile final : public VolumeBytes {
  public:
    VolumeFile(Fd fd, std::uint64_t size_bytes) : fd_(std::move(fd)), size_bytes_(size_bytes) {}
    std::uint64_t size_bytes() const override { return size_bytes_; }
    std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const override {
        return pread_full(fd_.get(), buffer, size, offset);
    }

  private:
    Fd fd_;
    std::uint64_t size_bytes_;
};

/// O_NONBLOCK: to open a fifo must not wait for a writer.
Fd open_or_say_missing(const std::string& path) {
    try {
        return open_file(path, O_RDONLY | O_NONBLOCK);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found) throw;
        throw Error(Error::Kind::not_found, "the file is missing");
    }
}

}  // namespace

std::unique_ptr<VolumeBytes> open_volume_file(const std::string& path) {
    Fd fd = open_or_say_missing(path);
    FileStat stat;
    if (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("reading its size");
    if (stat.type != FileType::regular) throw Error(Error::Kind::corrupt, "it is not a regular file");
    return std::make_unique<VolumeFile>(std::move(fd), stat.size);
}

VolumeSource local_volumes(std::string dir) {
    auto open = [dir](const VolumeInfo& volume) { return open_volume_file(join_path(dir, volume.name)); };
    return {std::move(dir), std::move(open)};
}

}  // namespace icecore::archive
