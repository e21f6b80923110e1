#include <algorithm>
#include <optional>
#include <vector>

#include "base/base64.h"
#include "base/format.h"
#include "base/md5.h"
#include "base/text.h"
#include "sim/s3/conditions.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/uploads.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

/// A part as the request tells of it.
struct NamedPart {
    std::uint64_t number = 0;
    std::string etag;                     ///< without quotes
    std::optional<std::string> checksum;  ///< by the upload's algorithm
};

std::string without_quotes(std::string text) {
    std::erase(text, '"');
    return text;
}

std::vector<NamedPart> parse_parts(const Call& call, const Upload& upload) {
    XmlRequest request(call.text, "CompleteMultipartUpload");
    std::vector<NamedPart> out;
    for (const pugi::xml_node& node : children(request.root(), "Part")) {
        std::optional<std::uint64_t> number = child_number(node, "PartNumber");
        std::optional<std::string> etag = child_text(node, "ETag");
        if (!number || !etag) malformed_xml();
        NamedPart part{*number, without_quotes(*etag), std::nullopt};
        for (ChecksumAlgorithm algorithm : kChecksumAlgorithms) {
            std::optional<std::string> value = child_text(node, checksum_element(algorithm).c_str());
            if (!value) continue;
            if (algorithm != upload.algorithm.value_or(ChecksumAlgorithm::crc64nvme))
                throw ApiError(400, "BadDigest",
                               format("The {} you specified for part {} did not match what we received.",
                                      lower_case(algorithm_name(algorithm)), part.number));
            part.checksum = value;
        }
        out.push_back(std::move(part));
    }
    if (out.empty() || out.size() > kPartNumberMax) malformed_xml();
    return out;
}

/// The parts that the object is made of.
std::vector<Part> choose_parts(const Upload& upload, const std::vector<NamedPart>& named) {
    bool checksums_required = upload.algorithm && upload.checksum_type == ChecksumType::composite;
    std::vector<Part> out;
    for (const NamedPart& part : named) {
        if (!out.empty() && part.number <= out.back().number)
            throw ApiError(
                400, "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
                {{"UploadId", upload.id}});
        auto found = part.number > kPartNumberMax ? upload.parts.end()
                                                  : upload.parts.find(static_cast<unsigned>(part.number));
        bool same = found != upload.parts.end() && found->second.md5 == part.etag &&
                    (!part.checksum || *part.checksum == found->second.checksum);
        if (!same)
            throw ApiError(
                400, "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
                {{"UploadId", upload.id}, {"PartNumber", std::to_string(part.number)}, {"ETag", part.etag}});
        if (checksums_required && !part.checksum)
            invalid_request(
                format("The upload was created using a {} checksum. The complete request must include the "
                       "checksum for each part. It was missing for part {} in the request.",
                       lower_case(algorithm_name(*upload.algorithm)), part.number));
        out.push_back(found->second);
    }
    for (std::size_t i = 0; i + 1 < out.size(); ++i)
        if (out[i].blob->size_bytes() < kPartBytesMin)
            throw ApiError(400, "EntityTooSmall",
                           "Your proposed upload is smaller than the minimum allowed size",
                           {{"ProposedSize", std::to_string(out[i].blob->size_bytes())},
                            {"MinSizeAllowed", std::to_string(kPartBytesMin)},
                            {"PartNumber", std::to_string(out[i].number)},
                            {"ETag", out[i].md5}});
    // S3 answers so where the checksum of a composite one would not tell which parts there are.
    if (checksums_required && out.back().number != out.size())
        throw ApiError(500, "InternalError", "We encountered an internal error. Please try again.");
    return out;
}

Checksum checksum_of(const Upload& upload, const std::vector<Part>& parts) {
    std::vector<PartChecksum> checksums;
    for (const Part& part : parts)
        checksums.push_back({from_base64(part.checksum).value(), part.blob->size_bytes()});
    ChecksumAlgorithm algorithm = upload.algorithm.value_or(ChecksumAlgorithm::crc64nvme);
    std::string value = to_base64(combine_checksums(algorithm, upload.checksum_type, checksums));
    if (upload.checksum_type == ChecksumType::composite) value += format("-{}", parts.size());
    return {algorithm, upload.checksum_type, value};
}

std::string etag_of(const std::vector<Part>& parts) {
    Md5 md5;
    for (const Part& part : parts) md5.update(from_hex(part.md5).value());
    return format("{}-{}", to_hex(md5.finish()), parts.size());
}

/// What the head of the request claims of the whole object.
void check_claims(const Call& call, const Version& object) {
    std::string type = call.header("x-amz-checksum-type");
    if (!type.empty() && type != type_name(object.checksum.type))
        invalid_request(
            format("The upload was created using the {} checksum mode. The complete request must use the "
                   "same checksum mode.",
                   type_name(object.checksum.type)));
    std::string size = call.header("x-amz-mp-object-size");
    if (!size.empty() && size != std::to_string(object.size_bytes))
        invalid_request(
            format("The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {}",
                   size, object.size_bytes));
    for (ChecksumAlgorithm algorithm : kChecksumAlgorithms) {
        std::string claimed = call.header(checksum_header(algorithm));
        if (claimed.empty()) continue;
        // Of a composite one the number of parts may be left out.
        const std::string& value = object.checksum.value;
        bool same = algorithm == object.checksum.algorithm &&
                    (claimed == value || claimed == value.substr(0, value.find('-')));
        if (!same)
            throw ApiError(400, "BadDigest",
                           format("The {} you specified did not match the calculated checksum.",
                                  algorithm_name(algorithm)));
    }
}

Response completed_response(const Call& call, const Bucket& bucket, const Version& object) {
    XmlWriter xml("CompleteMultipartUploadResult");
    xml.text("Location", format("/{}/{}", call.bucket, call.key)).text("Bucket", call.bucket);
    xml.text("Key", call.key).text("ETag", '"' + object.etag + '"');
    xml.text(checksum_element(object.checksum.algorithm), object.checksum.value);
    xml.text("ChecksumType", type_name(object.checksum.type));
    Response out = xml_response(xml.finish());
    set_encryption_headers(object.attributes, out);
    set_version_id(bucket, object, out);
    return out;
}

/// The answer to a Complete that is repeated; nullopt if the upload is not known to have been completed.
std::optional<Response> repeated(const Call& call, const Bucket& bucket) {
    const std::string* id = call.parameter("uploadId");
    auto found = bucket.completed.find(id == nullptr ? "" : *id);
    if (found == bucket.completed.end() || found->second.key != call.key ||
        call.now.sec - found->second.completed.sec >= kRepeatSecMax)
        return std::nullopt;
    auto versions = bucket.keys.find(call.key);
    if (versions == bucket.keys.end()) return std::nullopt;
    for (const Version& version : versions->second)
        if (version.id == found->second.version_id && version.created == found->second.completed)
            return completed_response(call, bucket, version);
    return std::nullopt;
}

}  // namespace

Response complete_multipart_upload(Service& service, Call& call) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    if (std::optional<Response> out = repeated(call, bucket)) return std::move(*out);
    const Upload& upload = find_upload(bucket, call);
    call.billed_class = upload.attributes.storage_class;
    Version object{.id = new_version_id(bucket), .created = call.now};
    object.parts = choose_parts(upload, parse_parts(call, upload));
    for (const Part& part : object.parts) object.size_bytes += part.blob->size_bytes();
    object.multipart = true;
    object.etag = etag_of(object.parts);
    object.checksum = checksum_of(upload, object.parts);
    check_claims(call, object);
    check_write_conditions(bucket, call, call.key);
    object.attributes = upload.attributes;
    apply_default_retention(bucket, call.now, object.attributes);
    object.in_class_since = call.now;
    std::string id = upload.id;
    service.storage.complete_upload(call.bucket, id, object);
    return completed_response(call, bucket, object);
}

}  // namespace icecore::sim::s3
