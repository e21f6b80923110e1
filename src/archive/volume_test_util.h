#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "archive/volume.h"
#include "base/error.h"

// What the tests of frames, volumes and manifests share.

namespace icecore::archive::testing {

/// A directory that is removed with all in it.
class TempDir {
  public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "icecore-test-XXXXXX").string();
        CHECK(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  private:
    std::string path_;
};

struct CommandResult {
    int status = 0;
    std::string output;  ///< stdout; also stderr if the command says so
};

/// Runs a shell command in `dir`.
inline CommandResult run_in(const std::string& dir, const std::string& command) {
    std::string script = "cd '" + dir + "' && { " + command + "; }";
    std::FILE* pipe = popen(script.c_str(), "r");
    CHECK(pipe != nullptr);
    CommandResult result;
    std::array<char, 65536> buffer{};
    while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
        result.output.append(buffer.data(), n);
    int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return result;
}

inline bool have_program(const std::string& name) {
    return run_in("/", "command -v " + name).status == 0;
}

inline void put_file(const std::string& path, std::string_view content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
}

/// Half noise, half repetition, the same for the same seed.
inline std::string sample_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::string data;
    data.reserve(size + 64);
    while (data.size() < size) {
        std::size_t run = 1 + random() % 48;
        if (random() % 2 == 0)
            data.append(run, static_cast<char>(random()));
        else
            for (std::size_t i = 0; i < run; ++i) data += static_cast<char>(random());
    }
    data.resize(size);
    return data;
}

/// An archive written by VolumeWriter, and what must be in it.
struct WrittenArchive {
    std::string stream;
    std::vector<VolumeInfo> volumes;
    std::vector<std::vector<FrameSize>> frames;
    std::vector<StreamPosition> positions;  ///< of each frame
    std::vector<PartDigests> parts;         ///< of each volume
};

/// Of the parts whose digests write_archive() asks for.
constexpr std::uint64_t kPartBytes = 1 << 20;

inline WrittenArchive write_archive(const std::string& dir, const std::string& name, Compression compression,
                                    const std::vector<std::string>& pieces, std::uint64_t volume_bytes_max) {
    WrittenArchive out;
    auto fs = make_file_system();
    VolumeWriter writer(
        *fs, dir, name,
        {.method = compression.method, .volume_bytes_max = volume_bytes_max, .part_bytes = kPartBytes},
        [&](const SealedVolume& volume) {
            out.volumes.push_back(volume.info);
            out.frames.push_back(volume.frames);
            out.parts.push_back(volume.parts);
        });
    FrameEncoder encoder(compression);
    std::string frame;
    for (const std::string& piece : pieces) {
        encoder.encode(piece, frame);
        out.positions.push_back(writer.append(frame, static_cast<std::uint32_t>(piece.size())));
        out.stream += piece;
    }
    writer.finish();
    return out;
}

/// All that is left in `source`, pulled in steps of `step` bytes.
inline std::string read_all(ByteSource& source, std::size_t step = 65536) {
    std::string out;
    std::string buffer(step, '\0');
    while (std::size_t n = source.read(buffer.data(), step)) out.append(buffer, 0, n);
    return out;
}

/// Kind and message of the Error that `f` throws; fails the test if it throws none.
template <typename F>
std::optional<Error> error_of(F f) {
    try {
        f();
    } catch (const Error& e) {
        return e;
    }
    return std::nullopt;
}

}  // namespace icecore::archive::testing
