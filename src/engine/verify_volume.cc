#include "engine/verify_volume.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "engine/manifest_summary.h"

namespace icecore::engine {
namespace {

void check_digests(const Fd& fd, const VolumeToCheck& volume, VerifyLog& log,
                   std::vector<std::string>& problems) {
    const archive::VolumeInfo& info = volume.info;
    std::uint64_t offset = 0;
    Digests digests = digests_of([&](char* buffer, std::size_t size) {
        std::size_t n = pread_full(
            fd.get(), buffer,
            static_cast<std::size_t>(std::min<std::uint64_t>(size, info.stored_bytes - offset)), offset);
        offset += n;
        log.advance(0, n);
        return n;
    });
    if (!info.sha256.empty() && digests.sha256 != info.sha256)
        problems.push_back("SHA-256 differs");
    else if (!info.tree_hash.empty() && digests.tree_hash != info.tree_hash)
        problems.push_back("tree hash differs");
}

void check_seek_table(const std::string& path, const VolumeToCheck& volume,
                      std::vector<std::string>& problems) {
    if (!volume.form.framed || volume.form.method == archive::Compression::Method::none) return;
    const archive::VolumeInfo& info = volume.info;
    try {
        std::vector<archive::FrameSize> frames =
            archive::read_seek_table(volume.form.method, *archive::open_volume_file(path));
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
            std::string path = join_path(dir, info.name);
            Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW);
            check_digests(fd, volume, log, problems);
            check_seek_table(path, volume, problems);
        }
    } catch (const Error& e) {
        problems.push_back(e.message());
    }
    return problems;
}

}  // namespace icecore::engine
