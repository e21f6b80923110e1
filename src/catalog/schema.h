#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "catalog/sqlite.h"

namespace icecore::catalog {

/// `entry.removed` of what is still there in the last run of its chain. Four bytes on disk; run numbers stay
/// below it.
constexpr RunNumber kForever = 0x7fffffff;

/// Opens or creates the catalogue `path` for writing: settings, identity check, migrations up to our schema
/// version.
std::unique_ptr<sql::Connection> open_for_writing(const std::string& path);

/// Opens the existing catalogue `path` for reading, also where SQLite could not make its -shm file (a
/// read-only directory), provided that no writer has left a write-ahead log behind.
std::unique_ptr<sql::Connection> open_for_reading(const std::string& path);

}  // namespace icecore::catalog
