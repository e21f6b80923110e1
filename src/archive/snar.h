#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_reader.h"
#include "base/clock.h"

namespace icecore::archive {

/// One directory of a GNU tar snapshot file.
struct SnarDirectory {
    bool nfs = false;
    Timestamp mtime;
    std::uint64_t dev = 0;
    std::uint64_t ino = 0;
    std::string name;  ///< as GNU tar names it: "." the root, "./a/b"
    /// Flag ('Y', 'N', 'D') and name, sorted by name. Empty in formats 0 and 1.
    std::vector<std::pair<char, std::string>> entries;
};

/// Encodes a snapshot file of format 2 piece by piece (GNU tar manual, "Snapshot Files").
std::string encode_snar_header(Timestamp run_time);
void append_snar_directory(const SnarDirectory& directory, std::string& out);

/// The same for a directory whose names are encoded already, as in a dumpdir: nothing is copied into strings
/// of its own.
struct SnarRecord {
    bool nfs = false;
    Timestamp mtime;
    std::uint64_t dev = 0;
    std::uint64_t ino = 0;
    std::string_view name;
    std::string_view encoded_dumpdir;  ///< flag, name, NUL …; ends with an empty entry's NUL
};
void append_snar_record(const SnarRecord& record, std::string& out);

/// Reads snapshot files of formats 0, 1 and 2. Throws Error{corrupt} with the byte offset.
struct Snar {
    int format = 2;
    Timestamp run_time;
    std::vector<SnarDirectory> directories;
};
Snar parse_snar(std::string_view bytes);

}  // namespace icecore::archive
