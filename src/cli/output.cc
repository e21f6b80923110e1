#include "cli/output.h"

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/messages.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

}  // namespace

void JsonOutput::flush_some() {
    if (buffer_.size() < kBufferBytes) return;
    out_ << buffer_;
    buffer_.clear();
}

void JsonOutput::finish() {
    out_ << buffer_ << '\n';
    buffer_.clear();
}

void write_run_fields(JsonWriter& json, const archive::ManifestHeader& header,
                      const archive::ManifestTrailer& trailer) {
    const archive::RunCounts& counts = trailer.counts;
    json.field("run", header.run).field("kind", kind_name(header.kind)).field("chain", header.chain);
    json.field("parent", header.parent);
    json.key("started").time(header.started);
    json.key("finished").time(trailer.finished);
    json.key("host").path(header.host);
    json.field("program", header.program).key("reason").path(header.reason);
    json.field("interrupted", header.interrupted);
    if (header.adopted) {
        json.key("adopted").begin_object().key("name").path(header.adopted->name);
        json.key("root").path(header.adopted->root);
        json.field("damage", printable(header.adopted->damage)).end_object();
    }
    json.key("archive").path(header.archive_name);
    json.field("files", counts.files).field("directories", counts.directories);
    json.field("added", counts.added).field("changed", counts.changed).field("deleted", counts.deleted);
    json.field("renamed", counts.renamed).field("excluded", counts.excluded).field("errors", counts.errors);
    json.field("tree_bytes", counts.tree_bytes).field("read_bytes", counts.read_bytes);
    json.field("stored_bytes", counts.stored_bytes);
    json.key("volumes").begin_array();
    for (const archive::VolumeInfo& volume : trailer.volumes) {
        json.begin_object().key("name").path(volume.name);
        json.field("stored_bytes", volume.stored_bytes).field("raw_bytes", volume.raw_bytes);
        json.field("sha256", volume.sha256.hex()).field("tree_hash", volume.tree_hash.hex());
        json.end_object();
    }
    json.end_array();
}

void write_entry_fields(JsonWriter& json, const catalog::Entry& entry) {
    const FileStat& stat = entry.stat;
    json.field("type", type_name(stat.type)).field("mode", format("{:04o}", stat.mode));
    json.field("uid", stat.uid).field("gid", stat.gid).field("size", stat.size);
    json.key("mtime").time(stat.mtime);
    if (stat.type == FileType::symlink) json.key("target").path(entry.link_target);
    if (!entry.sha256.empty()) json.field("sha256", entry.sha256.hex());
    if (stat.type == FileType::char_device || stat.type == FileType::block_device) {
        json.field("major", stat.rdev_major).field("minor", stat.rdev_minor);
    }
}

std::string mode_text(const FileStat& stat) {
    std::string text(1, stat.type == FileType::regular ? '-' : static_cast<char>(stat.type));
    for (int shift = 6; shift >= 0; shift -= 3) {
        std::uint32_t bits = stat.mode >> shift;
        text += (bits & 4) != 0 ? 'r' : '-';
        text += (bits & 2) != 0 ? 'w' : '-';
        text += (bits & 1) != 0 ? 'x' : '-';
    }
    auto mark = [&](std::uint32_t bit, std::size_t at, char set, char bare) {
        if ((stat.mode & bit) != 0) text[at] = text[at] == 'x' ? set : bare;
    };
    mark(04000, 3, 's', 'S');
    mark(02000, 6, 's', 'S');
    mark(01000, 9, 't', 'T');
    return text;
}

std::string_view type_name(FileType type) {
    switch (type) {
        case FileType::regular:
            return "regular";
        case FileType::directory:
            return "directory";
        case FileType::symlink:
            return "symlink";
        case FileType::fifo:
            return "fifo";
        case FileType::char_device:
            return "char_device";
        case FileType::block_device:
            return "block_device";
        case FileType::socket:
            return "socket";
    }
    return "unknown";
}

std::string_view kind_name(archive::RunKind kind) {
    return kind == archive::RunKind::full ? "full" : "incremental";
}

std::string shown_path(std::string_view path) {
    return path.empty() ? "." : printable(escape_path(path));
}

}  // namespace icecore::cli
