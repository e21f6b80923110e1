#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/forwarding_file_system.h"

namespace icecore::testing {

/// A disk that loses its power: the backup directory through the seam of base/file.h, remembering what fsync
/// made durable. At the chosen step (each create, write, fsync, rename, fsync of the directory, unlink is
/// one) it leaves in the directory what a disk could hold then, and kills the process.
///
/// What could be there: bytes up to a file's last fsync, and names up to the directory's last fsync. Of the
/// rest, by the word after the step's number in the specification ("17:drop"):
///   drop    nothing
///   names   all names, no bytes: the order of a journal of metadata
///   zeros   all names, zeros for bytes
///   half    half of the bytes, the first half of the changes to names
///
/// Files that are written past the seam (catalog.db, .lock) stay as they are. Thread-safe.
class PowerDisk final : public ForwardingFileSystem {
  public:
    PowerDisk(const std::string& dir, std::string_view specification);
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override;
    void rename(const std::string& dir, const std::string& from, const std::string& to) override;
    void remove(const std::string& dir, const std::string& name) override;

    /// One step more, for power that fails after the last; then tells stderr "steps N".
    void finish();

  private:
    class File;
    using Id = std::uint64_t;
    /// One atomic change: names that appear (as a file) or go.
    using Change = std::vector<std::pair<std::string, std::optional<Id>>>;

    void step() override;
    [[noreturn]] void cut_power();
    std::string kept(Id id) const;
    Id keep(const std::string& name, std::uint64_t durable_bytes);
    void change(Change change);
    void sync_names();

    const std::string dir_;
    const std::string disk_;  ///< a second name for every file, so that none is lost
    std::uint64_t cut_at_ = 0;
    std::string variant_;

    std::mutex mutex_;  // guards what follows
    std::uint64_t steps_ = 0;
    Id next_id_ = 0;
    std::map<Id, std::uint64_t> durable_bytes_;
    std::map<std::string, Id> durable_names_;
    std::vector<Change> pending_;
};

}  // namespace icecore::testing
