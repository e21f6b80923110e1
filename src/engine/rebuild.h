#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/environment.h"

namespace icecore::engine {

/// Opens the catalogue for writing and brings it up to the manifests in the backup directory: runs it does
/// not know are applied from their manifests; a damaged catalogue is put aside and made again. The set's lock
/// must be held.
///
/// A manifest that is damaged or missing ends its chain: later incremental runs of that chain are left out,
/// and the observer is told. Throws Error.
std::unique_ptr<catalog::Catalog> open_catalog_for_writing(const Environment& env, const SetOptions& set,
                                                           Observer& observer);

/// Applies one manifest to the catalogue, in one transaction. Throws Error{corrupt} and changes nothing if
/// the manifest is not whole.
void apply_manifest(catalog::Catalog& catalog, const std::string& path);

}  // namespace icecore::engine
