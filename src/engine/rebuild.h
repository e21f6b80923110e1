#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// A run that something was wrong with, and what.
struct RebuiltRun {
    catalog::RunNumber run = 0;
    std::string reason;
};

struct RebuildResult {
    std::uint64_t runs = 0;
    std::uint64_t versions = 0;         ///< of names: entries of all manifests that were applied
    bool from_snapshot = false;         ///< it began with the copy that was given
    std::vector<RebuiltRun> left_out;   ///< could not be brought into the catalogue
    std::vector<RebuiltRun> recovered;  ///< their manifests were made again from the archives
    /// Stems of runs of an older history of the set, whose numbers newer ones have: not in the catalogue.
    std::vector<std::string> superseded;
    /// Where the catalogue that was there went (path) because it may know the runs left out; else empty.
    std::string old_catalogue;
    double seconds = 0;
};

/// Makes the catalogue anew from the manifests in the backup directory, under the set's lock. A manifest that
/// is missing or damaged is made again from the run's archive (lost_manifest.h), if that is whole; the
/// damaged one is kept as "NAME.damaged". The new one is made beside the one that is there and takes its
/// place when it is complete; an Error leaves everything as it was. A run of which neither can be used, and
/// the rest of its chain, are left out and reported; then the old catalogue is kept as "catalog.db.old" (in
/// place of an earlier one).
///
/// Throws Error: not_found (no run at all), denied (lock), unsupported (a manifest of a newer format: a
/// catalogue without it would lie), io.
///
/// `snapshot`: a copy of the catalogue (catalog_snapshot.h) to begin with, if it is sound: then only later
/// runs are applied. Empty: none.
RebuildResult rebuild(const Environment& env, const SetOptions& set, Observer& observer,
                      const std::string& snapshot = {});

/// Opens the catalogue for writing and brings it up to the manifests in the backup directory: runs it does
/// not know are applied from their manifests; an older schema is migrated; a damaged catalogue is put aside
/// and made again. The set's lock must be held.
///
/// A manifest that is damaged or missing ends its chain: later incremental runs of that chain are left out,
/// and the observer is told. Throws Error.
std::unique_ptr<catalog::Catalog> open_catalog_for_writing(const Environment& env, const SetOptions& set,
                                                           Observer& observer);

/// Applies one manifest to the catalogue, in one transaction; returns the number of its entries. Throws
/// Error{corrupt} and changes nothing if the manifest is not whole.
std::uint64_t apply_manifest(catalog::Catalog& catalog, const std::string& path);

}  // namespace icecore::engine
