#include "catalog/schema.h"

#include <array>

namespace icecore::catalog {
namespace {

constexpr std::int64_t kApplicationId = 0x69636543;  // "iceC"

/// run.node_limit: one more than the largest node given out so far. It cannot be read off the entries: the
/// row of a directory that was replaced in the run that made it is gone, while the rows below it are not.
///
/// entry: one row a version of a name. `parent` is the node of the directory it is in; a root's is minus its
/// own node. The row holds in the runs `added` <= R < `removed` of its chain, as far as its directory does:
/// ending a directory leaves the rows below it open but out of reach. `node` and `ino` are of directories
/// only, so that both indexes hold directories alone. `version` is the packed rest (version_codec.h); NULL,
/// within a transaction, is a directory that was made for the target of a rename and whose own line has not
/// come yet.
constexpr std::array kMigrations = {
    R"(CREATE TABLE run (
        number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, parent INTEGER NOT NULL, chain INTEGER NOT NULL,
        root_node INTEGER NOT NULL, node_limit INTEGER NOT NULL, set_name BLOB NOT NULL, host BLOB NOT NULL, program BLOB NOT NULL,
        archive_name BLOB NOT NULL, compression_method INTEGER NOT NULL, compression_level INTEGER NOT NULL,
        reason BLOB NOT NULL, started_s INTEGER NOT NULL, started_ns INTEGER NOT NULL, finished_s INTEGER NOT NULL,
        finished_ns INTEGER NOT NULL, files INTEGER NOT NULL, directories INTEGER NOT NULL, added INTEGER NOT NULL,
        changed INTEGER NOT NULL, deleted INTEGER NOT NULL, renamed INTEGER NOT NULL, excluded INTEGER NOT NULL,
        errors INTEGER NOT NULL, tree_bytes INTEGER NOT NULL, read_bytes INTEGER NOT NULL,
        stored_bytes INTEGER NOT NULL);
    CREATE TABLE volume (
        run INTEGER NOT NULL REFERENCES run, number INTEGER NOT NULL, name BLOB NOT NULL,
        stored_bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL, tree_hash BLOB NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID;
    CREATE TABLE entry (
        parent INTEGER NOT NULL, name BLOB NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL,
        node INTEGER, ino INTEGER, version BLOB, PRIMARY KEY (parent, name, added)) WITHOUT ROWID;
    CREATE INDEX entry_by_node ON entry(node, removed) WHERE node IS NOT NULL;
    CREATE INDEX entry_by_ino ON entry(ino, removed) WHERE ino IS NOT NULL;)",
    "ALTER TABLE run ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0",
    // Of adopted archives; NULL for our own.
    "ALTER TABLE run ADD COLUMN adopted_name BLOB; ALTER TABLE run ADD COLUMN adopted_root BLOB; "
    "ALTER TABLE run ADD COLUMN adopted_damage BLOB",
};

}  // namespace

const Schema& catalog_schema() {
    static constexpr Schema kSchema = {
        .application_id = kApplicationId,
        .migrations = kMigrations,
        .noun = "catalogue",
        .damage_hint = sql::kRebuildHint,
        .newer_hint =
            "use the newer program, or delete the file: the next command makes it again from the manifests",
        .missing_hint = "any command makes it from the manifests",
    };
    return kSchema;
}

}  // namespace icecore::catalog
