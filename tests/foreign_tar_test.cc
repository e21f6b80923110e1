// GNU tar writes, we read: random trees as GNU tar 1.34 stores them, read by TarReader, must be what is on
// the disk.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/metadata.h"
#include "base/text.h"
#include "support/command.h"
#include "support/history.h"
#include "support/temp_dir.h"
#include "support/tree_compare.h"

namespace icecore::testing {
namespace {

/// A ByteSource over a file.
class FileSource final : public archive::ByteSource {
  public:
    explicit FileSource(const std::string& path) : fd_(open_file(path, O_RDONLY)) {}
    std::size_t read(char* buffer, std::size_t size) override { return read_full(fd_.get(), buffer, size); }

  private:
    Fd fd_;
};

/// "./a/b" → "a/b"; "./" and "." → "".
std::string path_of(std::string name) {
    if (name.ends_with('/')) name.pop_back();
    if (name == ".") return "";
    return name.starts_with("./") ? name.substr(2) : name;
}

Digest digest_of_content(archive::TarReader& reader, const archive::TarMember& member) {
    std::string content(member.size_bytes, '\0');
    std::vector<archive::SparseRegion> whole = {{0, member.size_bytes}};
    for (const archive::SparseRegion& region : member.sparse ? *member.sparse : whole) {
        std::size_t at = 0;
        while (at < region.length_bytes) {
            std::size_t n =
                reader.read_content(content.data() + region.offset + at, region.length_bytes - at);
            if (n == 0) break;
            at += n;
        }
    }
    return sha256(content);
}

struct ReadTree {
    TreeSnapshot tree;
    std::map<std::string, Metadata> metadata;
};

/// What the archive says the tree is.
ReadTree read_archive(const std::string& path) {
    FileSource source(path);
    archive::TarReader reader(source);
    ReadTree out;
    std::map<std::string, std::vector<std::string>> links;
    while (std::optional<archive::TarMember> member = reader.next()) {
        std::string name = path_of(member->name);
        if (member->hard_link) {
            std::string target = path_of(member->link_target);
            links[target].push_back(name);
            out.tree.entries[name] = out.tree.entries.at(target);
            out.metadata[name] = out.metadata.at(target);
            continue;
        }
        TreeEntry entry;
        entry.type = member->type;
        entry.mode = member->mode;
        entry.uid = member->uid;
        entry.gid = member->gid;
        entry.mtime = member->mtime;
        entry.link_target = member->type == FileType::symlink ? member->link_target : "";
        entry.device_major = member->rdev_major;
        entry.device_minor = member->rdev_minor;
        if (member->type == FileType::regular) {
            entry.size = member->size_bytes;
            entry.content = digest_of_content(reader, *member);
        }
        entry.xattrs = member->metadata.xattrs;
        out.tree.entries[name] = entry;
        out.metadata[name] = member->metadata;
    }
    for (auto& [target, names] : links) {
        names.push_back(target);
        std::sort(names.begin(), names.end());
        out.tree.link_groups.push_back(names);
    }
    std::sort(out.tree.link_groups.begin(), out.tree.link_groups.end());
    return out;
}

/// ACLs as they are once set: GNU tar writes names of users where it knows them, and minimal ACLs too.
Metadata as_applied(const Metadata& metadata, bool directory, const TempDir& temp) {
    static int count = 0;
    std::string path = temp / format("acl{}", ++count);
    if (directory) temp.make_dir(base_name(path));
    Fd fd = open_file(path, directory ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT, 0600);
    EXPECT_TRUE(apply_metadata(fd.get(), metadata));
    return read_metadata(fd.get());
}

/// ACLs are compared as text; the raw attributes are the same thing in another form.
void drop_raw_acls(TreeSnapshot& tree) {
    for (auto& [path, entry] : tree.entries)
        std::erase_if(entry.xattrs,
                      [](const auto& xattr) { return xattr.first.starts_with("system.posix_acl"); });
}

std::vector<std::string> wrong_acls(const std::string& root, const ReadTree& read, const TempDir& temp) {
    std::vector<std::string> wrong;
    Fd dir = open_file(root, O_RDONLY | O_DIRECTORY);
    for (const auto& [path, entry] : read.tree.entries) {
        if (entry.type != FileType::regular && entry.type != FileType::directory) continue;
        Fd fd =
            open_beneath(dir.get(), path, O_RDONLY | (entry.type == FileType::directory ? O_DIRECTORY : 0));
        if (!fd) continue;
        Metadata here = read_metadata(fd.get());
        Metadata there = as_applied(read.metadata.at(path), entry.type == FileType::directory, temp);
        if (here.acl_access != there.acl_access || here.acl_default != there.acl_default)
            wrong.push_back(format("{}: ACL \"{}\" \"{}\" read as \"{}\" \"{}\"", escape_path(path),
                                   here.acl_access, here.acl_default, there.acl_access, there.acl_default));
    }
    return wrong;
}

void check_format(const std::string& tar_format, bool nanoseconds_and_attributes) {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        TempDir temp;
        std::string data = temp.make_dir("data");
        // GNU tar does not keep fifos and devices hard-linked, and cannot write times before 1970 in pax.
        Mix mix;
        mix.hard_links = false;
        for (const Steps& steps : random_history(seed, 2, 20, mix)) {
            for (const Step& step : steps)
                if (step.action != Action::touch && step.action != Action::link) apply_step(step, data);
        }
        std::string archive = temp / "a.tar";
        std::vector<std::string> argv = {"tar",      "--format=" + tar_format,
                                         "--sparse", "--listed-incremental=" + (temp / "s"),
                                         "-cf",      archive,
                                         "-C",       data,
                                         "."};
        if (nanoseconds_and_attributes)
            argv.insert(argv.begin() + 1, {"--xattrs", "--xattrs-include=*", "--acls"});
        CommandResult tar = run_command(argv);
        ASSERT_EQ(tar.status, 0) << tar.err;

        TreeSnapshot expected = snapshot_tree(data);
        drop_raw_acls(expected);
        if (!nanoseconds_and_attributes)
            for (auto& [path, entry] : expected.entries) entry.mtime.nsec = 0;
        ReadTree read = read_archive(archive);
        CompareOptions options;
        options.ignore_xattrs = !nanoseconds_and_attributes;
        EXPECT_EQ(join_lines(differences(expected, read.tree, options)), "") << "seed " << seed;
        if (nanoseconds_and_attributes) {
            EXPECT_EQ(join_lines(wrong_acls(data, read, temp)), "") << "seed " << seed;
        }
        if (::testing::Test::HasFailure()) return;
    }
}

TEST(ForeignTar, PaxWithAttributes) {
    check_format("pax", true);
}

TEST(ForeignTar, Gnu) {
    check_format("gnu", false);
}

}  // namespace
}  // namespace icecore::testing
