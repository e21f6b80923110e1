#include "sim/glacier/inventory.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/text.h"
#include "sim/glacier/call.h"
#include "sim/glacier/state_json.h"

namespace icecore::sim::glacier {
namespace {

/// A file written whole or not at all.
class NewFile {
  public:
    explicit NewFile(std::string path) : path_(std::move(path)), out_(path_ + ".partial", std::ios::binary) {}
    void write(std::string_view text) {
        out_ << text;
        size_bytes_ += text.size();
    }
    void commit() {
        out_.close();
        if (!out_) throw Error(Error::Kind::io, "writing " + path_);
        if (std::rename((path_ + ".partial").c_str(), path_.c_str()) != 0)
            throw_errno("renaming to " + path_);
    }
    std::uint64_t size_bytes() const { return size_bytes_; }

  private:
    std::string path_;
    std::ofstream out_;
    std::uint64_t size_bytes_ = 0;
};

bool wanted(const Archive& archive, const InventoryQuery& query) {
    return (!query.start || archive.created >= *query.start) && (!query.end || archive.created < *query.end);
}

/// The place of an archive in the order of the inventory: by creation, then id.
std::string place(const Archive& archive) {
    return format_iso_utc(archive.created) + " " + archive.id;
}

std::string to_marker(const Archive& archive) {
    return to_hex(place(archive));
}

/// The place after which a marker lets the inventory go on.
std::pair<Timestamp, std::string> from_marker(const std::string& marker) {
    std::string text = from_hex(marker).value_or("");
    std::size_t blank = text.find(' ');
    std::optional<Timestamp> created = parse_utc(text.substr(0, blank));
    if (blank == std::string::npos || !created) invalid("Invalid marker: " + marker);
    return {*created, text.substr(blank + 1)};
}

/// A field in quotes, as the service writes it: inner quotes are escaped, backslashes are not.
std::string csv_field(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string csv_line(const Archive& archive) {
    return format("{},{},{},{},{}\n", archive.id, csv_field(archive.description), api_time(archive.created),
                  archive.size_bytes, archive.tree_hash.hex());
}

std::string json_entry(const Archive& archive) {
    Json entry = {{"ArchiveId", archive.id},
                  {"ArchiveDescription", archive.description},
                  {"CreationDate", api_time(archive.created)},
                  {"Size", archive.size_bytes},
                  {"SHA256TreeHash", archive.tree_hash.hex()}};
    return entry.dump();
}

}  // namespace

void take_inventory(Storage& storage, Vault& vault, Timestamp when) {
    std::vector<const Archive*> archives;
    for (const auto& [id, archive] : vault.archives)
        if (!archive.deleted) archives.push_back(&archive);
    std::sort(archives.begin(), archives.end(), [](const Archive* a, const Archive* b) {
        return std::tie(a->created, a->id) < std::tie(b->created, b->id);
    });
    InventorySummary summary{when};
    NewFile file(storage.inventory_path(vault));
    for (const Archive* archive : archives) {
        file.write(archive_to_json(*archive).dump() + "\n");
        ++summary.archives;
        summary.size_bytes += archive->size_bytes + kOverheadBytes;
    }
    file.commit();
    vault.inventory = summary;
}

InventoryOutput write_inventory(const Storage& storage, const Vault& vault, const std::string& arn,
                                const InventoryQuery& query, const std::string& path) {
    CHECK(vault.inventory);
    std::optional<std::pair<Timestamp, std::string>> marker;
    if (!query.marker.empty()) marker = from_marker(query.marker);
    bool json = query.format == "JSON";
    NewFile file(path);
    if (json)
        file.write(format("{{\"VaultARN\":\"{}\",\"InventoryDate\":\"{}\",\"ArchiveList\":[", arn,
                          api_time(vault.inventory->date)));
    else
        file.write("ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash\n");
    InventoryOutput out;
    std::uint64_t count = 0;
    std::string last;
    std::ifstream in(storage.inventory_path(vault), std::ios::binary);
    for (std::string line; std::getline(in, line);) {
        Archive archive = archive_from_json(parse_json(line));
        if (!wanted(archive, query)) continue;
        if (marker && std::tie(archive.created, archive.id) <= std::tie(marker->first, marker->second))
            continue;
        if (query.limit && count == *query.limit) {
            out.next_marker = last;
            break;
        }
        file.write((json && count > 0 ? "," : "") + (json ? json_entry(archive) : csv_line(archive)));
        last = to_marker(archive);
        ++count;
    }
    if (json) file.write("]}");
    file.commit();
    out.size_bytes = file.size_bytes();
    return out;
}

}  // namespace icecore::sim::glacier
