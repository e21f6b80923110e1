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

// jobs.cc
Response initiate_job(Service& service, Call& call);
Response describe_job(Service& service, Call& call);
Response list_jobs(Service& service, Call& call);
Response get_job_output(Service& service, Call& call);

// settings.cc
Response set_vault_notifications(Service& service, Call& call);
Response get_vault_notifications(Service& service, Call& call);
Response delete_vault_notifications(Service& service, Call& call);
Response set_vault_access_policy(Service& service, Call& call);
Response get_vault_access_policy(Service& service, Call& call);
Response delete_vault_access_policy(Service& service, Call& call);
Response add_tags_to_vault(Service& service, Call& call);
Response remove_tags_from_vault(Service& service, Call& call);
Response list_tags_for_vault(Service& service, Call& call);
Response purchase_provisioned_capacity(Service& service, Call& call);
Response list_provisioned_capacity(Service& service, Call& call);

// lock.cc
Response initiate_vault_lock(Service& service, Call& call);
Response get_vault_lock(Service& service, Call& call);
Response abort_vault_lock(Service& service, Call& call);
Response complete_vault_lock(Service& service, Call& call);

// retrieval_policy.cc
Response get_data_retrieval_policy(Service& service, Call& call);
Response set_data_retrieval_policy(Service& service, Call& call);

// job_output.cc
/// The output of a job that has succeeded.
Response job_output(const Service& service, const Vault& vault, const Job& job, const Call& call);

std::string new_archive_id();
/// Of the two operations that make an archive.
Response created_archive(const Service& service, const Archive& archive, const std::string& vault);

}  // namespace icecore::sim::glacier
