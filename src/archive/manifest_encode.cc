#include <array>
#include <tuple>

#include "archive/manifest_names.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/text.h"

namespace icecore::archive {
namespace {

template <typename E, std::size_t N>
void put_name(JsonWriter& json, std::string_view key, const NameTable<E, N>& table, E value) {
    std::string_view name = name_of(table, value);
    CHECK(!name.empty());
    json.key(key).string(name);
}

/// Every text goes through escape_path: host names and messages may hold any byte, too.
void put_text(JsonWriter& json, std::string_view key, std::string_view text) {
    json.key(key).path(text);
}

void put_text_if_any(JsonWriter& json, std::string_view key, std::string_view text) {
    if (!text.empty()) put_text(json, key, text);
}

void put_number_unless(JsonWriter& json, std::string_view key, std::uint64_t value, std::uint64_t fallback) {
    if (value != fallback) json.field(key, value);
}

void put_time(JsonWriter& json, std::string_view key, Timestamp time) {
    json.key(key).begin_array().number(time.sec).number(std::uint64_t{time.nsec}).end_array();
}

void put_digest(JsonWriter& json, std::string_view key, const Digest& digest) {
    if (!digest.empty()) json.field(key, digest.hex());
}

void put_mode(JsonWriter& json, std::uint32_t mode) {
    CHECK(mode <= 07777);
    std::array<char, 4> digits{};
    for (std::size_t i = 0; i < 4; ++i) digits[i] = static_cast<char>('0' + (mode >> (9 - 3 * i) & 7));
    json.key("mode").string({digits.data(), digits.size()});
}

void put_metadata(JsonWriter& json, const Metadata& metadata) {
    if (!metadata.xattrs.empty()) {
        json.key("xattrs").begin_object();
        for (const auto& [name, value] : metadata.xattrs) {
            json.key(escape_path(name)).string(to_hex(value));
        }
        json.end_object();
    }
    put_text_if_any(json, "acl", metadata.acl_access);
    put_text_if_any(json, "default_acl", metadata.acl_default);
}

void put_location(JsonWriter& json, const Location& location) {
    if (location == Location{}) return;
    json.key("at").begin_array();
    json.number(std::uint64_t{location.run}).number(std::uint64_t{location.volume});
    json.number(location.offset).number(location.length_bytes);
    json.end_array();
}

void put_line(JsonWriter& json, const ManifestHeader& header) {
    json.field("line", "header");
    json.field("format", kManifestFormat);
    json.field("version", format("{}.{}", kManifestMajor, kManifestMinor));
    put_text(json, "program", header.program);
    put_text(json, "set", header.set);
    put_text(json, "host", header.host);
    json.field("run", header.run);
    put_name(json, "kind", kKindNames, header.kind);
    put_number_unless(json, "parent", header.parent, 0);
    put_text_if_any(json, "parent_archive", header.parent_archive);
    put_number_unless(json, "chain", header.chain, 0);
    put_time(json, "started", header.started);
    put_text(json, "archive", header.archive_name);
    json.field("compression", to_string(header.compression));
    put_text_if_any(json, "reason", header.reason);
    if (header.interrupted) json.field("interrupted", true);
    if (!header.adopted) return;
    json.key("adopted").begin_object();
    put_text(json, "name", header.adopted->name);
    put_text_if_any(json, "root", header.adopted->root);
    put_text_if_any(json, "damage", header.adopted->damage);
    json.end_object();
}

void put_line(JsonWriter& json, const ManifestRename& rename) {
    json.field("line", "rename");
    put_text(json, "from", rename.from);
    put_text(json, "to", rename.to);
}

void put_line(JsonWriter& json, const ManifestDelete& deletion) {
    json.field("line", "delete");
    put_text(json, "path", deletion.path);
}

void put_line(JsonWriter& json, const ManifestAnew& anew) {
    json.field("line", "anew");
    put_text(json, "path", anew.path);
}

void put_line(JsonWriter& json, const ManifestEntry& entry) {
    CHECK((entry.stored == Stored::link) == !entry.link_path.empty());
    const FileStat& stat = entry.stat;
    json.field("line", "entry");
    put_text(json, "path", entry.path);
    put_name(json, "type", kTypeNames, stat.type);
    put_mode(json, stat.mode);
    put_number_unless(json, "uid", stat.uid, 0);
    put_number_unless(json, "gid", stat.gid, 0);
    put_number_unless(json, "size", stat.size, 0);
    put_time(json, "mtime", stat.mtime);
    put_time(json, "ctime", stat.ctime);
    put_number_unless(json, "ino", stat.ino, 0);
    put_number_unless(json, "nlink", stat.nlink, 1);
    if (stat.rdev_major != 0 || stat.rdev_minor != 0) {
        json.key("rdev")
            .begin_array()
            .number(std::uint64_t{stat.rdev_major})
            .number(std::uint64_t{stat.rdev_minor});
        json.end_array();
    }
    put_text_if_any(json, "target", entry.link_target);
    put_text_if_any(json, "link", entry.link_path);
    put_digest(json, "sha256", entry.sha256);
    put_metadata(json, entry.metadata);
    if (entry.stored != default_stored(stat.type)) put_name(json, "stored", kStoredNames, entry.stored);
    put_location(json, entry.location);
    if (entry.racy) json.field("racy", true);
    if (entry.unstable) json.field("unstable", true);
    if (entry.coarse) json.field("coarse", true);
}

void put_line(JsonWriter& json, const ManifestFrames& frames) {
    json.field("line", "frames");
    json.field("volume", frames.volume);
    json.key("sizes").begin_array();
    for (const FrameSize& frame : frames.frames)
        json.begin_array()
            .number(std::uint64_t{frame.stored_bytes})
            .number(std::uint64_t{frame.raw_bytes})
            .end_array();
    json.end_array();
}

void put_volume(JsonWriter& json, const VolumeInfo& volume) {
    json.field("number", volume.number);
    put_text(json, "name", volume.name);
    json.field("stored_bytes", volume.stored_bytes);
    json.field("raw_bytes", volume.raw_bytes);
    put_digest(json, "sha256", volume.sha256);
    put_digest(json, "tree_hash", volume.tree_hash);
}

void put_line(JsonWriter& json, const VolumeInfo& volume) {
    json.field("line", "volume");
    put_volume(json, volume);
}

void put_line(JsonWriter& json, const ManifestError& error) {
    json.field("line", "error");
    put_text(json, "path", error.path);
    put_text(json, "message", error.message);
}

void put_line(JsonWriter& json, const ManifestTrailer& trailer) {
    json.field("line", "trailer");
    put_time(json, "finished", trailer.finished);
    json.key("counts").begin_object();
    for (const auto& [name, member] : kCountNames) put_number_unless(json, name, trailer.counts.*member, 0);
    json.end_object();
    json.key("volumes").begin_array();
    for (std::size_t i = 0; i < trailer.volumes.size(); ++i) {
        const VolumeInfo& volume = trailer.volumes[i];
        CHECK(volume.number == i);
        json.begin_object();
        put_volume(json, volume);
        json.end_object();
    }
    json.end_array();
}

template <typename Line>
void append_line(const Line& line, std::string& out) {
    JsonWriter json(out);
    json.begin_object();
    put_line(json, line);
    json.end_object();
    out += '\n';
}

}  // namespace

bool ManifestEntry::operator==(const ManifestEntry& other) const {
    auto stored_stat = [](const FileStat& s) {
        return std::tie(s.type, s.mode, s.uid, s.gid, s.size, s.mtime, s.ctime, s.ino, s.nlink, s.rdev_major,
                        s.rdev_minor);
    };
    return path == other.path && stored_stat(stat) == stored_stat(other.stat) &&
           link_target == other.link_target && link_path == other.link_path && sha256 == other.sha256 &&
           metadata == other.metadata && stored == other.stored && location == other.location &&
           racy == other.racy && unstable == other.unstable && coarse == other.coarse;
}

void append_manifest_line(const ManifestEntry& entry, std::string& out) {
    append_line(entry, out);
}

void append_manifest_line(const ManifestLine& line, std::string& out) {
    std::visit([&](const auto& l) { append_line(l, out); }, line);
}

std::string encode_manifest_line(const ManifestLine& line) {
    std::string out;
    append_manifest_line(line, out);
    return out;
}

}  // namespace icecore::archive
