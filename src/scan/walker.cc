#include "scan/walker.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "scan/directory_names.h"
#include "scan/walk_rules.h"

namespace icecore::scan {
namespace {

/// Directories on the way whose descriptors are kept, so that most directories are opened by name and not by
/// path.
constexpr std::size_t kOpenLevelsMax = 3;

constexpr std::string_view kAbsentText =
    "not in the snapshot, since it is another file system or subvolume: make it a set of its own, or exclude "
    "it";

/// A directory that has been listed and whose subdirectories are still to be walked.
struct Level {
    Fd fd;                       ///< open only in the last kOpenLevelsMax levels
    std::size_t path_size;       ///< of the directory's path
    std::size_t rules;           ///< mark of the rules that held before it
    std::string subdirectories;  ///< names in order, each ended by NUL
    std::size_t next = 0;        ///< offset of the first one not yet walked
};

class Walk {
  public:
    Walk(int root_fd, const WalkOptions& options, TreeVisitor& visitor,
         const std::function<bool()>& cancelled)
        : root_fd_(root_fd), options_(options), visitor_(visitor), cancelled_(cancelled), rules_(options) {
        for (const std::string& path : options.skip) {
            std::size_t end = path.find_last_not_of('/');
            if (end != std::string::npos) skip_.push_back(path.substr(0, end + 1));
        }
    }

    void run(const std::string& start);

  private:
    void add_rules_above(const std::string& start);
    void walk_next_subdirectory();
    void open_and_visit(int base, std::string_view name);
    void visit(Fd dir);
    void list(int dir, std::string& subdirectories);
    void examine(int dir, const char* name, std::string& subdirectories);
    bool is_skipped(std::string_view name) const;
    bool is_absent(const std::string& path, const FileStat& stat) const;
    std::string content_of_directory() const { return path_ + "/"; }
    void fail(int error, std::string_view doing);

    int root_fd_;
    const WalkOptions& options_;
    TreeVisitor& visitor_;
    const std::function<bool()>& cancelled_;
    WalkRules rules_;
    std::vector<std::string> skip_;

    std::uint64_t root_dev_ = 0;
    std::vector<Level> levels_;
    std::string path_;  ///< of the directory being visited
    DirectoryNames names_;
    std::vector<std::string_view> skipped_names_;  ///< of skip_, in the directory being visited
    std::string name_;
    std::string child_path_;
};

void Walk::run(const std::string& start) {
    FileStat root;
    if (!stat_at(root_fd_, "", root, AT_EMPTY_PATH)) throw_errno("examining the data directory");
    root_dev_ = root.dev;
    if (options_.ignore_files && !start.empty()) add_rules_above(start);
    path_ = start;
    open_and_visit(root_fd_, start);
    while (!levels_.empty()) walk_next_subdirectory();
}

/// The ignore files of the directories above `start` hold for a walk that begins there, too.
void Walk::add_rules_above(const std::string& start) {
    for (std::size_t end = 0; end != std::string::npos; end = start.find('/', end + 1)) {
        std::string above = start.substr(0, end);
        Fd dir = open_beneath(root_fd_, above, O_PATH | O_DIRECTORY);
        if (!dir) return;  // then `start` cannot be opened either
        rules_.add_ignore_file(dir.get(), above, visitor_);
    }
}

void Walk::walk_next_subdirectory() {
    Level& level = levels_.back();
    path_.resize(level.path_size);
    if (level.next == level.subdirectories.size()) {
        rules_.back_to(level.rules);
        levels_.pop_back();
        return;
    }
    std::size_t begin = level.next;
    level.next = level.subdirectories.find('\0', begin) + 1;
    std::string_view name(level.subdirectories.data() + begin, level.next - 1 - begin);
    if (!path_.empty()) path_ += '/';
    path_ += name;
    if (level.fd)
        open_and_visit(level.fd.get(), name);
    else
        open_and_visit(root_fd_, path_);
}

/// Whatever directory has the name now is walked, be it another one than was listed. `name` may lie in
/// levels_.
void Walk::open_and_visit(int base, std::string_view name) {
    if (cancelled_ && cancelled_()) throw Error(Error::Kind::cancelled, "stopped while scanning");
    Fd dir = open_directory(base, name);
    if (dir) return visit(std::move(dir));
    if (errno != ENOENT || levels_.empty()) fail(errno, "opening directory");
}

void Walk::visit(Fd dir) {
    FileStat stat;
    if (!stat_at(dir.get(), "", stat, AT_EMPTY_PATH)) return fail(errno, "examining");
    if (!visitor_.enter(path_, stat)) return;
    bool absent = is_absent(path_, stat);
    if (absent && !options_.one_file_system) return visitor_.failed(path_, 0, kAbsentText);
    if (absent || (options_.one_file_system && stat.dev != root_dev_)) {
        visitor_.excluded(content_of_directory(), false, "other file system");
        return visitor_.listed(path_, false);
    }
    int error = names_.read(dir.get());
    if (error == ENOENT) error = 0;  // the directory has been removed: it is empty
    if (error != 0 && names_.empty()) return fail(error, "reading directory");

    Level level{{}, path_.size(), rules_.mark(), {}};
    list(dir.get(), level.subdirectories);
    visitor_.listed(path_, error != 0);
    if (error != 0) visitor_.failed(path_, error, "reading directory");
    if (level.subdirectories.empty()) return rules_.back_to(level.rules);
    level.fd = std::move(dir);
    if (levels_.size() >= kOpenLevelsMax) levels_[levels_.size() - kOpenLevelsMax].fd.reset();
    levels_.push_back(std::move(level));
}

/// Gives the visitor the names of the directory at path_, and collects those to be walked.
void Walk::list(int dir, std::string& subdirectories) {
    child_path_ = path_;
    if (!child_path_.empty()) child_path_ += '/';
    skipped_names_.clear();
    for (const std::string& skipped : skip_)
        if (parent_path(skipped) == path_) skipped_names_.push_back(base_name(skipped));

    if (options_.exclude_caches && !path_.empty() && names_.contains(kCacheTagName) && has_cache_tag(dir)) {
        examine(dir, kCacheTagName, subdirectories);
        visitor_.excluded(content_of_directory(), false, kCacheTagName);
        return;
    }
    if (options_.ignore_files && names_.contains(kIgnoreFileName))
        rules_.add_ignore_file(dir, path_, visitor_);
    for (std::size_t i = 0; i < names_.size(); ++i) examine(dir, names_[i], subdirectories);
}

void Walk::examine(int dir, const char* name, std::string& subdirectories) {
    name_ = name;
    if (is_skipped(name_)) return;
    std::size_t prefix = child_path_.size();
    child_path_ += name_;
    FileStat stat;
    if (!stat_at(dir, name, stat)) {
        if (errno != ENOENT) visitor_.failed(child_path_, errno, "examining");
    } else if (auto rule = rules_.exclusion(child_path_, stat)) {
        visitor_.excluded(child_path_, stat.type == FileType::directory, *rule);
    } else if (stat.type != FileType::directory && is_absent(child_path_, stat)) {
        visitor_.failed(child_path_, 0, kAbsentText);
    } else if (stat.type == FileType::socket) {
        visitor_.socket(child_path_);
    } else {
        visitor_.child(path_, dir, name_, stat);
        if (stat.type == FileType::directory) subdirectories.append(name_).push_back('\0');
    }
    child_path_.resize(prefix);
}

bool Walk::is_absent(const std::string& path, const FileStat& stat) const {
    if (stat.type == FileType::directory && options_.absent_inode != 0 && stat.ino == options_.absent_inode)
        return true;
    return std::binary_search(options_.absent.begin(), options_.absent.end(), path);
}

bool Walk::is_skipped(std::string_view name) const {
    return std::find(skipped_names_.begin(), skipped_names_.end(), name) != skipped_names_.end();
}

void Walk::fail(int error, std::string_view doing) {
    if (path_.empty()) throw Error::from_errno(error, "reading the data directory");
    visitor_.failed(path_, error, doing);
}

}  // namespace

void walk_tree(int root_fd, const std::string& start, const WalkOptions& options, TreeVisitor& visitor,
               const std::function<bool()>& cancelled) {
    Walk(root_fd, options, visitor, cancelled).run(start);
}

}  // namespace icecore::scan
