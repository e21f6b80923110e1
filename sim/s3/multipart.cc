#include <optional>

#include "base/base64.h"
#include "base/format.h"
#include "base/text.h"
#include "sim/random_id.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/receive.h"
#include "sim/s3/uploads.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

constexpr std::size_t kUploadIdLength = 96;

bool is_crc(ChecksumAlgorithm algorithm) {
    return algorithm != ChecksumAlgorithm::sha1 && algorithm != ChecksumAlgorithm::sha256;
}

/// x-amz-checksum-algorithm and -type: SHA checksums are composite, CRC64NVME is of the whole, the others as
/// it is wished.
void take_checksum(const Call& call, Upload& upload) {
    std::string algorithm = call.header("x-amz-checksum-algorithm");
    std::string type = call.header("x-amz-checksum-type");
    if (algorithm.empty() && !type.empty())
        invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
    if (algorithm.empty()) return;
    upload.algorithm = parse_algorithm(algorithm);
    if (!upload.algorithm)
        invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    bool whole_only = *upload.algorithm == ChecksumAlgorithm::crc64nvme;
    upload.checksum_type = whole_only ? ChecksumType::full_object : ChecksumType::composite;
    if (type.empty()) return;
    bool full = type == "FULL_OBJECT";
    if (!full && type != "COMPOSITE") invalid_request("Value for x-amz-checksum-type header is invalid.");
    if ((full && !is_crc(*upload.algorithm)) || (!full && whole_only))
        invalid_request(format("The {} checksum type cannot be used with the {} checksum algorithm.", type,
                               lower_case(algorithm)));
    upload.checksum_type = full ? ChecksumType::full_object : ChecksumType::composite;
}

/// A part carries the checksum that the upload was begun with, and no other.
void check_part_checksum(const Upload& upload, const Payload& payload) {
    if (payload.algorithm() == upload.algorithm) return;
    auto name = [](std::optional<ChecksumAlgorithm> algorithm) {
        return algorithm ? lower_case(algorithm_name(*algorithm)) : std::string("null");
    };
    invalid_request(
        format("Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
               name(upload.algorithm), name(payload.algorithm())));
}

unsigned part_number(const Service& service, const Call& call) {
    const std::string* text = call.parameter("partNumber");
    std::optional<std::uint64_t> number = text == nullptr ? std::nullopt : parse_decimal(*text);
    if (!number || *number == 0 || *number > service.parts_max)
        invalid_argument(
            format("Part number must be an integer between 1 and {}, inclusive", service.parts_max),
            "partNumber", text == nullptr ? "" : *text);
    return static_cast<unsigned>(*number);
}

}  // namespace

void no_such_upload(const Call& call) {
    const std::string* id = call.parameter("uploadId");
    throw ApiError(
        404, "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed.",
        {{"UploadId", id == nullptr ? "" : *id}});
}

const Upload& find_upload(const Bucket& bucket, const Call& call) {
    const std::string* id = call.parameter("uploadId");
    auto found = id == nullptr ? bucket.uploads.end() : bucket.uploads.find(*id);
    if (found == bucket.uploads.end() || found->second.key != call.key) no_such_upload(call);
    return found->second;
}

Response create_multipart_upload(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    Upload upload{.id = random_id(kUploadIdLength), .key = call.key, .initiated = call.now};
    if (upload.id.front() == '-') upload.id.front() = 'u';  // programs take one for an option
    upload.attributes = attributes_from_headers(call);
    call.billed_class = parts_class(upload.attributes.storage_class);
    take_checksum(call, upload);
    check_lock_attributes(bucket, call.now, upload.attributes);
    service.storage.begin_upload(call.bucket, upload);
    XmlWriter xml("InitiateMultipartUploadResult");
    xml.text("Bucket", call.bucket).text("Key", call.key).text("UploadId", upload.id);
    Response out = xml_response(xml.finish());
    set_encryption_headers(upload.attributes, out);
    if (upload.algorithm) {
        out.set("x-amz-checksum-algorithm", std::string(algorithm_name(*upload.algorithm)));
        out.set("x-amz-checksum-type", std::string(type_name(upload.checksum_type)));
    }
    return out;
}

Response upload_part(Service& service, Call& call) {
    check_expected_owner(service, call);
    unsigned number = part_number(service, call);
    std::optional<ChecksumAlgorithm> algorithm;
    {
        std::lock_guard lock(service.mutex);
        const Upload& upload = find_upload(find_bucket(service, call), call);
        check_part_checksum(upload, call.payload);
        check_upload_size(call, kPartBytesMax);
        call.billed_class = parts_class(upload.attributes.storage_class);
        algorithm = upload.algorithm.value_or(ChecksumAlgorithm::crc64nvme);
    }
    Received received = receive(service.storage, call.payload, algorithm);
    call.now = call.clock.now();

    std::lock_guard lock(service.mutex);
    const Upload& upload = find_upload(find_bucket(service, call), call);
    Part part{number, received.blob, to_hex(received.digests.md5), to_base64(received.digests.checksum),
              call.now};
    service.storage.put_part(call.bucket, upload.id, part);
    Response out = empty_response(200);
    out.set("ETag", '"' + part.md5 + '"');
    out.set(checksum_header(*algorithm), part.checksum);
    set_encryption_headers(upload.attributes, out);
    return out;
}

Response abort_multipart_upload(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Upload& upload = find_upload(find_bucket(service, call), call);
    std::string id = upload.id;
    service.storage.end_upload(call.bucket, id, call.now);
    return empty_response(204);
}

}  // namespace icecore::sim::s3
