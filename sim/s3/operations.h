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

}  // namespace icecore::sim::s3
