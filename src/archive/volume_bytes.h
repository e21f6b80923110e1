#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace icecore::archive {

struct VolumeInfo;

/// The bytes of one stored volume, wherever they lie. Thread-safe.
class VolumeBytes {
  public:
    virtual ~VolumeBytes() = default;
    virtual std::uint64_t size_bytes() const = 0;
    /// Reads up to `size` bytes at `offset`; less only at the end. Throws Error.
    virtual std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const = 0;
};

/// A place that may have an archive's volumes: the backup directory, an offsite target.
struct VolumeSource {
    std::string where;  ///< for messages: stands before a volume's name, "/srv/backup"
    /// Opens a volume. Its size need not be the recorded one. Throws Error{not_found} if it is not there. May
    /// be called by several threads, one at a time for one archive.
    std::function<std::unique_ptr<VolumeBytes>(const VolumeInfo&)> open;
};

/// The volumes that lie in the directory `dir`.
VolumeSource local_volumes(std::string dir);

/// The file at `path`. Throws Error{not_found}, and Error{corrupt} for what is no regular file.
std::unique_ptr<VolumeBytes> open_volume_file(const std::string& path);

}  // namespace icecore::archive
