#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "archive/tar_member.h"

namespace icecore::archive {

/// One header block as it lies in the archive (POSIX.1-2017 "ustar Interchange Format"). GNU tar's own
/// formats share the fields up to dev_minor and use the rest differently.
struct UstarBlock {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link_name[100];
    char magic[8];  ///< magic and version
    char user_name[32];
    char group_name[32];
    char dev_major[8];
    char dev_minor[8];
    char prefix[155];
    char unused[12];
};
static_assert(sizeof(UstarBlock) == kBlockBytes && alignof(UstarBlock) == 1);

constexpr std::string_view kUstarMagic{"ustar\00000", 8};
constexpr std::string_view kGnuMagic{"ustar  \0", 8};

/// Largest value of 7 and of 11 octal digits: what the 8- and 12-byte fields hold in plain ustar.
constexpr std::int64_t kOctal7Max = (std::int64_t{1} << 21) - 1;
constexpr std::int64_t kOctal11Max = (std::int64_t{1} << 33) - 1;

/// Writes `value` into a field of `width` bytes: octal digits and a NUL where it fits, else GNU's base-256,
/// which every reader that matters knows, so that one without pax (busybox) keeps its place in the archive.
void put_number(char* field, std::size_t width, std::int64_t value);

/// Reads octal digits (blanks and NULs around them; an empty field is 0) or base-256. nullopt for anything
/// else and for what does not fit in 63 bits and a sign.
std::optional<std::int64_t> parse_number(std::string_view field);

/// Sets the checksum field from the others.
void put_checksum(UstarBlock& block);

/// Whether the checksum is right, bytes taken as unsigned (the standard) or signed (old tars).
bool checksum_matches(const UstarBlock& block);

}  // namespace icecore::archive
