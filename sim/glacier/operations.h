#pragma once

#include <string>

#include "sim/glacier/call.h"

namespace icecore::sim::glacier {

/// The operations of the vault API, version 2012-06-01, by the names that it gives them. Each answers a call
/// or throws ApiError (Error where the disk fails), and is called with the lock; the two that take data lock
/// by themselves.

// vaults.cc
Response create_vault(Service& service, Call& call);
Response describe_vault(Service& service, Call& call);
Response list_vaults(Service& service, Call& call);
Response delete_vault(Service& service, Call& call);

// archives.cc
Response upload_archive(Service& service, Call& call);  ///< without the lock
Response delete_archive(Service& service, Call& call);

// multipart.cc
Response initiate_multipart_upload(Service& service, Call& call);
Response upload_multipart_part(Service& service, Call& call);  ///< without the lock
Response complete_multipart_upload(Service& service, Call& call);
Response abort_multipart_upload(Service& service, Call& call);
Response list_parts(Service& service, Call& call);
Response list_multipart_uploads(Service& service, Call& call);

std::string new_archive_id();
/// Of the two operations that make an archive.
Response created_archive(const Service& service, const Archive& archive, const std::string& vault);

}  // namespace icecore::sim::glacier
