#include "base/base64.h"
#include "base/text.h"
#include "sim/s3/conditions.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/receive.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::uint64_t kSingleBytesMax = std::uint64_t{5} << 30;

}  // namespace

Response put_object(Service& service, Call& call) {
    check_expected_owner(service, call);
    check_upload_size(call, kSingleBytesMax);
    Attributes attributes = attributes_from_headers(call);
    call.billed_class = attributes.storage_class;
    ConditionalWriteScope conditional(service, call);
    {
        std::lock_guard lock(service.mutex);
        const Bucket& bucket = find_bucket(service, call);
        check_write_conditions(bucket, call, call.key);
        check_lock_attributes(bucket, call.now, attributes);
        if (attributes.retention.mode != RetentionMode::none && !call.payload.is_protected())
            invalid_request(
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object "
                "Lock parameters");
    }
    Received received = receive(service.storage, call.payload, ChecksumAlgorithm::crc64nvme);
    const PayloadDigests& digests = received.digests;
    call.now = call.clock.now();

    std::lock_guard lock(service.mutex);
    const Bucket& bucket = find_bucket(service, call);
    conditional.check();
    check_write_conditions(bucket, call, call.key);
    apply_default_retention(bucket, call.now, attributes);
    Version version{.id = new_version_id(bucket), .created = call.now, .size_bytes = digests.size_bytes};
    version.etag = to_hex(digests.md5);
    version.checksum = {*digests.algorithm, ChecksumType::full_object, to_base64(digests.checksum)};
    version.attributes = std::move(attributes);
    version.in_class_since = call.now;
    version.parts = {{1, received.blob, version.etag, version.checksum.value, call.now}};
    service.storage.put_version(call.bucket, call.key, version);

    Response out = empty_response(200);
    out.set("ETag", '"' + version.etag + '"');
    out.set(checksum_header(version.checksum.algorithm), version.checksum.value);
    out.set("x-amz-checksum-type", std::string(type_name(version.checksum.type)));
    set_encryption_headers(version.attributes, out);
    set_version_id(bucket, version, out);
    return out;
}

}  // namespace icecore::sim::s3
