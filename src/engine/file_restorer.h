#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "archive/tar_reader.h"
#include "archive/volume.h"
#include "catalog/catalog.h"
#include "catalog/work_tables.h"
#include "engine/target_tree.h"

namespace icecore::engine {

/// What the restore of names came to.
struct RestoreCounts {
    std::uint64_t files = 0;      ///< put in place, all types but directories
    std::uint64_t unchanged = 0;  ///< were there already
    std::uint64_t kept = 0;       ///< newer at the target, left
    std::uint64_t bytes = 0;      ///< content put in place

    RestoreCounts& operator+=(const RestoreCounts& other);
};

/// What a restore item's payload tells of a file. `fresh`: nothing can be at its place.
std::string encode_wanted(const catalog::Entry& entry, bool fresh);

/// Restores files from archives, all names of one file at a time. It keeps its place in the archive and the
/// directory it was in, so that neighbours cost little; it holds one frame. One thread at a time; the tree
/// must outlive it.
class FileRestorer {
  public:
    using Item = catalog::WorkTables::RestoreItem;
    using OnProblem = std::function<void(const std::string& path, const std::string& what)>;

    FileRestorer(TargetTree& tree, OnProblem on_problem);
    ~FileRestorer();

    /// Restores `names`, which have one location: the first is made, the others linked to it. A name of
    /// another file that the catalogue wrongly gives the same place is restored by itself, which its SHA-256
    /// will not survive.
    RestoreCounts restore(const std::shared_ptr<archive::ArchiveFile>& archive, std::span<const Item> names);
    /// Whether restore() would read the content of the file that has `names`, as far as can be seen without
    /// changing anything.
    bool needs_content(std::span<const Item> names);
    /// Makes what has no content: a symbolic link, fifo or device.
    RestoreCounts restore_special(const std::string& path, const catalog::Entry& entry, bool fresh);

  private:
    struct Wanted;
    struct Made;
    using Directory = TargetTree::Directory;

    static Wanted decode_wanted(std::string_view payload);
    Directory& directory_of(const std::string& path);
    void find_present(std::span<const Item> names, std::vector<bool>& done, Made& made,
                      RestoreCounts& counts);
    bool is_present(const std::string& path, const Wanted& wanted, FileStat& there);
    bool clear_to_make(Directory& dir, const std::string& name, const Wanted& wanted, RestoreCounts& counts);
    bool is_to_be_made(const Item& item, const Wanted& wanted);
    void restore_one(const Item& item, const Wanted& wanted, Made& made, RestoreCounts& counts);
    void link_one(const Item& item, const Wanted& wanted, const Made& made, RestoreCounts& counts);
    void restore_content(const Item& item, const Wanted& wanted, Directory& dir, const std::string& name);
    void restore_content_from(std::size_t source, const Item& item, const Wanted& wanted, Directory& dir,
                              const std::string& name);
    [[noreturn]] void differs(const char* what, const Item& item, std::size_t source) const;
    archive::ArchiveStream& stream_at(std::size_t source, const archive::Location& at);
    Digest copy_content(archive::TarReader& tar, const archive::TarMember& member, const Wanted& wanted,
                        int fd);

    TargetTree& tree_;
    OnProblem on_problem_;
    std::shared_ptr<archive::ArchiveFile> archive_;
    std::vector<std::unique_ptr<archive::ArchiveStream>> streams_;  // of archive_, by first source
    std::unique_ptr<char[]> buffer_;
    Directory dir_;
    std::string dir_path_;
};

}  // namespace icecore::engine
