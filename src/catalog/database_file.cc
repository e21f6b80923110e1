#include "catalog/database_file.h"

#include <fcntl.h>

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::catalog {
namespace {

/// Settings of every connection. The cache bounds memory; what sorting needs beyond it goes to files.
void configure(sql::Connection& db) {
    sqlite3_busy_timeout(db.handle(), 10'000);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    db.exec(
        "PRAGMA cache_size = -16384; PRAGMA temp_store = FILE; PRAGMA cell_size_check = ON;"
        "PRAGMA mmap_size = 0");
}

[[noreturn]] void refuse_newer(const sql::Connection& db, const Schema& schema, std::int64_t version) {
    throw Error(Error::Kind::unsupported,
                format("{}: schema version {} is newer than this program's {}", db.label(), version,
                       schema.version()),
                std::string(schema.newer_hint));
}

/// The schema's version; 0 for an empty file. Throws Error{corrupt} for a database of another kind.
std::int64_t check_identity(sql::Connection& db, const Schema& schema) {
    std::int64_t version = db.query_number("PRAGMA user_version");
    bool empty = db.query_number("SELECT count(*) FROM sqlite_schema") == 0;
    if (empty && version == 0) return 0;
    if (db.query_number("PRAGMA application_id") != schema.application_id)
        db.fail_damaged(format("this is no {}", schema.noun));
    if (version > schema.version()) refuse_newer(db, schema, version);
    if (empty || version < 1) db.fail_damaged(format("the {}'s tables are missing", schema.noun));
    return version;
}

/// Size of `path` (following links), 0 if it is not there.
std::uint64_t size_of(const std::string& path) {
    std::error_code missing;
    std::uintmax_t size = std::filesystem::file_size(path, missing);
    return missing ? 0 : size;
}

/// SQLite takes a few bytes of a database for an empty file, and would begin a new one in it.
void refuse_stump(const std::string& path, const Schema& schema) {
    constexpr std::uint64_t kSmallestPageBytes = 512;
    std::uint64_t size = size_of(path);
    if (size != 0 && size < kSmallestPageBytes)
        throw Error(Error::Kind::corrupt, format("{}: the file is shorter than it was", path),
                    schema.damage_hint);
}

/// The file must be as long as its header says, which SQLite itself notices only when it meets the missing
/// pages. While there is a write-ahead log, pages may stand in that alone.
void check_length(sql::Connection& db, const std::string& path) {
    std::int64_t needed = db.query_number("PRAGMA page_count") * db.query_number("PRAGMA page_size");
    if (size_of(path + "-wal") == 0 && sql::to_signed(size_of(path)) < needed)
        db.fail_damaged("the file is shorter than it was");
}

void migrate(sql::Connection& db, const Schema& schema) {
    if (check_identity(db, schema) == schema.version()) return;
    db.exec("BEGIN IMMEDIATE");
    // Another process may have migrated while this one waited for the lock.
    for (std::int64_t version = check_identity(db, schema); version < schema.version(); ++version)
        db.exec(schema.migrations[static_cast<std::size_t>(version)]);
    db.exec(format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", schema.application_id,
                   schema.version()));
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

std::unique_ptr<sql::Connection> open_read_only_as(const std::string& path, const Schema& schema,
                                                   const std::string& target, int flags) {
    auto db =
        std::make_unique<sql::Connection>(target, SQLITE_OPEN_READONLY | flags, path, schema.damage_hint);
    configure(*db);
    std::int64_t version = check_identity(*db, schema);
    if (version < schema.version())
        throw Error(Error::Kind::not_ready, format("{}: schema version {} is old", path, version),
                    "any command that writes, such as `icecore backup`, brings it up to date");
    check_length(*db, path);
    return db;
}

}  // namespace

std::unique_ptr<sql::Connection> open_for_writing(const std::string& path, const Schema& schema) {
    refuse_stump(path, schema);
    // SQLite would make it readable for all; its log files get the mode of this one.
    open_file(path, O_RDWR | O_CREAT, 0600);
    auto db = std::make_unique<sql::Connection>(path, SQLITE_OPEN_READWRITE, path, schema.damage_hint);
    configure(*db);
    check_identity(*db, schema);  // before anything of it is changed
    // The page size holds for new files only. FULL: a commit is on disk when it returns. Where write-ahead
    // logging does not work (some network file systems) SQLite stays with its rollback journal, which is as
    // safe.
    db->exec(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA journal_size_limit = 16777216");
    migrate(*db, schema);
    check_length(*db, path);
    return db;
}

std::unique_ptr<sql::Connection> open_for_reading(const std::string& path, const Schema& schema) {
    if (!path_exists(path))
        throw Error(Error::Kind::not_found, format("there is no {} {}", schema.noun, path),
                    std::string(schema.missing_hint));
    refuse_stump(path, schema);
    try {
        return open_read_only_as(path, schema, path, 0);
    } catch (const Error& error) {
        bool may_be_closed = error.kind() == Error::Kind::io || error.kind() == Error::Kind::denied;
        if (!may_be_closed || size_of(path + "-wal") != 0) throw;
    }
    return open_read_only_as(path, schema, as_immutable_uri(path), SQLITE_OPEN_URI);
}

}  // namespace icecore::catalog
