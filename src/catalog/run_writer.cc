#include "catalog/run_writer.h"

#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "catalog/version_codec.h"

namespace icecore::catalog {
namespace {

constexpr std::uint32_t kNanosecondsEnd = 1'000'000'000;

/// Checks what the header says of the run's place in its chain; gives the chain's root node, 0 for a full
/// run.
NodeId check_header(Catalog::Database& db, const archive::ManifestHeader& header) {
    auto error = [&](std::string_view why) {
        return Error(Error::Kind::corrupt, format("recording run {}: {}", header.run, why));
    };
    if (header.run == 0 || header.run >= kForever) throw error("its number is out of range");
    if (db.run_row(header.run))
        throw Error(Error::Kind::exists, format("run {} is recorded already", header.run));
    if (header.kind == RunKind::full) {
        if (header.parent != 0 || header.chain != header.run)
            throw error("a full run begins a chain of its own");
        return 0;
    }
    auto parent = db.run_row(header.parent);
    if (!parent)
        throw error(format("it is incremental on run {}, which is not in the catalogue", header.parent));
    if (!header.parent_archive.empty() && header.parent_archive != parent->run.header.archive_name)
        throw error(format("it is incremental on {}, and run {} is another one: {}", header.parent_archive,
                           header.parent, parent->run.header.archive_name));
    if (header.chain != parent->run.header.chain) throw error("its parent belongs to another chain");
    if (header.run < header.parent || db.last_of_chain(header.chain) != header.parent)
        throw error(format("its parent, run {}, is not the last of its chain", header.parent));
    return parent->root;
}

}  // namespace

bool is_component(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('\0') == std::string_view::npos;
}

void PathCache::shrink_to(std::string_view dir) {
    while (!is_below(dir, path_)) {
        levels_.pop_back();
        path_.resize(levels_.back().path_bytes);
    }
}

void PathCache::push(std::string_view name, NodeId node) {
    if (!path_.empty()) path_ += '/';
    path_ += name;
    levels_.push_back({node, path_.size()});
}

RunWriter::State::State(Catalog::Database& database, archive::ManifestHeader run_header, NodeId root_node)
    : db(database),
      header(std::move(run_header)),
      root(root_node),
      cache(root_node),
      child_(database.lease(Query::child)),
      insert_(database.lease(Query::insert_entry)),
      close_(database.lease(Query::close_entry)),
      delete_(database.lease(Query::delete_entry)) {
    db.writing = true;
}

RunWriter::State::~State() {
    if (committed) return;
    db.connection->rollback();
    db.writing = false;
}

std::optional<RunWriter::State::Current> RunWriter::State::find_current(NodeId parent,
                                                                        std::string_view name) {
    child_->bind(1, parent).bind(2, name).bind(3, header.run);
    std::optional<Current> current;
    if (child_->step())
        current = Current{.added = db.run_in(*child_, column::kAdded),
                          .node = db.node_of(*child_),
                          .reserved = child_->is_null(column::kVersion)};
    child_->reset();
    return current;
}

std::optional<NodeId> RunWriter::State::find_directory(std::string_view dir) {
    cache.shrink_to(dir);
    while (cache.path() != dir) {
        std::string_view rest = dir.substr(cache.path().empty() ? 0 : cache.path().size() + 1);
        std::string_view name = rest.substr(0, rest.find('/'));
        auto current = find_current(cache.node(), name);
        if (name.empty() || !current || current->node == 0) return std::nullopt;
        cache.push(name, current->node);
    }
    return cache.node();
}

NodeId RunWriter::State::make_directory(std::string_view dir) {
    cache.shrink_to(dir);
    while (cache.path() != dir) {
        std::string_view rest = dir.substr(cache.path().empty() ? 0 : cache.path().size() + 1);
        std::string_view name = rest.substr(0, rest.find('/'));
        if (!is_component(name)) refuse(dir, "this is no path");
        auto current = find_current(cache.node(), name);
        if (!current || current->node == 0) {
            if (current) close({cache.node(), name}, current->added);
            current = Current{.added = header.run, .node = db.next_node++, .reserved = true};
            insert({cache.node(), name}, current->node, 0, std::nullopt);
            ++reserved_count;
        }
        cache.push(name, current->node);
    }
    return cache.node();
}

RunWriter::State::Place RunWriter::State::place_of(std::string_view path) {
    std::string_view name = base_name(path);
    if (!is_component(name)) refuse(path, "this is no path");
    auto parent = find_directory(parent_path(path));
    if (!parent) refuse(path, "its directory is not in the tree");
    return {*parent, name};
}

RunWriter::State::Place RunWriter::State::new_place_of(std::string_view path) {
    std::string_view name = base_name(path);
    if (!is_component(name)) refuse(path, "this is no path");
    return {make_directory(parent_path(path)), name};
}

void RunWriter::State::close(const Place& place, RunNumber row_added) {
    if (row_added == header.run) {
        delete_->bind(1, place.parent).bind(2, place.name).bind(3, row_added).run();
    } else {
        close_->bind(1, place.parent).bind(2, place.name).bind(3, row_added).bind(4, header.run).run();
    }
}

void RunWriter::State::insert(const Place& place, NodeId node, std::uint64_t ino,
                              std::optional<std::string_view> version) {
    insert_->bind(1, place.parent).bind(2, place.name).bind(3, header.run);
    if (node != 0)
        insert_->bind(4, node).bind(5, sql::to_signed(ino));
    else
        insert_->bind_null(4).bind_null(5);
    if (version)
        insert_->bind(6, *version);
    else
        insert_->bind_null(6);
    insert_->run();
}

void RunWriter::State::refuse(std::string_view path, std::string_view why) const {
    throw Error(Error::Kind::corrupt,
                format("recording run {}: \"{}\": {}", header.run, escape_path(path), why));
}

void RunWriter::State::remove(std::string_view path) {
    if (path.empty()) refuse(path, "the root cannot be deleted");
    Place place = place_of(path);
    auto current = find_current(place.parent, place.name);
    if (!current) refuse(path, "it is to be deleted and not in the tree");
    if (current->reserved) refuse(path, "it is to be deleted and needed for a rename");
    close(place, current->added);
}

/// Where the content of a name is that has none of its own in this run. A hard link has that of the name that
/// it links to; what is said to lie in an earlier run's archive is described by the row that this line
/// replaces.
RunWriter::State::Content RunWriter::State::content_of(const archive::ManifestEntry& entry) {
    Content content{entry.location, entry.sha256, entry.stored == Stored::sparse, entry.link_target,
                    encode_metadata(entry.metadata)};
    if (entry.stored != Stored::link && entry.stored != Stored::earlier) return content;
    const bool is_link = entry.stored == Stored::link;
    Place place = place_of(is_link ? entry.link_path : entry.path);
    auto current = db.find_child(place.parent, place.name, header.run);
    if (is_link) {
        if (!current || current->node != 0)
            refuse(entry.path, "it is a hard link to a file that is not in the tree");
        return {current->location, current->sha256, current->sparse, current->link_target, current->metadata};
    }
    content.sparse = current && current->location == entry.location && current->sparse;
    return content;
}

void RunWriter::State::put(const archive::ManifestEntry& entry) {
    const bool is_root = entry.path.empty();
    const bool is_directory = entry.stat.type == FileType::directory;
    if (is_root && !is_directory) refuse(entry.path, "the root is a directory");
    if (entry.stat.mtime.nsec >= kNanosecondsEnd || entry.stat.ctime.nsec >= kNanosecondsEnd)
        refuse(entry.path, "a time is out of range");

    const Content content = content_of(entry);  // first: it moves the cache away
    Place place{-root, {}};
    if (is_root)
        cache.shrink_to({});
    else
        place = new_place_of(entry.path);

    NodeId node = 0;
    // In a full run there is nothing earlier, and a file put twice simply replaces its row.
    if (is_directory || header.kind == RunKind::incremental) {
        auto current = find_current(place.parent, place.name);
        if (is_directory) node = current && current->node != 0 ? current->node : db.next_node++;
        if (current && current->added != header.run) close(place, current->added);
        if (current && current->reserved && !is_directory)
            refuse(entry.path, "a rename needs a directory here");
        if (current && current->reserved) --reserved_count;
    }
    pack_version(entry.stat, content.link_target, content.sha256, content.metadata, content.location,
                 {content.sparse, entry.racy, entry.coarse}, packed);
    insert(place, node, entry.stat.ino, packed);
    if (is_directory && !is_root) cache.push(place.name, node);
}

void RunWriter::State::commit(const archive::ManifestTrailer& trailer) {
    if (reserved_count != 0)
        throw Error(Error::Kind::corrupt,
                    format("recording run {}: directories without an entry: {}", header.run, reserved_count));
    db.insert_run({.run = {header, trailer}, .root = root, .node_limit = db.next_node});
    db.connection->exec("COMMIT");
    committed = true;
    db.writing = false;
}

std::unique_ptr<RunWriter> Catalog::begin_run(const archive::ManifestHeader& header) {
    CHECK(!db_->writing);
    db_->connection->exec("BEGIN IMMEDIATE");
    try {
        NodeId root_node = check_header(*db_, header);
        db_->next_node = db_->node_limit();
        const bool full = root_node == 0;
        if (full) root_node = db_->next_node++;
        auto state = std::make_unique<RunWriter::State>(*db_, header, root_node);
        if (full) {
            state->insert({-root_node, {}}, root_node, 0, std::nullopt);
            state->reserved_count = 1;
        }
        return std::unique_ptr<RunWriter>(new RunWriter(std::move(state)));
    } catch (...) {
        db_->connection->rollback();
        throw;
    }
}

namespace {

/// Runs one step. After an Error the transaction may be gone (SQLite rolls back by itself when the disk is
/// full), and what followed would be written outside of it: the writer is finished then.
template <typename Step>
void guarded(RunWriter::State& state, Step step) {
    CHECK(!state.committed);
    if (state.failed)
        throw Error(Error::Kind::invalid, format("recording run {} has failed before", state.header.run));
    state.failed = true;
    step();
    state.failed = false;
}

}  // namespace

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::~RunWriter() = default;

void RunWriter::rename(const archive::ManifestRename& rename) {
    guarded(*state_, [&] { state_->collect_rename(rename); });
}

void RunWriter::remove(const archive::ManifestDelete& deletion) {
    guarded(*state_, [&] {
        state_->apply_renames();
        state_->remove(deletion.path);
    });
}

void RunWriter::put(const archive::ManifestEntry& entry) {
    guarded(*state_, [&] {
        state_->apply_renames();
        state_->put(entry);
    });
}

void RunWriter::commit(const archive::ManifestTrailer& trailer) {
    guarded(*state_, [&] {
        state_->apply_renames();
        state_->commit(trailer);
    });
}

void RunWriter::list(std::string_view dir, const std::function<void(const Entry&)>& visit) {
    guarded(*state_, [&] {
        state_->apply_renames();
        std::optional<NodeId> node = state_->find_directory(dir);
        if (!node) state_->refuse(dir, "there is no such directory");
        Catalog::Database::Lease row = state_->db.lease(Query::children);
        row->bind(1, *node).bind(2, "").bind(3, state_->header.run);
        Entry entry;
        while (row->step()) {
            state_->db.read_entry(*row, entry);
            visit(entry);
        }
    });
}

std::optional<Entry> RunWriter::find(std::string_view path) {
    std::optional<Entry> entry;
    guarded(*state_, [&] {
        state_->apply_renames();
        entry = state_->db.resolve(state_->root, state_->header.run, path);
    });
    return entry;
}

}  // namespace icecore::catalog
