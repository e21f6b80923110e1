#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine_fixture.h"

namespace icecore::testing {

/// A directory tree to build and change, by paths of any length relative to it. Throws Error.
class Tree {
  public:
    explicit Tree(const std::string& root);
    const std::string& root() const { return root_; }
    /// `path` as one string for system calls that take no descriptor; it must be short.
    std::string operator/(std::string_view path) const { return join_path(root_, path); }

    /// mkdir -p.
    void dir(const std::string& path) const;
    /// Makes the file, its parents too, or gives an existing one this content in place.
    void file(const std::string& path, std::string_view content) const;
    void append(const std::string& path, std::string_view content) const;
    void symlink(const std::string& path, const std::string& target) const;
    void link(const std::string& existing, const std::string& path) const;
    void rename(const std::string& from, const std::string& to) const;
    /// rm -rf.
    void remove(const std::string& path) const;
    void set_mtime(const std::string& path, Timestamp mtime) const;

    /// The open directory that `path` lies in.
    Fd parent(std::string_view path) const;

  private:
    std::string root_;
    Fd fd_;
};

/// A chain of backups, each proved: bare GNU tar, archive by archive, and engine::restore both give back
/// exactly what the data directory held.
class CheckedRuns : public EngineFixture {
  public:
    explicit CheckedRuns(std::int64_t clock_ahead_seconds = 10)
        : EngineFixture(clock_ahead_seconds), tree(set.data_dir) {}

    /// Backs up the tree and checks the run (EXPECT). Later changes get later time stamps.
    engine::BackupResult run(const engine::BackupRequest& request = {});
    /// Checks that the run gives back `source`.
    void check(const engine::BackupResult& result, const TreeSnapshot& source);
    /// Extracts a run's archive onto what the runs before left.
    void extract(const engine::BackupResult& result);
    /// Differences between `source` and the run as engine::restore makes it.
    std::vector<std::string> restore_differences(catalog::RunNumber run, const TreeSnapshot& source);

    /// The manifest's entries of a run, by path.
    std::map<std::string, archive::ManifestEntry> entries(const engine::BackupResult& result) const;

    Tree tree;
    CompareOptions compare;
    bool ignore_link_groups = false;
    std::string bare;  ///< where tar extracts

  private:
    std::vector<std::string> compare_trees(TreeSnapshot source, const std::string& dir) const;
    int restores_ = 0;
};

/// Bytes that do not compress, the same for the same seed.
std::string noise(std::size_t size, std::uint32_t seed);

/// TMPDIR becomes /dev/shm if that can be written: deep and large trees are made and removed much faster
/// there.
void prefer_memory_for_temporary_files();

}  // namespace icecore::testing
