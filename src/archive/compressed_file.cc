#include "archive/compressed_file.h"

#include <fcntl.h>
#include <zstd.h>

#include <memory>
#include <new>

#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr int kZstdLevel = 6;
/// What others may need to expand it: 8 MiB.
constexpr int kWindowLogMax = 23;

std::size_t checked(std::size_t result, Error::Kind kind) {
    if (ZSTD_isError(result)) throw Error(kind, format("zstd: {}", ZSTD_getErrorName(result)));
    return result;
}

/// Reads a file from its begin to its end.
class Input {
  public:
    Input(const std::string& path, std::size_t buffer_bytes)
        : fd_(open_file(path, O_RDONLY | O_NOFOLLOW)), buffer_(buffer_bytes, '\0') {}
    /// The next piece; empty at the end.
    std::string_view next() {
        std::size_t got = pread_full(fd_.get(), buffer_.data(), buffer_.size(), at_);
        at_ += got;
        return {buffer_.data(), got};
    }

  private:
    Fd fd_;
    std::string buffer_;
    std::uint64_t at_ = 0;
};

}  // namespace

void compress_file(FileSystem& fs, const std::string& from, const std::string& dir, const std::string& name) {
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd(ZSTD_createCCtx(), ZSTD_freeCCtx);
    if (!zstd) throw std::bad_alloc();
    checked(ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_compressionLevel, kZstdLevel), Error::Kind::invalid);
    checked(ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_checksumFlag, 1), Error::Kind::invalid);
    checked(ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_windowLog, kWindowLogMax), Error::Kind::invalid);
    Input input(from, ZSTD_CStreamInSize());
    std::unique_ptr<OutputFile> output = fs.create(dir, name, /*replace=*/false);
    std::string room(ZSTD_CStreamOutSize(), '\0');
    for (bool ended = false; !ended;) {
        std::string_view piece = input.next();
        ZSTD_EndDirective directive = piece.empty() ? ZSTD_e_end : ZSTD_e_continue;
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        do {
            ZSTD_outBuffer out{room.data(), room.size(), 0};
            std::size_t left =
                checked(ZSTD_compressStream2(zstd.get(), &out, &in, directive), Error::Kind::io);
            output->write({room.data(), out.pos});
            ended = directive == ZSTD_e_end && left == 0;
        } while (!ended && (directive == ZSTD_e_end || in.pos < in.size));
    }
    output->seal();
}

void expand_file(const std::string& from, const std::string& to, std::uint64_t bytes_max) {
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (!zstd) throw std::bad_alloc();
    checked(ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, kWindowLogMax), Error::Kind::invalid);
    Input input(from, ZSTD_DStreamInSize());
    Fd output = open_file(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    std::string room(ZSTD_DStreamOutSize(), '\0');
    std::uint64_t written = 0;
    std::size_t left = 1;  // of the frame
    for (std::string_view piece = input.next(); !piece.empty(); piece = input.next()) {
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        while (in.pos < in.size) {
            ZSTD_outBuffer out{room.data(), room.size(), 0};
            left = checked(ZSTD_decompressStream(zstd.get(), &out, &in), Error::Kind::corrupt);
            written += out.pos;
            if (written > bytes_max)
                throw Error(Error::Kind::corrupt, format("{} holds more than {} bytes", from, bytes_max));
            write_full(output.get(), std::string_view(room.data(), out.pos));
        }
    }
    if (left != 0) throw Error(Error::Kind::corrupt, from + " is cut");
}

}  // namespace icecore::archive
