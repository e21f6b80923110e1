#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "archive/manifest_names.h"
#include "archive/seek_table.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

[[noreturn]] void corrupt(std::string message) {
    throw Error(Error::Kind::corrupt, std::move(message));
}
[[noreturn]] void bad_value(std::string_view key, std::string_view expected) {
    corrupt(format("\"{}\" is not {}", key, expected));
}

// ---- values ----

const Json* find(const Json& object, std::string_view key) {
    auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
}

const Json& require(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr) corrupt(format("\"{}\" is missing", key));
    return *value;
}

template <typename T>
T as_number(const Json& value, std::string_view key, std::uint64_t max) {
    if (!value.is_number_unsigned()) bad_value(key, "a number that is whole, not negative and in range");
    auto number = value.get<std::uint64_t>();
    if (number > max) bad_value(key, format("a number up to {}", max));
    return static_cast<T>(number);
}

std::uint32_t as_u32(const Json& value, std::string_view key) {
    return as_number<std::uint32_t>(value, key, std::numeric_limits<std::uint32_t>::max());
}

std::uint64_t as_u63(const Json& value, std::string_view key) {
    return as_number<std::uint64_t>(value, key, kManifestNumberMax);
}

const std::string& as_string(const Json& value, std::string_view key) {
    if (!value.is_string()) bad_value(key, "a string");
    return value.get_ref<const std::string&>();
}

std::string unescape(std::string_view text, std::string_view key) {
    auto bytes = unescape_path(text);
    if (!bytes) bad_value(key, "an escaped text");
    if (bytes->find('\0') != std::string::npos) bad_value(key, "free of NUL");
    return *std::move(bytes);
}

std::string as_text(const Json& value, std::string_view key) {
    return unescape(as_string(value, key), key);
}

std::string text_or_empty(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    return value == nullptr ? std::string() : as_text(*value, key);
}

std::uint32_t u32_or(const Json& object, std::string_view key, std::uint32_t fallback) {
    const Json* value = find(object, key);
    return value == nullptr ? fallback : as_u32(*value, key);
}

bool flag(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) bad_value(key, "true or false");
    return value->get<bool>();
}

const Json& array_of(const Json& value, std::size_t size, std::string_view key) {
    if (!value.is_array() || value.size() != size) bad_value(key, format("an array of {}", size));
    return value;
}

Timestamp time_of(const Json& object, std::string_view key) {
    const Json& pair = array_of(require(object, key), 2, key);
    // A number that does not fit in 64 bits has become a floating-point one.
    bool fits = pair[0].is_number_integer() &&
                (!pair[0].is_number_unsigned() || pair[0].get<std::uint64_t>() <= kManifestNumberMax);
    if (!fits) bad_value(key, "[seconds, nanoseconds]");
    return {pair[0].get<std::int64_t>(), as_number<std::uint32_t>(pair[1], key, 999'999'999)};
}

Digest digest_or_none(const Json& object, std::string_view key) {
    const Json* value = find(object, key);
    if (value == nullptr) return {};
    auto raw = from_hex(as_string(*value, key));
    if (!raw || raw->size() != 32) bad_value(key, "64 hexadecimal digits");
    return Digest::from_bytes(*raw);
}

template <typename E, std::size_t N>
E as_name(const Json& value, std::string_view key, const NameTable<E, N>& table) {
    const std::string& text = as_string(value, key);
    auto known = value_of(table, text);
    if (!known) corrupt(format("\"{}\" has the unknown value \"{}\"", key, text.substr(0, 40)));
    return *known;
}

/// A path below the data directory: nothing that could lead out of it.
std::string path_of(const Json& object, std::string_view key, bool root_allowed = false) {
    std::string path = as_text(require(object, key), key);
    if (path.empty() && root_allowed) return path;
    for (std::size_t start = 0;;) {
        std::size_t slash = std::min(path.find('/', start), path.size());
        std::string_view component = std::string_view(path).substr(start, slash - start);
        if (component.empty() || component == "." || component == "..")
            bad_value(key, R"(a relative path without empty, "." and ".." components)");
        if (slash == path.size()) return path;
        start = slash + 1;
    }
}

/// A name of a file in the backup directory.
std::string file_name_of(const Json& object, std::string_view key) {
    std::string name = path_of(object, key);
    if (name.find('/') != std::string::npos) bad_value(key, "a file name");
    return name;
}

// ---- lines ----

/// Refuses other major versions before anything else of the line is looked at.
void check_version(const Json& line) {
    if (as_string(require(line, "format"), "format") != kManifestFormat)
        bad_value("format", format("\"{}\"", kManifestFormat));
    const std::string& version = as_string(require(line, "version"), "version");
    unsigned major = 0;
    unsigned minor = 0;
    const char* last = version.data() + version.size();
    auto [dot, major_error] = std::from_chars(version.data(), last, major);
    if (major_error != std::errc{} || dot == last || *dot != '.') bad_value("version", "MAJOR.MINOR");
    auto [end, minor_error] = std::from_chars(dot + 1, last, minor);
    if (minor_error != std::errc{} || end != last) bad_value("version", "MAJOR.MINOR");
    if (major != kManifestMajor)
        throw Error(Error::Kind::unsupported,
                    format("its format is version {}.{}; this program reads version {}", major, minor,
                           kManifestMajor),
                    "use a newer icecore for it; the archive itself can be restored with tar");
}

std::optional<AdoptedArchive> parse_adopted(const Json& line) {
    const Json* object = find(line, "adopted");
    if (object == nullptr) return std::nullopt;
    if (!object->is_object()) bad_value("adopted", "an object");
    AdoptedArchive adopted;
    adopted.name = as_text(require(*object, "name"), "name");
    if (find(*object, "root") != nullptr) adopted.root = path_of(*object, "root", /*root_allowed=*/true);
    adopted.damage = text_or_empty(*object, "damage");
    return adopted;
}

ManifestHeader parse_header(const Json& line) {
    check_version(line);
    ManifestHeader header;
    header.program = text_or_empty(line, "program");
    header.set = as_text(require(line, "set"), "set");
    header.host = as_text(require(line, "host"), "host");
    header.run = as_u32(require(line, "run"), "run");
    header.kind = as_name(require(line, "kind"), "kind", kKindNames);
    header.parent = u32_or(line, "parent", 0);
    if (find(line, "parent_archive") != nullptr) header.parent_archive = file_name_of(line, "parent_archive");
    header.chain = u32_or(line, "chain", 0);
    header.started = time_of(line, "started");
    header.archive_name = file_name_of(line, "archive");
    header.reason = text_or_empty(line, "reason");
    // Runs only refer back: nothing that follows parents can go in circles.
    header.interrupted = flag(line, "interrupted");
    header.adopted = parse_adopted(line);
    if (header.run == 0 || header.parent >= header.run || header.chain > header.run)
        corrupt(format("run {} cannot have the parent {} and the chain {}", header.run, header.parent,
                       header.chain));
    try {
        header.compression = parse_compression(as_string(require(line, "compression"), "compression"));
    } catch (const Error& e) {
        corrupt(e.message());
    }
    return header;
}

ManifestRename parse_rename(const Json& line) {
    return {path_of(line, "from"), path_of(line, "to")};
}

ManifestDelete parse_delete(const Json& line) {
    return {path_of(line, "path")};
}

std::uint32_t parse_mode(const Json& line) {
    const std::string& text = as_string(require(line, "mode"), "mode");
    std::uint32_t mode = 0;
    const char* last = text.data() + text.size();
    auto [end, ec] = std::from_chars(text.data(), last, mode, 8);
    if (ec != std::errc{} || end != last || mode > 07777) bad_value("mode", "octal digits up to \"7777\"");
    return mode;
}

Location parse_location(const Json& line) {
    const Json* at = find(line, "at");
    if (at == nullptr) return {};
    array_of(*at, 4, "at");
    Location location{as_u32((*at)[0], "at"), as_u32((*at)[1], "at"), as_u63((*at)[2], "at"),
                      as_u63((*at)[3], "at")};
    if (location.run == 0) bad_value("at", "the place in a run");
    return location;
}

Metadata parse_metadata(const Json& line) {
    Metadata metadata;
    metadata.acl_access = text_or_empty(line, "acl");
    metadata.acl_default = text_or_empty(line, "default_acl");
    const Json* xattrs = find(line, "xattrs");
    if (xattrs == nullptr) return metadata;
    if (!xattrs->is_object()) bad_value("xattrs", "an object");
    metadata.xattrs.reserve(xattrs->size());
    for (const auto& [key, value] : xattrs->items()) {
        std::string name = unescape(key, "xattrs");
        auto bytes = from_hex(as_string(value, "xattrs"));
        if (name.empty() || !bytes) bad_value("xattrs", "made of names and hexadecimal values");
        metadata.xattrs.emplace_back(std::move(name), *std::move(bytes));
    }
    // Sorted as bytes: the escaped form may sort otherwise, and two escapes may spell one name.
    std::sort(metadata.xattrs.begin(), metadata.xattrs.end());
    auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
    if (std::adjacent_find(metadata.xattrs.begin(), metadata.xattrs.end(), same_name) !=
        metadata.xattrs.end())
        bad_value("xattrs", "free of doubles");
    return metadata;
}

FileStat parse_stat(const Json& line) {
    FileStat stat;
    stat.type = as_name(require(line, "type"), "type", kTypeNames);
    stat.mode = parse_mode(line);
    stat.uid = u32_or(line, "uid", 0);
    stat.gid = u32_or(line, "gid", 0);
    if (const Json* size = find(line, "size")) stat.size = as_u63(*size, "size");
    stat.mtime = time_of(line, "mtime");
    stat.ctime = time_of(line, "ctime");
    if (const Json* ino = find(line, "ino"))
        stat.ino = as_number<std::uint64_t>(*ino, "ino", std::numeric_limits<std::uint64_t>::max());
    stat.nlink = u32_or(line, "nlink", 1);
    if (const Json* rdev = find(line, "rdev")) {
        array_of(*rdev, 2, "rdev");
        stat.rdev_major = as_u32((*rdev)[0], "rdev");
        stat.rdev_minor = as_u32((*rdev)[1], "rdev");
    }
    return stat;
}

ManifestEntry parse_entry(const Json& line) {
    ManifestEntry entry;
    entry.path = path_of(line, "path", /*root_allowed=*/true);
    entry.stat = parse_stat(line);
    entry.link_target = text_or_empty(line, "target");
    if (find(line, "link") != nullptr) entry.link_path = path_of(line, "link");
    entry.sha256 = digest_or_none(line, "sha256");
    entry.metadata = parse_metadata(line);
    const Json* stored = find(line, "stored");
    entry.stored =
        stored != nullptr ? as_name(*stored, "stored", kStoredNames) : default_stored(entry.stat.type);
    if ((entry.stored == Stored::link) != !entry.link_path.empty())
        corrupt(R"("link" and "stored":"link" must stand together)");
    entry.location = parse_location(line);
    entry.racy = flag(line, "racy");
    entry.unstable = flag(line, "unstable");
    entry.coarse = flag(line, "coarse");
    return entry;
}

ManifestFrames parse_frames(const Json& line) {
    ManifestFrames frames;
    frames.volume = as_u32(require(line, "volume"), "volume");
    const Json& sizes = require(line, "sizes");
    if (!sizes.is_array() || sizes.size() > kVolumeFramesMax)
        bad_value("sizes", format("an array of up to {} frames", kVolumeFramesMax));
    frames.frames.reserve(sizes.size());
    for (const Json& pair : sizes) {
        array_of(pair, 2, "sizes");
        FrameSize frame{as_u32(pair[0], "sizes"), as_number<std::uint32_t>(pair[1], "sizes", kFrameBytesMax)};
        if (frame.raw_bytes == 0 || frame.stored_bytes == 0 ||
            frame.stored_bytes > stored_bytes_max(frame.raw_bytes))
            bad_value("sizes", "made of sizes that a frame can have");
        frames.frames.push_back(frame);
    }
    return frames;
}

ManifestError parse_error(const Json& line) {
    return {path_of(line, "path", /*root_allowed=*/true), as_text(require(line, "message"), "message")};
}

VolumeInfo parse_volume(const Json& object) {
    VolumeInfo volume;
    volume.number = as_u32(require(object, "number"), "number");
    volume.name = file_name_of(object, "name");
    volume.stored_bytes = as_u63(require(object, "stored_bytes"), "stored_bytes");
    volume.raw_bytes = as_u63(require(object, "raw_bytes"), "raw_bytes");
    volume.sha256 = digest_or_none(object, "sha256");
    volume.tree_hash = digest_or_none(object, "tree_hash");
    return volume;
}

ManifestTrailer parse_trailer(const Json& line) {
    ManifestTrailer trailer;
    trailer.finished = time_of(line, "finished");
    const Json& counts = require(line, "counts");
    if (!counts.is_object()) bad_value("counts", "an object");
    for (const auto& [name, member] : kCountNames)
        if (const Json* count = find(counts, name)) trailer.counts.*member = as_u63(*count, name);
    const Json& volumes = require(line, "volumes");
    if (!volumes.is_array()) bad_value("volumes", "an array");
    trailer.volumes.reserve(volumes.size());
    for (const Json& object : volumes) {
        if (!object.is_object()) bad_value("volumes", "made of objects");
        VolumeInfo volume = parse_volume(object);
        if (volume.number != trailer.volumes.size()) bad_value("number", "counting up from 0");
        trailer.volumes.push_back(std::move(volume));
    }
    return trailer;
}

/// The longest good line is a full volume's frames: an array of kVolumeFramesMax pairs.
Json parse_line(std::string_view line) {
    if (line.size() > kManifestLineBytesMax) corrupt("it is longer than 64 MiB");
    return parse_json(line, std::size_t{4} * kVolumeFramesMax);
}

}  // namespace

std::optional<ManifestLine> parse_manifest_line(std::string_view line) {
    Json json = parse_line(line);
    if (!json.is_object()) corrupt("not a JSON object");
    const std::string& type = as_string(require(json, "line"), "line");
    if (type == "entry") return parse_entry(json);
    if (type == "rename") return parse_rename(json);
    if (type == "delete") return parse_delete(json);
    if (type == "header") return parse_header(json);
    if (type == "frames") return parse_frames(json);
    if (type == "volume") return parse_volume(json);
    if (type == "anew") return ManifestAnew{path_of(json, "path")};
    if (type == "error") return parse_error(json);
    if (type == "trailer") return parse_trailer(json);
    return std::nullopt;
}

}  // namespace icecore::archive
