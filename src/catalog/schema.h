#pragma once

#include "catalog/catalog.h"
#include "catalog/database_file.h"

namespace icecore::catalog {

/// `entry.removed` of what is still there in the last run of its chain. Four bytes on disk; run numbers stay
/// below it.
constexpr RunNumber kForever = 0x7fffffff;

/// The catalogue's tables.
const Schema& catalog_schema();

}  // namespace icecore::catalog
