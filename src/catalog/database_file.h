#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "catalog/sqlite.h"

namespace icecore::catalog {

/// What a kind of database file holds. The texts must outlive every connection to it.
struct Schema {
    std::int64_t application_id;
    /// Step i brings schema version i to i + 1. Steps are never changed once released, only appended.
    std::span<const char* const> migrations;
    std::string_view noun;          ///< "catalogue"
    const char* damage_hint;        ///< what to do about a damaged file
    std::string_view newer_hint;    ///< about one of a newer program
    std::string_view missing_hint;  ///< about one that is not there

    std::int64_t version() const { return static_cast<std::int64_t>(migrations.size()); }
};

/// Opens or creates the database `path` for writing: mode 0600, settings, identity check, migrations up to
/// our schema version. A commit is on disk when it returns. Throws Error: corrupt, unsupported (newer).
std::unique_ptr<sql::Connection> open_for_writing(const std::string& path, const Schema& schema);

/// Opens the existing database `path` for reading, also where SQLite could not make its -shm file (a
/// read-only directory), provided that no writer has left a write-ahead log behind. Throws Error: not_found,
/// corrupt, unsupported (newer), not_ready (older).
std::unique_ptr<sql::Connection> open_for_reading(const std::string& path, const Schema& schema);

}  // namespace icecore::catalog
