#include "snapshot/ledger.h"

#include <array>
#include <sstream>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "snapshot/name.h"

namespace icecore::snapshot {
namespace {

constexpr std::size_t kFields = 4;

/// kind, name, where, id; between tabs, escaped.
std::string encode(const Note& note) {
    return format("{}\t{}\t{}\t{}\n", kind_name(note.kind), note.name, escape_path(note.where), note.id);
}

std::optional<Note> decode(const std::string& line) {
    std::array<std::string, kFields> fields;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < kFields; ++i) {
        std::size_t end = i + 1 < kFields ? line.find('\t', begin) : line.size();
        if (end == std::string::npos) return std::nullopt;
        fields[i] = line.substr(begin, end - begin);
        begin = end + 1;
    }
    std::optional<Kind> kind = parse_kind(fields[0]);
    std::optional<std::string> where = unescape_path(fields[2]);
    if (!kind || *kind == Kind::none || !is_name(fields[1]) || !where) return std::nullopt;
    return Note{.kind = *kind, .name = fields[1], .where = *where, .id = fields[3]};
}

}  // namespace

std::vector<Note> read_ledger(const std::string& backup_dir) {
    std::string path = join_path(backup_dir, kLedgerName);
    std::vector<Note> notes;
    if (!path_exists(path)) return notes;
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);) {
        std::optional<Note> note = decode(line);
        if (!note)
            throw Error(Error::Kind::corrupt, format("{} is damaged", path),
                        "it names snapshots that are to be removed; look for them, then delete the file");
        notes.push_back(std::move(*note));
    }
    return notes;
}

void write_ledger(FileSystem& fs, const std::string& backup_dir, const std::vector<Note>& notes) {
    if (notes.empty()) return fs.remove(backup_dir, std::string(kLedgerName));
    std::string text;
    for (const Note& note : notes) text += encode(note);
    write_file_durably(fs, backup_dir, std::string(kLedgerName), text, true);
}

}  // namespace icecore::snapshot
