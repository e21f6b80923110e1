#include "archive/frame.h"

#include <libdeflate.h>
#include <zstd.h>

#include <cstring>
#include <mutex>
#include <utility>

#include "archive/seek_table.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

template <auto free_function>
struct Freer {
    template <typename T>
    void operator()(T* context) const {
        free_function(context);
    }
};

using ZstdEncoder = std::unique_ptr<ZSTD_CCtx, Freer<ZSTD_freeCCtx>>;
using ZstdDecoder = std::unique_ptr<ZSTD_DCtx, Freer<ZSTD_freeDCtx>>;
using GzipEncoder = std::unique_ptr<libdeflate_compressor, Freer<libdeflate_free_compressor>>;
using GzipDecoder = std::unique_ptr<libdeflate_decompressor, Freer<libdeflate_free_decompressor>>;

/// gzip member without content: 10 bytes of header, 2 of deflate data, 8 of trailer (RFC 1952).
constexpr std::size_t kGzipBytesMin = 20;

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}

template <typename Context>
Context require(Context context) {
    if (!context) throw std::bad_alloc();
    return context;
}

/// A context and the room its output goes to first. The room is kept and not zeroed: a fresh string of a
/// frame's bound costs more than copying the result out.
template <typename Context>
struct Encoder {
    Context context;
    Buffer output{};

    char* room(std::size_t bytes) {
        output.clear();
        return output.extend(bytes);
    }
};

/// Encoders waiting for the next thread that needs one: there are never more than threads that encode at
/// once.
template <typename Context>
class EncoderPool {
  public:
    template <typename Make>
    Encoder<Context> take(Make make) {
        {
            std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                Encoder<Context> encoder = std::move(idle_.back());
                idle_.pop_back();
                return encoder;
            }
        }
        return make();
    }

    void give_back(Encoder<Context> encoder) {
        std::lock_guard lock(mutex_);
        idle_.push_back(std::move(encoder));
    }

  private:
    std::mutex mutex_;
    std::vector<Encoder<Context>> idle_;  // guarded by mutex_
};

ZstdEncoder make_zstd_encoder(int level) {
    auto context = require(ZstdEncoder(ZSTD_createCCtx()));
    for (auto [parameter, value] : {std::pair{ZSTD_c_compressionLevel, level}, {ZSTD_c_checksumFlag, 1}})
        CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), parameter, value)));
    return context;
}

const ZstdDecoder& zstd_decoder() {
    thread_local const ZstdDecoder decoder = require(ZstdDecoder(ZSTD_createDCtx()));
    return decoder;
}

const GzipDecoder& gzip_decoder() {
    thread_local const GzipDecoder decoder = require(GzipDecoder(libdeflate_alloc_decompressor()));
    return decoder;
}

void decode_zstd(std::string_view frame, std::span<char> out) {
    if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != out.size())
        corrupt(format("it is not a zstd frame of {} bytes", out.size()));
    // ZSTD_decompressDCtx would go on into a second frame.
    if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size())
        corrupt("the zstd frame's length is wrong");
    std::size_t n =
        ZSTD_decompressDCtx(zstd_decoder().get(), out.data(), out.size(), frame.data(), frame.size());
    if (n == out.size()) return;
    corrupt(ZSTD_isError(n) ? format("zstd: {}", ZSTD_getErrorName(n))
                            : "the zstd frame expands to too little");
}

/// Uncompressed size as the member's last 4 bytes give it.
std::uint32_t gzip_isize(std::string_view member) {
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
        size |= std::uint32_t{static_cast<std::uint8_t>(member[member.size() - 4 + i])} << (8 * i);
    return size;
}

void decode_gzip(std::string_view frame, std::span<char> out) {
    if (frame.size() < kGzipBytesMin || gzip_isize(frame) != out.size())
        corrupt(format("it is not a gzip member of {} bytes", out.size()));
    std::size_t used = 0;
    // No place for the actual size: it must be out.size() exactly.
    libdeflate_result result = libdeflate_gzip_decompress_ex(gzip_decoder().get(), frame.data(), frame.size(),
                                                             out.data(), out.size(), &used, nullptr);
    if (result == LIBDEFLATE_SUCCESS && used == frame.size()) return;
    corrupt(result == LIBDEFLATE_SUCCESS    ? "bytes follow the gzip member"
            : result == LIBDEFLATE_BAD_DATA ? "the gzip member is damaged"
                                            : "the gzip member expands to another size");
}

std::optional<FrameSize> checked_sizes(std::uint64_t stored_bytes, std::uint64_t raw_bytes) {
    if (raw_bytes == 0 || raw_bytes > kFrameBytesMax || stored_bytes > stored_bytes_max(raw_bytes))
        return std::nullopt;
    return FrameSize{static_cast<std::uint32_t>(stored_bytes), static_cast<std::uint32_t>(raw_bytes)};
}

std::optional<FrameSize> measure_zstd(std::string_view bytes) {
    std::size_t stored = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
    if (ZSTD_isError(stored)) return std::nullopt;
    // A skippable frame has 0 bytes; the markers for "unknown" and "error" are larger than any frame.
    return checked_sizes(stored, ZSTD_getFrameContentSize(bytes.data(), bytes.size()));
}

std::optional<FrameSize> measure_gzip(std::string_view bytes) {
    auto raw = std::make_unique_for_overwrite<char[]>(kFrameBytesMax);
    std::size_t used = 0;
    std::size_t got = 0;
    libdeflate_result result = libdeflate_gzip_decompress_ex(gzip_decoder().get(), bytes.data(), bytes.size(),
                                                             raw.get(), kFrameBytesMax, &used, &got);
    if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
    return checked_sizes(used, got);
}

}  // namespace

struct FrameEncoder::Pool {
    EncoderPool<ZstdEncoder> zstd;
    EncoderPool<GzipEncoder> gzip;
};

FrameEncoder::FrameEncoder(Compression compression)
    : compression_(compression), pool_(std::make_unique<Pool>()) {}
FrameEncoder::~FrameEncoder() = default;

void FrameEncoder::encode(std::string_view raw, std::string& out) {
    CHECK(!raw.empty() && raw.size() <= kFrameBytesMax);
    switch (compression_.method) {
        case Compression::Method::none:
            out.assign(raw);
            return;
        case Compression::Method::zstd: {
            auto encoder =
                pool_->zstd.take([this] { return Encoder{make_zstd_encoder(compression_.level)}; });
            char* room = encoder.room(ZSTD_compressBound(raw.size()));
            std::size_t n = ZSTD_compress2(encoder.context.get(), room, ZSTD_compressBound(raw.size()),
                                           raw.data(), raw.size());
            if (ZSTD_isError(n)) throw Error(Error::Kind::io, format("zstd: {}", ZSTD_getErrorName(n)));
            out.assign(room, n);
            pool_->zstd.give_back(std::move(encoder));
            return;
        }
        case Compression::Method::gzip: {
            auto encoder = pool_->gzip.take([this] {
                return Encoder{require(GzipEncoder(libdeflate_alloc_compressor(compression_.level)))};
            });
            std::size_t bound = libdeflate_gzip_compress_bound(encoder.context.get(), raw.size());
            char* room = encoder.room(bound);
            std::size_t n =
                libdeflate_gzip_compress(encoder.context.get(), raw.data(), raw.size(), room, bound);
            CHECK(n > 0);
            out.assign(room, n);
            pool_->gzip.give_back(std::move(encoder));
            return;
        }
    }
}

void decode_frame(Compression::Method method, std::string_view frame, std::span<char> out) {
    if (out.empty() || out.size() > kFrameBytesMax)
        corrupt(format("a frame of {} bytes, but frames hold 1 to {}", out.size(), kFrameBytesMax));
    switch (method) {
        case Compression::Method::zstd:
            return decode_zstd(frame, out);
        case Compression::Method::gzip:
            return decode_gzip(frame, out);
        case Compression::Method::none:
            if (frame.size() != out.size())
                corrupt(format("{} bytes instead of {}", frame.size(), out.size()));
            std::memcpy(out.data(), frame.data(), frame.size());
            return;
    }
}

std::optional<FrameSize> measure_frame(Compression::Method method, std::string_view bytes) {
    CHECK(method != Compression::Method::none);
    return method == Compression::Method::zstd ? measure_zstd(bytes) : measure_gzip(bytes);
}

}  // namespace icecore::archive
