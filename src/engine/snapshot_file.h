#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "engine/tree_planner.h"

namespace icecore::engine {

/// Writes `archive.snar` while the tree is scanned; nothing is replaced until seal().
class SnapshotFile final : public SnapshotSink {
  public:
    /// `shown_device`: of all directories, if they are read from a snapshot of that device.
    SnapshotFile(FileSystem& fs, std::string dir, Timestamp run_time,
                 std::optional<std::uint64_t> shown_device = std::nullopt);
    void begin() override;
    void directory(std::string_view path, const FileStat& stat, std::string_view encoded_dumpdir) override;
    void seal();

  private:
    FileSystem& fs_;
    std::string dir_;
    Timestamp run_time_;
    std::optional<std::uint64_t> shown_device_;
    std::unique_ptr<OutputFile> file_;
    std::string buffer_;
};

}  // namespace icecore::engine
