#include "engine/verify_volume.h"

#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/manifest_summary.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

void check_digests(const Fd& fd, const VolumeToCheck& volume, VerifyLog& log,
                   std::vector<std::string>& problems) {
    const archive::VolumeInfo& info = volume.info;
    Sha256 hash;
    TreeHash tree_hash;
    std::string buffer(kReadBytes, '\0');
    for (std::uint64_t offset = 0; offset < info.stored_bytes;) {
        std::size_t n = pread_full(fd.get(), buffer.data(), buffer.size(), offset);
        if (n == 0) break;
        hash.update({buffer.data(), n});
        tree_hash.update({buffer.data(), n});
        offset += n;
        log.advance(0, n);
    }
    if (!info.sha256.empty() && hash.finish() != info.sha256)
        problems.push_back("SHA-256 differs");
    else if (!info.tree_hash.empty() && tree_hash.finish() != info.tree_hash)
        problems.push_back("tree hash differs");
}

void check_seek_table(const Fd& fd, const VolumeToCheck& volume, std::vector<std::string>& problems) {
    if (volume.method == archive::Compression::Method::none) return;
    const archive::VolumeInfo& info = volume.info;
    try {
        std::vector<archive::FrameSize> frames =
            archive::read_seek_table(volume.method, fd.get(), info.stored_bytes);
        std::uint64_t raw_bytes = 0;
        for (const archive::FrameSize& frame : frames) raw_bytes += frame.raw_bytes;
        if (raw_bytes != info.raw_bytes)
            problems.push_back(
                format("its seek table tells of {} bytes instead of {}", raw_bytes, info.raw_bytes));
        else if (volume.frames && digest_of_frames(frames) != *volume.frames)
            problems.push_back("its seek table and the manifest differ");
    } catch (const Error& e) {
        problems.push_back("seek table: " + e.message());
    }
}

}  // namespace

std::vector<std::string> check_volume(const std::string& dir, const VolumeToCheck& volume, VerifyLog& log) {
    std::vector<std::string> problems;
    const archive::VolumeInfo& info = volume.info;
    try {
        Fd dir_fd = open_file(dir, O_PATH | O_DIRECTORY);
        FileStat stat;
        if (!stat_at(dir_fd.get(), info.name.c_str(), stat)) {
            if (errno != ENOENT) throw_errno("examining it");
            problems.push_back("the file is missing");
        } else if (stat.type != FileType::regular) {
            problems.push_back("it is not a regular file");
        } else if (stat.size != info.stored_bytes) {
            problems.push_back(format("it has {} bytes instead of {}", stat.size, info.stored_bytes));
        } else {
            Fd fd = open_file(join_path(dir, info.name), O_RDONLY | O_NOFOLLOW);
            check_digests(fd, volume, log, problems);
            check_seek_table(fd, volume, problems);
        }
    } catch (const Error& e) {
        problems.push_back(e.message());
    }
    return problems;
}

}  // namespace icecore::engine
