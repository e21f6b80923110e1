#include "archive/expanding_source.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "archive/ustar_block.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr std::size_t kInputBytes = 128 << 10;
/// What zstd itself takes at most without being told otherwise: 128 MiB.
constexpr int kWindowLogMax = 27;

constexpr std::string_view kGzipMagic = "\x1f\x8b\x08";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

}  // namespace

/// Reads the file and remembers what went wrong.
class ExpandingSource::Expander {
  public:
    explicit Expander(std::shared_ptr<const VolumeBytes> bytes) : bytes_(std::move(bytes)) {}
    virtual ~Expander() = default;

    std::size_t read(char* buffer, std::size_t size) {
        if (failure_) throw Error(*failure_);
        std::size_t done = 0;
        while (done < size && !failure_) {
            std::size_t n = 0;
            try {
                n = expand(buffer + done, size - done);
            } catch (const Error& e) {
                failure_ = e;
                break;
            }
            if (n == 0) return done;
            done += n;
        }
        if (done == 0 && failure_) throw Error(*failure_);
        return done;
    }

    /// Whether it was done without reading.
    virtual bool skip(std::uint64_t) { return false; }
    std::uint64_t read_bytes() const { return at_; }

  protected:
    /// Some expanded bytes, at least one; 0 = the end. Throws Error.
    virtual std::size_t expand(char* buffer, std::size_t size) = 0;

    [[noreturn]] void corrupt(const std::string& what, std::uint64_t unread) const {
        throw Error(Error::Kind::corrupt, format("{} at byte {}", what, at_ - unread));
    }
    const VolumeBytes& bytes() const { return *bytes_; }
    std::string_view next_input() {
        input_.resize(kInputBytes);
        input_.resize(bytes_->read(input_.data(), input_.size(), at_));
        at_ += input_.size();
        return input_;
    }
    std::uint64_t at_ = 0;

  private:
    std::shared_ptr<const VolumeBytes> bytes_;
    std::string input_;
    std::optional<Error> failure_;
};

class ExpandingSource::Plain final : public Expander {
  public:
    using Expander::Expander;
    bool skip(std::uint64_t size) override {
        if (size > bytes().size_bytes() - std::min(at_, bytes().size_bytes()))
            throw Error(Error::Kind::corrupt, "the data ends too early");
        at_ += size;
        return true;
    }

  private:
    std::size_t expand(char* buffer, std::size_t size) override {
        std::size_t n = bytes().read(buffer, size, at_);
        at_ += n;
        return n;
    }
};

class ExpandingSource::Gzip final : public Expander {
  public:
    explicit Gzip(std::shared_ptr<const VolumeBytes> bytes) : Expander(std::move(bytes)) {
        constexpr int kGzipFormat = 16;
        if (inflateInit2(&stream_, MAX_WBITS + kGzipFormat) != Z_OK) throw std::bad_alloc();
    }
    ~Gzip() override { inflateEnd(&stream_); }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;

  private:
    std::size_t expand(char* buffer, std::size_t size) override {
        size = std::min<std::size_t>(size, 1 << 30);
        stream_.next_out = reinterpret_cast<Bytef*>(buffer);
        stream_.avail_out = static_cast<uInt>(size);
        while (stream_.avail_out == size) {
            if (stream_.avail_in == 0) fill();
            if (between_members_ && !begin_member()) return 0;
            if (stream_.avail_in == 0) corrupt("the gzip data ends too early,", 0);
            int status = inflate(&stream_, Z_NO_FLUSH);
            if (status == Z_STREAM_END)
                between_members_ = true;
            else if (status != Z_OK && status != Z_BUF_ERROR && stream_.avail_out < size)
                break;  // it says so again
            else if (status != Z_OK && status != Z_BUF_ERROR)
                corrupt(format("the gzip data is damaged ({}),",
                               stream_.msg != nullptr ? stream_.msg : "unknown reason"),
                        stream_.avail_in);
        }
        return size - stream_.avail_out;
    }

    void fill() {
        std::string_view input = next_input();
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
        stream_.avail_in = static_cast<uInt>(input.size());
    }

    /// False if the file ends here, or goes on with something else.
    bool begin_member() {
        if (stream_.avail_in == 0 || *stream_.next_in != 0x1f) return false;
        between_members_ = false;
        return inflateReset(&stream_) == Z_OK;
    }

    z_stream stream_{};
    bool between_members_ = false;
};

class ExpandingSource::Zstd final : public Expander {
  public:
    explicit Zstd(std::shared_ptr<const VolumeBytes> bytes)
        : Expander(std::move(bytes)), stream_(ZSTD_createDStream()) {
        if (stream_ == nullptr) throw std::bad_alloc();
        ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kWindowLogMax);
    }
    ~Zstd() override { ZSTD_freeDStream(stream_); }
    Zstd(const Zstd&) = delete;
    Zstd& operator=(const Zstd&) = delete;

  private:
    std::size_t expand(char* buffer, std::size_t size) override {
        ZSTD_outBuffer out{buffer, size, 0};
        while (out.pos == 0) {
            if (failure_ != 0)
                corrupt(format("the zstd data is damaged ({}),", ZSTD_getErrorName(failure_)),
                        in_.size - in_.pos);
            if (in_.pos == in_.size && !has_more_) {
                std::string_view input = next_input();
                in_ = {input.data(), input.size(), 0};
                if (input.empty() && !complete_) corrupt("the zstd data ends too early,", 0);
                if (input.empty()) return 0;
            }
            std::size_t left = ZSTD_decompressStream(stream_, &out, &in_);
            if (ZSTD_isError(left)) {
                failure_ = left;
                continue;
            }
            complete_ = left == 0;
            has_more_ = out.pos == out.size && !complete_;
        }
        return out.pos;
    }

    ZSTD_DStream* stream_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    std::size_t failure_ = 0;  ///< what ZSTD_decompressStream said
    bool complete_ = false;
    bool has_more_ = false;  ///< the stream may hold output for which there was no room
};

ExpandingSource::ExpandingSource(Compression::Method method, std::shared_ptr<const VolumeBytes> bytes) {
    switch (method) {
        case Compression::Method::gzip:
            expander_ = std::make_unique<Gzip>(std::move(bytes));
            break;
        case Compression::Method::zstd:
            expander_ = std::make_unique<Zstd>(std::move(bytes));
            break;
        case Compression::Method::none:
            expander_ = std::make_unique<Plain>(std::move(bytes));
            break;
    }
}

ExpandingSource::~ExpandingSource() = default;

std::size_t ExpandingSource::read(char* buffer, std::size_t size) {
    std::size_t n = expander_->read(buffer, size);
    offset_ += n;
    return n;
}

void ExpandingSource::skip(std::uint64_t size) {
    if (expander_->skip(size))
        offset_ += size;
    else
        ByteSource::skip(size);
}

std::uint64_t ExpandingSource::offset() const {
    return offset_;
}

std::uint64_t ExpandingSource::stored_bytes_read() const {
    return expander_->read_bytes();
}

std::optional<Compression::Method> recognize_archive(const VolumeBytes& bytes) {
    UstarBlock block{};
    static_assert(sizeof block == kBlockBytes);
    char head[kBlockBytes];
    std::size_t n = bytes.read(head, sizeof head, 0);
    std::string_view begin(head, n);
    if (begin.starts_with(kGzipMagic)) return Compression::Method::gzip;
    // A skippable frame may come first: 0x184D2A50 to 0x184D2A5F.
    bool skippable = n > 4 && (begin[0] & 0xf0) == 0x50 && begin.substr(1, 3) == "\x2a\x4d\x18";
    if (begin.starts_with(kZstdMagic) || skippable) return Compression::Method::zstd;
    if (n < sizeof head) return std::nullopt;
    std::memcpy(&block, head, sizeof block);
    if (block.name[0] != '\0' && checksum_matches(block)) return Compression::Method::none;
    return std::nullopt;
}

}  // namespace icecore::archive
