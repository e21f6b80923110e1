#include "checked_runs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <random>

#include "base/error.h"
#include "base/format.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

void must(bool ok, std::string_view doing, std::string_view path) {
    if (!ok) throw_errno(format("{} {}", doing, escape_path(path)));
}

std::string name_of(std::string_view path) {
    return std::string(base_name(path));
}

}  // namespace

Tree::Tree(const std::string& root) : root_(root), fd_(open_file(root, O_RDONLY | O_DIRECTORY)) {}

Fd Tree::parent(std::string_view path) const {
    Fd fd = open_beneath(fd_.get(), parent_path(path), O_RDONLY | O_DIRECTORY);
    must(static_cast<bool>(fd), "opening the parent of", path);
    return fd;
}

void Tree::dir(const std::string& path) const {
    if (path.empty() || open_beneath(fd_.get(), path, O_PATH | O_DIRECTORY)) return;
    Fd at(dup(fd_.get()));
    for (std::size_t begin = 0; begin <= path.size();) {
        std::size_t end = std::min(path.find('/', begin), path.size());
        std::string name = path.substr(begin, end - begin);
        must(mkdirat(at.get(), name.c_str(), 0755) == 0 || errno == EEXIST, "mkdir", path);
        at = open_directory_at(at.get(), name.c_str(), path);
        begin = end + 1;
    }
}

void Tree::file(const std::string& path, std::string_view content) const {
    dir(std::string(parent_path(path)));
    Fd fd(openat(parent(path).get(), name_of(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    must(static_cast<bool>(fd), "creating", path);
    write_full(fd.get(), content);
}

void Tree::append(const std::string& path, std::string_view content) const {
    Fd fd(openat(parent(path).get(), name_of(path).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    must(static_cast<bool>(fd), "opening", path);
    write_full(fd.get(), content);
}

void Tree::symlink(const std::string& path, const std::string& target) const {
    dir(std::string(parent_path(path)));
    must(symlinkat(target.c_str(), parent(path).get(), name_of(path).c_str()) == 0, "symlink", path);
}

void Tree::link(const std::string& existing, const std::string& path) const {
    dir(std::string(parent_path(path)));
    must(linkat(parent(existing).get(), name_of(existing).c_str(), parent(path).get(), name_of(path).c_str(),
                0) == 0,
         "link", path);
}

void Tree::rename(const std::string& from, const std::string& to) const {
    must(renameat(parent(from).get(), name_of(from).c_str(), parent(to).get(), name_of(to).c_str()) == 0,
         "rename", from);
}

void Tree::remove(const std::string& path) const {
    remove_tree_at(parent(path).get(), name_of(path));
}

void Tree::set_mtime(const std::string& path, Timestamp mtime) const {
    timespec times[2] = {{0, UTIME_OMIT}, {mtime.sec, static_cast<long>(mtime.nsec)}};
    must(utimensat(parent(path).get(), name_of(path).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat",
         path);
}

engine::BackupResult CheckedRuns::run(const engine::BackupRequest& request) {
    TreeSnapshot source = snapshot_tree(set.data_dir);
    engine::BackupResult result = backup(request);
    EXPECT_EQ(result.trailer.counts.errors, 0U) << join_lines(observer.warnings);
    check(result, source);
    wait_for_next_tick(temp().path());
    return result;
}

void CheckedRuns::check(const engine::BackupResult& result, const TreeSnapshot& source) {
    extract(result);
    EXPECT_EQ(join_lines(compare_trees(source, bare)), "") << "by bare tar, run " << result.header.run;
    EXPECT_EQ(join_lines(restore_differences(result.header.run, source)), "")
        << "by icecore, run " << result.header.run;
    auto this_run = [&](const std::vector<catalog::Run>&) { return result.header.run; };
    EXPECT_EQ(join_lines(verify({.choose = this_run, .deep = true})), "") << "run " << result.header.run;
}

void CheckedRuns::extract(const engine::BackupResult& result) {
    if (result.header.kind == archive::RunKind::full)
        bare = temp().make_dir(format("bare{}", result.header.run));
    CommandResult tar = extract_with_gnu_tar(volumes(result), method(), bare);
    EXPECT_EQ(tar.status, 0) << tar.err.substr(0, 4000);
    EXPECT_EQ(complaints(tar.err).substr(0, 4000), "") << "run " << result.header.run;
}

std::vector<std::string> CheckedRuns::restore_differences(catalog::RunNumber run,
                                                          const TreeSnapshot& source) {
    std::string to = temp() / format("restored{}", ++restores_);
    engine::RestoreResult result = restore(run, to);
    EXPECT_EQ(join_lines(result.problems), "") << "run " << run;
    std::vector<std::string> wrong = compare_trees(source, to);
    remove_tree_at(AT_FDCWD, to);
    return wrong;
}

std::vector<std::string> CheckedRuns::compare_trees(TreeSnapshot source, const std::string& dir) const {
    TreeSnapshot got = snapshot_tree(dir);
    if (ignore_link_groups) {
        source.link_groups.clear();
        got.link_groups.clear();
    }
    CompareOptions options = compare;
    if (geteuid() != 0) options.ignore_owner = true;
    return differences(source, got, options);
}

std::map<std::string, archive::ManifestEntry> CheckedRuns::entries(const engine::BackupResult& result) const {
    engine::ArchiveNames names = engine::make_archive_names(set.name, result.header.run, result.header.kind,
                                                            result.header.started, set.compression.method);
    archive::ManifestReader reader(join_path(set.backup_dir, names.manifest));
    std::map<std::string, archive::ManifestEntry> out;
    while (std::optional<archive::ManifestLine> line = reader.next())
        if (auto* entry = std::get_if<archive::ManifestEntry>(&*line)) out[entry->path] = *entry;
    return out;
}

std::string noise(std::size_t size, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

void prefer_memory_for_temporary_files() {
    if (access("/dev/shm", W_OK | X_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
}

}  // namespace icecore::testing
