#include <zstd.h>

#include <utility>

#include "archive/manifest_names.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr int kZstdLevel = 3;
constexpr std::size_t kBufferBytes = 256 << 10;

}  // namespace

struct ManifestWriter::State {
    std::unique_ptr<OutputFile> file;
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd{ZSTD_createCCtx(), ZSTD_freeCCtx};
    std::string lines{};       // not yet compressed
    std::string compressed{};  // room for zstd's output
    bool begun = false;        // the header was written
    bool ended = false;        // the trailer was written

    void begin() {
        if (!zstd) throw std::bad_alloc();
        for (auto [parameter, value] :
             {std::pair{ZSTD_c_compressionLevel, kZstdLevel}, {ZSTD_c_checksumFlag, 1}})
            CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(zstd.get(), parameter, value)));
        compressed.resize(ZSTD_CStreamOutSize());
        lines.reserve(kBufferBytes + 4096);
    }

    /// Compresses `lines` and writes what comes out; with ZSTD_e_end, all of it.
    void compress(ZSTD_EndDirective directive) {
        ZSTD_inBuffer in{lines.data(), lines.size(), 0};
        while (true) {
            ZSTD_outBuffer out{compressed.data(), compressed.size(), 0};
            std::size_t left = ZSTD_compressStream2(zstd.get(), &out, &in, directive);
            if (ZSTD_isError(left)) throw Error(Error::Kind::io, format("zstd: {}", ZSTD_getErrorName(left)));
            if (out.pos > 0) file->write({compressed.data(), out.pos});
            if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) break;
        }
        lines.clear();
    }

    template <typename Line>
    void write(const Line& line) {
        CHECK(begun && !ended);
        append_manifest_line(line, lines);
        if (lines.size() >= kBufferBytes) compress(ZSTD_e_continue);
    }
};

ManifestWriter::ManifestWriter(FileSystem& fs, const std::string& dir, const std::string& name)
    : state_(new State{.file = fs.create(dir, name, /*replace=*/false)}) {
    state_->begin();
}

ManifestWriter::~ManifestWriter() = default;

void ManifestWriter::write(const ManifestLine& line) {
    CHECK(state_->begun != std::holds_alternative<ManifestHeader>(line));
    state_->begun = true;
    state_->write(line);
    state_->ended = std::holds_alternative<ManifestTrailer>(line);
}

void ManifestWriter::write(const ManifestEntry& entry) {
    state_->write(entry);
}

void ManifestWriter::checkpoint() {
    CHECK(state_->begun && !state_->ended);
    // A frame of its own: a reader of the cut file gets everything up to here.
    state_->compress(ZSTD_e_end);
    state_->file->sync();
}

void ManifestWriter::seal() {
    CHECK(state_->ended && state_->file);
    state_->compress(ZSTD_e_end);
    state_->file->seal();
    state_->file.reset();
}

}  // namespace icecore::archive
