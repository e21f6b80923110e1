#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::archive {

/// The directory listing that makes a tar archive incremental: pax key `GNU.dumpdir`, or the data of an old
/// type `D` member (GNU tar manual, "Dumpdir"). Entries are NUL-terminated, the list ends with one more NUL.
struct Dumpdir {
    /// R/T pairs, relative to the extraction root, executed in order before anything is purged. Only in the
    /// root's. GNU tar's own writer goes through a temporary directory where directories change places (`X`).
    struct Rename {
        std::string from;  ///< tar name, "./a/b"; empty: makes the temporary directory `to`
        std::string to;
    };
    struct Entry {
        char flag;  ///< 'Y' in this archive, 'N' not in it but kept, 'D' a subdirectory
        std::string name;
    };
    std::vector<Rename> renames;
    std::vector<Entry> entries;
};

/// The bytes, entries sorted by name (GNU tar looks them up by binary search), renames first. CHECKs that no
/// name is empty or holds a NUL.
std::string encode_dumpdir(Dumpdir dumpdir);

/// Parses both our form and GNU tar's (which may hold X, and R/T among the entries). X becomes a rename
/// without origin, and what it stands for in later renames the name "DIRECTORY/tar.XXXXXX". Throws
/// Error{corrupt}.
Dumpdir parse_dumpdir(std::string_view bytes);

}  // namespace icecore::archive
