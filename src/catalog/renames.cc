#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "catalog/run_writer.h"

namespace icecore::catalog {
namespace {

/// Renames of the run being written, on disk. Both keys are unique: no name goes to two places, no two to
/// one.
constexpr char kCreate[] =
    "CREATE TEMP TABLE IF NOT EXISTS rename (depth INTEGER NOT NULL, to_path BLOB NOT NULL, "
    "from_parent INTEGER NOT NULL, from_name BLOB NOT NULL, from_added INTEGER NOT NULL, "
    "PRIMARY KEY (depth, to_path), UNIQUE (from_parent, from_name)) WITHOUT ROWID; DELETE FROM temp.rename";

}  // namespace

/// Resolves `from` while the tree is still the parent run's.
void RunWriter::State::collect_rename(const archive::ManifestRename& rename) {
    if (renames_applied) refuse(rename.from, "a rename comes after deletions or entries");
    if (rename.from.empty() || rename.to.empty()) refuse(rename.from, "the root cannot be renamed");
    if (!has_renames) db.connection->exec(kCreate);
    has_renames = true;
    Place from = place_of(rename.from);
    auto current = find_current(from.parent, from.name);
    if (!current || current->reserved) refuse(rename.from, "it was renamed and is not in the tree");

    sql::Statement insert(*db.connection, "INSERT OR IGNORE INTO temp.rename VALUES (?1, ?2, ?3, ?4, ?5)");
    insert.bind(1, std::count(rename.to.begin(), rename.to.end(), '/')).bind(2, rename.to);
    insert.bind(3, from.parent).bind(4, from.name).bind(5, current->added);
    insert.run();
    if (db.connection->changes() == 0) refuse(rename.from, "two renames share a name");
}

/// Ends all names that move, then lets them appear where they go, outer ones first, so that a directory
/// stands before something is moved into it. No cycle can come of it: a directory is out of reach until it is
/// put down, so the place it is put down at cannot be inside it.
void RunWriter::State::apply_renames() {
    if (renames_applied) return;
    renames_applied = true;
    if (!has_renames) return;
    db.connection->exec(
        "UPDATE entry SET removed = " + std::to_string(header.run) +
        " FROM temp.rename WHERE parent = from_parent AND name = from_name AND added = from_added");
    cache.shrink_to({});

    Catalog::Database::Lease copy = db.lease(Query::copy_entry);
    sql::Statement row(
        *db.connection,
        "SELECT to_path, from_parent, from_name, from_added FROM temp.rename ORDER BY depth, to_path");
    while (row.step()) {
        std::string_view to = row.bytes(0);
        std::string_view name = base_name(to);
        if (!is_component(name)) refuse(to, "this is no path");
        NodeId parent = make_directory(parent_path(to));
        if (auto target = find_current(parent, name)) close({parent, name}, target->added);
        copy->bind(1, parent).bind(2, name).bind(3, header.run);
        copy->bind(4, row.number(1)).bind(5, row.bytes(2)).bind(6, row.number(3)).run();
    }
}

}  // namespace icecore::catalog
