#include "engine/plan.h"

namespace icecore::engine {
namespace {

void encode_old(const OldVersion& old, RecordWriter& out) {
    out.stat(old.stat).text(old.link_target).digest(old.sha256).text(old.metadata).location(old.location);
    out.number((old.sparse ? 1U : 0U) | (old.racy ? 2U : 0U) | (old.coarse ? 4U : 0U));
}

OldVersion decode_old(RecordReader& in) {
    OldVersion old;
    old.stat = in.stat();
    old.link_target = in.text();
    old.sha256 = in.digest();
    old.metadata = in.text();
    old.location = in.location();
    std::uint64_t flags = in.number();
    old.sparse = (flags & 1) != 0;
    old.racy = (flags & 2) != 0;
    old.coarse = (flags & 4) != 0;
    return old;
}

}  // namespace

void encode(const PlannedFile& file, RecordWriter& out) {
    out.clear();
    out.number(file.sequence).text(file.name).stat(file.stat);
    out.number(static_cast<std::uint64_t>(file.action)).number(static_cast<std::uint64_t>(file.change));
    out.number((file.old ? 1U : 0U) | (file.replaced ? 2U : 0U));
    if (file.replaced) out.number(*file.replaced);
    if (file.old) encode_old(*file.old, out);
}

PlannedFile decode_file(std::string_view record) {
    RecordReader in(record);
    PlannedFile file;
    file.sequence = in.number();
    file.name = in.text();
    file.stat = in.stat();
    file.action = static_cast<Action>(in.number());
    file.change = static_cast<Change>(in.number());
    std::uint64_t flags = in.number();
    if ((flags & 2) != 0) file.replaced = in.number();
    if ((flags & 1) != 0) file.old = decode_old(in);
    return file;
}

void encode(const PlannedDirectory& directory, RecordWriter& out) {
    out.clear();
    out.text(directory.path).stat(directory.stat).text(directory.dumpdir).number(directory.file_count);
    out.number(static_cast<std::uint64_t>(directory.change));
    out.number((directory.metadata_from_old ? 1U : 0U) | (directory.only_if_needed ? 2U : 0U) |
               (directory.keeps_attributes ? 4U : 0U));
    out.text(directory.old_metadata).number(directory.deep_unit);
}

PlannedDirectory decode_directory(std::string_view record) {
    RecordReader in(record);
    PlannedDirectory directory;
    directory.path = in.text();
    directory.stat = in.stat();
    directory.dumpdir = in.text();
    directory.file_count = in.number();
    directory.change = static_cast<Change>(in.number());
    std::uint64_t flags = in.number();
    directory.metadata_from_old = (flags & 1) != 0;
    directory.keeps_attributes = (flags & 4) != 0;
    directory.only_if_needed = (flags & 2) != 0;
    directory.old_metadata = in.text();
    directory.deep_unit = static_cast<std::uint32_t>(in.number());
    return directory;
}

void encode(const VanishedName& name, RecordWriter& out) {
    out.clear();
    out.number(static_cast<std::uint64_t>(name.kind)).text(name.path).text(name.old_path);
    encode_old(name.old, out);
}

VanishedName decode_vanished(std::string_view record) {
    RecordReader in(record);
    VanishedName name;
    name.kind = static_cast<VanishedName::Kind>(in.number());
    name.path = in.text();
    name.old_path = in.text();
    name.old = decode_old(in);
    return name;
}

void encode(const PlanEvent& event, RecordWriter& out) {
    out.clear();
    out.number(static_cast<std::uint64_t>(event.kind)).text(event.path).text(event.text);
}

PlanEvent decode_event(std::string_view record) {
    RecordReader in(record);
    PlanEvent event;
    event.kind = static_cast<PlanEvent::Kind>(in.number());
    event.path = in.text();
    event.text = in.text();
    return event;
}

void Plan::restart() {
    for (Spool* spool : {&directories, &files, &vanished, &vanished_directories, &events}) spool->clear();
    work = std::make_unique<catalog::WorkTables>();
    deep_units.clear();
    deep_removals.clear();
    deep_obstacles = false;
    made_anew.clear();
    made_anew_at.clear();
    moves_into_new.clear();
    counts = {};
    read_files = read_bytes = 0;
}

OldVersion to_old_version(const catalog::Entry& entry) {
    return {entry.stat,     entry.link_target, entry.sha256, entry.metadata,
            entry.location, entry.sparse,      entry.racy,   entry.coarse};
}

Timestamp comparable_mtime(Timestamp recorded, bool coarse, Timestamp now) {
    return coarse && recorded.sec == now.sec ? now : recorded;
}

}  // namespace icecore::engine
