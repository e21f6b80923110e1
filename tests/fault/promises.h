#pragma once

#include <map>
#include <set>
#include <string>

#include "checked_runs.h"

namespace icecore::testing {

/// Judges a backup directory after faults by what icecore promises, whatever way it takes to keep it. All
/// checks are EXPECTs.
class Promises {
  public:
    explicit Promises(CheckedRuns& runs);
    ~Promises();

    /// No file of a run that exists (its manifest is sealed) changes or goes away: looks at all sealed files,
    /// compares them with what they were the last time, and remembers them.
    void check_sealed();

    /// After a run that went through: nothing unfinished lies about; the catalogue is what the manifests
    /// make; every run that was not looked at before has the volumes that its manifest names, and bare tar
    /// and icecore restore the same tree from it; the last one gives back `source` but for what it reports as
    /// unreadable.
    void check_success(const TreeSnapshot& source);

  private:
    void check_no_leftovers() const;
    void check_catalog();
    void check_run(const catalog::Run& run, const TreeSnapshot* source);
    void check_volumes(const catalog::Run& run) const;

    CheckedRuns& runs_;
    std::map<std::string, std::string> sealed_;  ///< name → SHA-256
    std::set<catalog::RunNumber> checked_;
    std::string work_;  ///< scratch directory
    std::string bare_;  ///< where tar extracts the chain
    int copies_ = 0;
};

}  // namespace icecore::testing
