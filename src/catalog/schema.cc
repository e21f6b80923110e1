#include "catalog/schema.h"

#include <fcntl.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::catalog {
namespace {

constexpr std::int64_t kApplicationId = 0x69636543;  // "iceC"

/// Step i brings schema version i to i + 1. Steps are never changed once released, only appended.
///
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
};
constexpr auto kSchemaVersion = static_cast<std::int64_t>(kMigrations.size());

/// Settings of every connection. The cache bounds memory; what sorting needs beyond it goes to files.
void configure(sql::Connection& db) {
    sqlite3_busy_timeout(db.handle(), 10'000);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    db.exec(
        "PRAGMA cache_size = -16384; PRAGMA temp_store = FILE; PRAGMA cell_size_check = ON;"
        "PRAGMA mmap_size = 0");
}

[[noreturn]] void refuse_newer(const sql::Connection& db, std::int64_t version) {
    throw Error(
        Error::Kind::unsupported,
        format("{}: schema version {} is newer than this program's {}", db.label(), version, kSchemaVersion),
        "use the newer program, or delete the file: the next command makes it again from the "
        "manifests");
}

/// The schema's version; 0 for an empty file. Throws Error{corrupt} for a database that is not a catalogue.
std::int64_t check_identity(sql::Connection& db) {
    std::int64_t version = db.query_number("PRAGMA user_version");
    bool empty = db.query_number("SELECT count(*) FROM sqlite_schema") == 0;
    if (empty && version == 0) return 0;
    if (db.query_number("PRAGMA application_id") != kApplicationId)
        db.fail_damaged("this is not a catalogue");
    if (version > kSchemaVersion) refuse_newer(db, version);
    if (empty || version < 1) db.fail_damaged("the catalogue's tables are missing");
    return version;
}

/// Size of `path` (following links), 0 if it is not there.
std::uint64_t size_of(const std::string& path) {
    std::error_code missing;
    std::uintmax_t size = std::filesystem::file_size(path, missing);
    return missing ? 0 : size;
}

/// SQLite takes a few bytes of a database for an empty file, and would begin a new one in it.
void refuse_stump(const std::string& path) {
    constexpr std::uint64_t kSmallestPageBytes = 512;
    std::uint64_t size = size_of(path);
    if (size != 0 && size < kSmallestPageBytes)
        throw Error(Error::Kind::corrupt, format("{}: the file is shorter than it was", path),
                    sql::kRebuildHint);
}

/// The file must be as long as its header says, which SQLite itself notices only when it meets the missing
/// pages. While there is a write-ahead log, pages may stand in that alone.
void check_length(sql::Connection& db, const std::string& path) {
    std::int64_t needed = db.query_number("PRAGMA page_count") * db.query_number("PRAGMA page_size");
    if (size_of(path + "-wal") == 0 && sql::to_signed(size_of(path)) < needed)
        db.fail_damaged("the file is shorter than it was");
}

void migrate(sql::Connection& db) {
    if (check_identity(db) == kSchemaVersion) return;
    db.exec("BEGIN IMMEDIATE");
    // Another process may have migrated while this one waited for the lock.
    for (std::int64_t version = check_identity(db); version < kSchemaVersion; ++version)
        db.exec(kMigrations[static_cast<std::size_t>(version)]);
    db.exec(format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", kApplicationId,
                   kSchemaVersion));
}

std::string as_immutable_uri(const std::string& path) {
    std::string uri = "file:";
    for (char c : path) {
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                     c == '.' || c == '_' || c == '-';
        if (plain)
            uri += c;
        else
            uri += format("%{:02X}", static_cast<unsigned char>(c));
    }
    return uri + "?immutable=1";
}

std::unique_ptr<sql::Connection> open_read_only_as(const std::string& path, const std::string& target,
                                                   int flags) {
    auto db = std::make_unique<sql::Connection>(target, SQLITE_OPEN_READONLY | flags, path);
    configure(*db);
    std::int64_t version = check_identity(*db);
    if (version < kSchemaVersion)
        throw Error(Error::Kind::not_ready, format("{}: schema version {} is old", path, version),
                    "any command that writes, such as `icecore backup`, brings it up to date");
    check_length(*db, path);
    return db;
}

}  // namespace

std::unique_ptr<sql::Connection> open_for_writing(const std::string& path) {
    refuse_stump(path);
    // SQLite would make it readable for all; its log files get the mode of this one.
    open_file(path, O_RDWR | O_CREAT, 0600);
    auto db = std::make_unique<sql::Connection>(path, SQLITE_OPEN_READWRITE, path);
    configure(*db);
    check_identity(*db);  // before anything of it is changed
    // The page size holds for new files only. FULL: a commit is on disk when it returns. Where write-ahead
    // logging does not work (some network file systems) SQLite stays with its rollback journal, which is as
    // safe.
    db->exec(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA journal_size_limit = 16777216");
    migrate(*db);
    check_length(*db, path);
    return db;
}

std::unique_ptr<sql::Connection> open_for_reading(const std::string& path) {
    if (!path_exists(path))
        throw Error(Error::Kind::not_found, format("there is no catalogue {}", path),
                    "any command makes it from the manifests");
    refuse_stump(path);
    try {
        return open_read_only_as(path, path, 0);
    } catch (const Error& error) {
        bool may_be_closed = error.kind() == Error::Kind::io || error.kind() == Error::Kind::denied;
        if (!may_be_closed || size_of(path + "-wal") != 0) throw;
    }
    return open_read_only_as(path, as_immutable_uri(path), SQLITE_OPEN_URI);
}

}  // namespace icecore::catalog
