#pragma once

#include "sim/s3/call.h"

namespace icecore::sim::s3 {

/// The operations of S3, by the names that it gives them. Each answers a call or throws ApiError (Error where
/// the disk fails), and is called with the lock; the two that take data lock by themselves.

// buckets.cc
Response list_buckets(Service& service, Call& call);
Response create_bucket(Service& service, Call& call);
Response head_bucket(Service& service, Call& call);
Response delete_bucket(Service& service, Call& call);
Response get_bucket_location(Service& service, Call& call);

// put.cc
Response put_object(Service& service, Call& call);  ///< without the lock
// copy.cc
Response copy_object(Service& service, Call& call);
// get.cc
Response get_object(Service& service, Call& call);
Response head_object(Service& service, Call& call);
// attributes.cc
Response get_object_attributes(Service& service, Call& call);
// delete.cc
Response delete_object(Service& service, Call& call);
Response delete_objects(Service& service, Call& call);

// list.cc
Response list_objects(Service& service, Call& call);
Response list_objects_v2(Service& service, Call& call);

// multipart.cc
Response create_multipart_upload(Service& service, Call& call);
Response upload_part(Service& service, Call& call);  ///< without the lock
Response abort_multipart_upload(Service& service, Call& call);
Response list_parts(Service& service, Call& call);
Response list_multipart_uploads(Service& service, Call& call);
// complete.cc
Response complete_multipart_upload(Service& service, Call& call);

// restore.cc
Response restore_object(Service& service, Call& call);
// versioning.cc, list_versions.cc
Response put_bucket_versioning(Service& service, Call& call);
Response get_bucket_versioning(Service& service, Call& call);
Response list_object_versions(Service& service, Call& call);
// lifecycle.cc
Response put_bucket_lifecycle_configuration(Service& service, Call& call);
Response get_bucket_lifecycle_configuration(Service& service, Call& call);
Response delete_bucket_lifecycle(Service& service, Call& call);
// lock.cc
Response put_object_lock_configuration(Service& service, Call& call);
Response get_object_lock_configuration(Service& service, Call& call);
Response put_object_retention(Service& service, Call& call);
Response get_object_retention(Service& service, Call& call);
Response put_object_legal_hold(Service& service, Call& call);
Response get_object_legal_hold(Service& service, Call& call);
// tagging.cc
Response put_object_tagging(Service& service, Call& call);
Response get_object_tagging(Service& service, Call& call);
Response delete_object_tagging(Service& service, Call& call);
// settings.cc
Response put_bucket_tagging(Service& service, Call& call);
Response get_bucket_tagging(Service& service, Call& call);
Response delete_bucket_tagging(Service& service, Call& call);
Response put_bucket_policy(Service& service, Call& call);
Response get_bucket_policy(Service& service, Call& call);
Response delete_bucket_policy(Service& service, Call& call);
Response put_bucket_encryption(Service& service, Call& call);
Response get_bucket_encryption(Service& service, Call& call);
Response delete_bucket_encryption(Service& service, Call& call);
Response put_public_access_block(Service& service, Call& call);
Response get_public_access_block(Service& service, Call& call);
Response delete_public_access_block(Service& service, Call& call);

}  // namespace icecore::sim::s3
