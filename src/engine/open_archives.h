#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/volume.h"
#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// The archives that a restore reads, each opened when first asked for, its volumes from the first of
/// `sources` that has them. One thread at a time; set and catalogue must outlive it.
class OpenArchives {
  public:
    OpenArchives(const SetOptions& set, const catalog::Catalog& catalog,
                 std::vector<archive::VolumeSource> sources);

    /// Throws Error{corrupt} if the catalogue does not know the run.
    std::shared_ptr<archive::ArchiveFile> open(catalog::RunNumber run);

    std::uint64_t stored_bytes_read() const;
    /// ArchiveFile::remarks of all.
    std::vector<std::string> remarks() const;

  private:
    const SetOptions& set_;
    const catalog::Catalog& catalog_;
    std::vector<archive::VolumeSource> sources_;
    std::map<catalog::RunNumber, std::shared_ptr<archive::ArchiveFile>> archives_;
    catalog::RunNumber last_ = 0;  ///< opened last
};

}  // namespace icecore::engine
