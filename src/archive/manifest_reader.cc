#include <fcntl.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "archive/manifest_names.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}

/// Cuts a zstd-compressed file into lines. Memory: one line, and zstd's window.
class LineReader {
  public:
    explicit LineReader(const std::string& path) : fd_(open_file(path, O_RDONLY)) {
        if (!zstd_) throw std::bad_alloc();
        CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kManifestWindowLogMax)));
        input_.resize(ZSTD_DStreamInSize());
    }

    /// The next line without its newline, valid until the next call; nullopt at the end of the file.
    std::optional<std::string_view> next() {
        while (true) {
            std::size_t newline = text_.find('\n', scanned_);
            if (newline != std::string::npos) {
                std::string_view line = std::string_view(text_).substr(start_, newline - start_);
                start_ = scanned_ = newline + 1;
                return line;
            }
            text_.erase(0, start_);
            start_ = 0;
            scanned_ = text_.size();
            if (scanned_ >= kManifestLineBytesMax) corrupt("it is longer than 64 MiB");
            if (!expand_more()) break;
        }
        if (!text_.empty()) corrupt("it does not end: the file is cut");
        return std::nullopt;
    }

  private:
    /// Appends a little more expanded text. False at the end.
    bool expand_more() {
        std::size_t before = text_.size();
        text_.resize(before + ZSTD_DStreamOutSize());
        ZSTD_outBuffer out{text_.data() + before, ZSTD_DStreamOutSize(), 0};
        bool more = true;
        while (out.pos == 0 && more) more = expand(out);
        text_.resize(before + out.pos);
        return out.pos > 0;
    }

    /// One step of decompression. False at the end of the file.
    bool expand(ZSTD_outBuffer& out) {
        if (in_.pos == in_.size) {
            in_ = {input_.data(), read_full(fd_.get(), input_.data(), input_.size()), 0};
            at_end_ = in_.size == 0;
        }
        if (at_end_ && frame_ended_) return false;
        std::size_t result = ZSTD_decompressStream(zstd_.get(), &out, &in_);
        if (ZSTD_isError(result)) corrupt(format("zstd: {}", ZSTD_getErrorName(result)));
        // At the end zstd may still have output to flush, but nothing else to do.
        if (at_end_ && out.pos == 0) corrupt("the file is cut");
        frame_ended_ = result == 0;
        return true;
    }

    Fd fd_;
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd_{ZSTD_createDCtx(), ZSTD_freeDCtx};
    std::string input_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    bool at_end_ = false;
    bool frame_ended_ = false;  // between zstd frames; an empty file is none
    std::string text_;
    std::size_t start_ = 0;    // of the next line in text_
    std::size_t scanned_ = 0;  // no newline from start_ to here
};

}  // namespace

struct ManifestReader::State {
    const std::string path;
    const Expect expect;
    LineReader lines{path};
    std::uint64_t line_number = 0;
    bool ended = false;

    /// The next line that we know; the trailer only when nothing follows it.
    std::optional<ManifestLine> next() {
        while (true) {
            ++line_number;
            auto text = lines.next();
            if (!text)
                corrupt(line_number == 1 ? "the manifest is empty"
                                         : "the manifest has no trailer: it is cut");
            auto line = parse_manifest_line(*text);
            bool header = line && std::holds_alternative<ManifestHeader>(*line);
            if (header != (line_number == 1))
                corrupt(header ? "a second header" : "the first line is not a header");
            if (!line) continue;
            if (!std::holds_alternative<ManifestTrailer>(*line)) return line;
            ++line_number;
            if (lines.next()) corrupt("something follows the trailer");
            ended = true;
            return line;
        }
    }
};

ManifestReader::ManifestReader(const std::string& path, Expect expect)
    : state_(new State{.path = path, .expect = expect}) {}

ManifestReader::~ManifestReader() = default;

std::optional<ManifestLine> ManifestReader::next() {
    if (state_->ended) return std::nullopt;
    try {
        return state_->next();
    } catch (Error& e) {
        if (state_->expect == Expect::may_be_cut && e.kind() == Error::Kind::corrupt &&
            state_->line_number > 1) {
            state_->ended = true;
            return std::nullopt;
        }
        e.add_context(format("manifest {}, line {}", state_->path, state_->line_number));
        throw;
    }
}

}  // namespace icecore::archive
