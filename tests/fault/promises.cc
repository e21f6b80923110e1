#include "fault/promises.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

std::string manifest_of(const std::string& stem) {
    return stem + ".manifest.zst";
}

/// What the run says it could not read, with all that is below.
std::function<bool(std::string_view)> unreadable_in(const std::string& manifest) {
    std::vector<std::string> paths;
    archive::ManifestReader reader(manifest);
    while (std::optional<archive::ManifestLine> line = reader.next())
        if (auto* error = std::get_if<archive::ManifestError>(&*line)) paths.push_back(error->path);
    return [paths](std::string_view path) {
        for (const std::string& bad : paths)
            if (is_below(path, bad)) return true;
        return false;
    };
}

void make_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0) throw_errno(path);
}

}  // namespace

Promises::Promises(CheckedRuns& runs) : runs_(runs), work_(runs.temp().make_dir("promises")) {}

Promises::~Promises() {
    remove_tree_at(AT_FDCWD, work_);
}

void Promises::check_sealed() {
    const std::string& dir = runs_.set.backup_dir;
    if (!path_exists(dir)) return;
    std::map<std::string, std::string> now;
    for (const std::string& name : list_directory(dir))
        if (engine::parse_archive_name(runs_.set.name, name))
            now[name] = sha256(read_file(join_path(dir, name))).hex();
    for (const auto& [name, digest] : sealed_) {
        if (!sealed_.contains(manifest_of(engine::parse_archive_name(runs_.set.name, name)->stem))) continue;
        auto found = now.find(name);
        if (found == now.end())
            ADD_FAILURE() << name << " of a run that exists is gone";
        else
            EXPECT_EQ(found->second, digest) << name << " was sealed and has changed";
    }
    sealed_ = std::move(now);
}

void Promises::check_success(const TreeSnapshot& source) {
    check_sealed();
    check_no_leftovers();
    check_catalog();
    std::vector<catalog::Run> all = runs_.catalog()->runs();
    ASSERT_FALSE(all.empty());
    for (const catalog::Run& run : all)
        if (checked_.insert(run.number()).second)
            check_run(run, run.number() == all.back().number() ? &source : nullptr);
}

void Promises::check_no_leftovers() const {
    for (const std::string& name : list_directory(runs_.set.backup_dir)) {
        bool of_a_run = engine::parse_archive_name(runs_.set.name, name).has_value();
        EXPECT_TRUE(of_a_run || name == engine::kSnarName || name == engine::kReadmeName ||
                    name == engine::kLockName || name.starts_with(engine::kCatalogName))
            << name << " was left behind";
    }
}

void Promises::check_catalog() {
    engine::SetOptions copy = runs_.set;
    copy.backup_dir = join_path(work_, format("rebuilt{}", ++copies_));
    make_directory(copy.backup_dir);
    for (const std::string& name : list_directory(runs_.set.backup_dir)) {
        auto parsed = engine::parse_archive_name(runs_.set.name, name);
        if (!parsed || parsed->part != engine::ParsedName::Part::manifest) continue;
        std::string from = join_path(runs_.set.backup_dir, name);
        if (::link(from.c_str(), join_path(copy.backup_dir, name).c_str()) != 0) throw_errno(from);
    }
    RecordingObserver observer;
    auto rebuilt = engine::open_catalog(runs_.environment(), copy, observer);
    auto known = runs_.catalog();
    std::vector<catalog::Run> runs = known->runs();
    std::vector<catalog::Run> from_manifests = rebuilt->runs();
    ASSERT_EQ(runs.size(), from_manifests.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
        catalog::RunNumber number = runs[i].number();
        EXPECT_TRUE(runs[i].header == from_manifests[i].header) << "run " << number;
        EXPECT_TRUE(runs[i].trailer == from_manifests[i].trailer) << "run " << number;
        EXPECT_EQ(dump_tree(*known, number), dump_tree(*rebuilt, number)) << "run " << number;
    }
    rebuilt.reset();
    remove_tree_at(AT_FDCWD, copy.backup_dir);
}

void Promises::check_volumes(const catalog::Run& run) const {
    for (const archive::VolumeInfo& volume : run.trailer.volumes) {
        std::string bytes = read_file(join_path(runs_.set.backup_dir, volume.name));
        EXPECT_EQ(bytes.size(), volume.stored_bytes) << volume.name;
        EXPECT_EQ(sha256(bytes).hex(), volume.sha256.hex()) << volume.name;
    }
}

void Promises::check_run(const catalog::Run& run, const TreeSnapshot* source) {
    SCOPED_TRACE(format("run {}", run.number()));
    check_volumes(run);
    if (run.header.kind == archive::RunKind::full) {
        if (!bare_.empty()) remove_tree_at(AT_FDCWD, bare_);
        bare_ = join_path(work_, format("bare{}", ++copies_));
        make_directory(bare_);
    }
    engine::BackupResult result;
    result.trailer = run.trailer;
    CommandResult tar = extract_with_gnu_tar(runs_.volumes(result), runs_.method(), bare_);
    EXPECT_EQ(tar.status, 0) << tar.err;
    EXPECT_EQ(complaints(tar.err), "");
    TreeSnapshot by_tar = snapshot_tree(bare_);
    std::string to = join_path(work_, format("to{}", ++copies_));
    EXPECT_EQ(join_lines(runs_.restore(run.number(), to).problems.lines()), "");
    TreeSnapshot by_icecore = snapshot_tree(to);
    CompareOptions compare = runs_.compare;
    EXPECT_EQ(join_lines(differences(by_icecore, by_tar, compare)), "") << "by icecore and by bare tar";
    if (source != nullptr) {
        engine::ArchiveNames names = engine::make_archive_names(
            runs_.set.name, run.number(), run.header.kind, run.header.started, run.header.compression.method);
        compare.exclude = unreadable_in(join_path(runs_.set.backup_dir, names.manifest));
        EXPECT_EQ(join_lines(differences(*source, by_icecore, compare)), "") << "source and restored";
    }
    remove_tree_at(AT_FDCWD, to);
}

}  // namespace icecore::testing
