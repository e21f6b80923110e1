#pragma once

// Inside of history: the tree as one step finds it, and the small operations that steps are made of.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/file_stat.h"
#include "support/history.h"

namespace icecore::testing {

/// A name in the tree; the root is the node with the empty path.
struct Node {
    std::string path;
    FileType type = FileType::regular;
    std::uint32_t mode = 0;
    std::uint64_t size = 0;
    Timestamp mtime;
    std::uint64_t ino = 0;
    std::uint64_t nlink = 1;
    std::size_t depth = 0;   ///< components of the path
    std::size_t height = 0;  ///< levels below it, 0 for what has nothing below
    bool is_directory() const { return type == FileType::directory; }
    bool is_file() const { return type == FileType::regular; }
};

/// Paths are relative to the root directory, "" being the root itself. Throws Error when the system fails.
class Stage {
  public:
    using Test = std::function<bool(const Node&)>;

    /// Reads the tree.
    explicit Stage(const std::string& root);

    /// The (index modulo number)-th of the nodes, the root among them, that pass `test`; nullptr if none
    /// does.
    const Node* pick(std::uint32_t index, const Test& test) const;
    /// The same without the root.
    const Node* pick_below_root(std::uint32_t index, const Test& test) const;
    const Node* pick_file(std::uint32_t index) const;
    /// A directory in which a tree of `height` levels has room; not `moved` and not below it.
    const Node* pick_parent(std::uint32_t index, std::size_t height = 0, const Node* moved = nullptr) const;
    /// Whether `extra` more names are allowed.
    bool has_room(std::size_t extra = 1) const { return nodes_.size() - 1 + extra <= kEntriesMax; }
    /// Path of a new name in `dir`, from the pool of names by index; the first free one from there on.
    std::string new_path(const Node& dir, std::uint32_t name) const;
    const std::vector<Node>& nodes() const { return nodes_; }

    int root() const { return root_.get(); }
    /// A path for lsetxattr(2) and the like.
    std::string proc_path(const std::string& path) const;

    void rename(const std::string& from, const std::string& to) const;
    void exchange(const std::string& a, const std::string& b) const;
    void remove(const std::string& path) const;
    void make_directory(const std::string& path) const;
    void make_file(const std::string& path, std::string_view content) const;
    void make_symlink(const std::string& path, const std::string& target) const;
    void make_fifo(const std::string& path) const;
    /// False if that needs a privilege that we lack.
    bool make_device(const std::string& path, std::uint32_t value) const;
    void set_mtime(const std::string& path, Timestamp mtime) const;
    Fd open(const std::string& path, int flags, unsigned mode = 0) const;
    /// cp -p of a regular file, attributes and ACLs left out.
    void copy_file(const Node& from, const std::string& to) const;
    std::string link_target(std::uint32_t value, std::uint32_t other) const;

  private:
    void read(const std::string& path, std::size_t depth);
    Fd root_;
    std::vector<Node> nodes_;  ///< sorted by path; the first is the root
};

/// A name that no step gives: for the middle of a swap.
inline constexpr std::string_view kTemporaryName = "~history~";

/// Bytes that depend on `seed` alone and do not compress.
std::string random_bytes(std::uint32_t seed, std::size_t size);
/// Sizes around the borders that matter to tar, 0 to 100 KiB, by `value`.
std::size_t size_class(std::uint32_t value);
bool is_same_or_below(const Node& node, const Node& dir);
bool are_apart(const Node& a, const Node& b);
/// "verb a/b" or "verb a/b -> c", escaped.
std::string say(std::string_view verb, std::string_view path);
std::string say(std::string_view verb, std::string_view from, std::string_view to);

// The steps, by family; each returns what it did, "" for nothing.
std::string apply_creation(const Step& step, const Stage& stage);
std::string apply_content(const Step& step, const Stage& stage);
std::string apply_metadata_change(const Step& step, const Stage& stage);
std::string apply_move(const Step& step, const Stage& stage);
std::string apply_directory_move(const Step& step, const Stage& stage);
std::string apply_link(const Step& step, const Stage& stage);
std::string apply_replacement(const Step& step, const Stage& stage);

}  // namespace icecore::testing
