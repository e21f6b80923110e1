#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "engine/tree_planner.h"

namespace icecore::engine {

/// Writes `archive.snar` while the tree is scanned; nothing is replaced until seal().
class SnapshotFile final : public SnapshotSink {
  public:
    SnapshotFile(FileSystem& fs, std::string dir, Timestamp run_time);
    void begin() override;
    void directory(std::string_view path, const FileStat& stat, std::string_view encoded_dumpdir) override;
    void seal();

  private:
    FileSystem& fs_;
    std::string dir_;
    Timestamp run_time_;
    std::unique_ptr<OutputFile> file_;
    std::string buffer_;
};

}  // namespace icecore::engine
