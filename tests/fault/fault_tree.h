#pragma once

#include <string>

#include "checked_runs.h"

namespace icecore::testing {

/// A small tree with one of each kind of thing, and a backup directory that can be set back, so that each
/// fault meets the same run.
class FaultTree : public CheckedRuns {
  public:
    FaultTree();

    /// What happens between the first run and the second: changes, a rename, a deletion, a new link.
    void change();
    /// Keeps the backup directory as it is now; puts it back. Without a backup directory: none.
    void save_backup() const;
    void reset_backup() const;
    /// The catalogue's files go away, or are cut in half.
    void remove_catalog() const;
    void halve_catalog() const;

  private:
    std::string saved() const { return set.backup_dir + ".saved"; }
};

}  // namespace icecore::testing
