#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "archive/frame.h"
#include "archive/tar_reader.h"
#include "archive/volume_bytes.h"

namespace icecore::archive {

/// Expands a file from its beginning on, whoever compressed it: gzip members, one or many, zstd frames of any
/// size (a window of up to 128 MiB), or nothing. For archives without frames of ours and a seek table.
///
/// What is good before a damaged place is given out; then read() throws Error{corrupt} naming the byte of the
/// file, and does so again if it is called again. What follows the last gzip member and is none is passed
/// over, as gzip does. One thread at a time. Memory: some 200 KiB, for zstd its window.
class ExpandingSource final : public ByteSource {
  public:
    ExpandingSource(Compression::Method method, std::shared_ptr<const VolumeBytes> bytes);
    ~ExpandingSource() override;

    std::size_t read(char* buffer, std::size_t size) override;
    void skip(std::uint64_t size) override;

    /// Expanded bytes so far.
    std::uint64_t offset() const;
    /// Bytes of the file that were read for them.
    std::uint64_t stored_bytes_read() const;

  private:
    class Expander;
    class Plain;
    class Gzip;
    class Zstd;
    std::unique_ptr<Expander> expander_;
    std::uint64_t offset_ = 0;
};

/// How a file is compressed, by its first bytes: gzip, zstd, or not at all (then it is a tar archive if its
/// first block is a header). nullopt for anything else.
std::optional<Compression::Method> recognize_archive(const VolumeBytes& bytes);

}  // namespace icecore::archive
