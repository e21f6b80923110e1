#include "engine/snapshot_file.h"

#include <sys/sysmacros.h>

#include "archive/snar.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

}  // namespace

SnapshotFile::SnapshotFile(FileSystem& fs, std::string dir, Timestamp run_time,
                           std::optional<std::uint64_t> shown_device)
    : fs_(fs), dir_(std::move(dir)), run_time_(run_time), shown_device_(shown_device) {}

void SnapshotFile::begin() {
    file_.reset();
    file_ = fs_.create(dir_, std::string(kSnarName), true);
    buffer_ = archive::encode_snar_header(run_time_);
}

void SnapshotFile::directory(std::string_view path, const FileStat& stat, std::string_view encoded_dumpdir) {
    std::string name = path.empty() ? "." : "./" + std::string(path);
    // The kernel gives major and minor; GNU tar compares the dev_t that stat(2) makes of them.
    std::uint64_t device = shown_device_.value_or(stat.dev);
    std::uint64_t dev = makedev(static_cast<unsigned>(device >> 32), static_cast<unsigned>(device));
    archive::append_snar_record({false, stat.mtime, dev, stat.ino, name, encoded_dumpdir}, buffer_);
    if (buffer_.size() < kBufferBytes) return;
    file_->write(buffer_);
    buffer_.clear();
}

void SnapshotFile::seal() {
    file_->write(buffer_);
    file_->seal();
}

}  // namespace icecore::engine
