#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "snapshot/kind.h"

namespace icecore::snapshot {

/// `.snapshots` in the backup directory: which snapshots there are, or may be. A snapshot is noted before it
/// is made, and struck out once it is gone, so that one that a killed run has left is known to the next. Only
/// what is noted here is ever removed. Durable; who changes it holds the set's lock.
constexpr std::string_view kLedgerName = ".snapshots";

/// None if there is no ledger. Throws Error{corrupt} for one that cannot be read.
std::vector<Note> read_ledger(const std::string& backup_dir);
/// Empty: the ledger goes.
void write_ledger(FileSystem& fs, const std::string& backup_dir, const std::vector<Note>& notes);

}  // namespace icecore::snapshot
