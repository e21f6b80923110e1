#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/catalog.h"

// What the tests of this module share.

namespace icecore::catalog {

/// A directory of its own, removed with all in it.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        // In memory where that is possible: thousands of commits would otherwise wait for a disk.
        for (const std::filesystem::path& base :
             {std::filesystem::path("/dev/shm"), std::filesystem::temp_directory_path()}) {
            std::string pattern = (base / "icecore-catalog-XXXXXX").string();
            if (::mkdtemp(pattern.data()) == nullptr) continue;
            root_ = pattern;
            return;
        }
        CHECK(!"a temporary directory can be made");
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string path(const std::string& name) const { return (root_ / name).string(); }

  private:
    std::filesystem::path root_;
};

/// Header of a full run (parent 0), or of one incremental on `parent` in the chain that began with run
/// `chain`.
inline archive::ManifestHeader make_header(RunNumber number, RunNumber parent = 0, RunNumber chain = 1) {
    archive::ManifestHeader header;
    header.set = "home";
    header.host = "server";
    header.run = number;
    header.kind = parent == 0 ? RunKind::full : RunKind::incremental;
    header.parent = parent;
    header.chain = parent == 0 ? number : chain;
    header.started = {1'000'000 + number, 5};
    header.program = "0.1.0";
    header.archive_name = format("home-{:06}.tar.zst", number);
    return header;
}

/// Everything of an entry but `node`, as text.
inline std::string describe(const std::string& path, const Entry& e) {
    const FileStat& s = e.stat;
    return format(
        "{} name={} {} mode={:o} uid={} gid={} size={} mtime={}.{} ctime={}.{} ino={} nlink={} rdev={},{} "
        "-> {} {} meta={} at={}/{}/{}+{} {}{} added={}",
        escape_path(path), escape_path(e.name), static_cast<char>(s.type), s.mode, s.uid, s.gid, s.size,
        s.mtime.sec, s.mtime.nsec, s.ctime.sec, s.ctime.nsec, s.ino, s.nlink, s.rdev_major, s.rdev_minor,
        escape_path(e.link_target), e.sha256.hex(), to_hex(e.metadata), e.location.run, e.location.volume,
        e.location.offset, e.location.length_bytes, e.sparse ? "sparse" : "", e.racy ? "racy" : "", e.added);
}

}  // namespace icecore::catalog
