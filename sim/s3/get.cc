#include <algorithm>

#include "base/format.h"
#include "sim/s3/blob.h"
#include "sim/s3/byte_range.h"
#include "sim/s3/conditions.h"
#include "sim/s3/object_headers.h"
#include "sim/s3/operations.h"
#include "sim/s3/uploads.h"

namespace icecore::sim::s3 {
namespace {

/// What of an object is asked for.
struct Wanted {
    ByteRange range;
    bool partial = false;  ///< answered with 206
    const Part* part = nullptr;
};

Wanted part_range(const Version& version, unsigned number) {
    if (!version.multipart && number == 1) return {{0, version.size_bytes}, true};
    std::uint64_t first = 0;
    unsigned index = 1;
    for (const Part& part : version.parts) {
        if (index == number) return {{first, part.blob->size_bytes()}, true, &part};
        first += part.blob->size_bytes();
        ++index;
    }
    throw ApiError(416, "InvalidPartNumber", "The requested partnumber is not satisfiable",
                   {{"PartNumberRequested", std::to_string(number)},
                    {"ActualPartCount", std::to_string(version.multipart ? version.parts.size() : 1)}});
}

Wanted wanted_of(const Call& call, const Version& version) {
    const std::string* header = call.request.header("Range");
    const std::string* part = call.parameter("partNumber");
    if (part != nullptr) {
        if (header != nullptr)
            invalid_request("Cannot specify both Range header and partNumber query parameter");
        std::uint64_t number = number_parameter(call, "partNumber", 0, kPartNumberMax);
        if (number == 0)
            invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber",
                             *part);
        return part_range(version, static_cast<unsigned>(number));
    }
    Wanted out{{0, version.size_bytes}};
    if (header == nullptr) return out;
    // One that is no range of bytes, and several of them, are as good as none.
    RangeHeader range = parse_range_header(*header, version.size_bytes);
    if (range.kind == RangeHeader::Kind::unsatisfiable)
        throw ApiError(
            416, "InvalidRange", "The requested range is not satisfiable",
            {{"RangeRequested", *header}, {"ActualObjectSize", std::to_string(version.size_bytes)}});
    if (range.kind == RangeHeader::Kind::good) out = {range.range, true};
    return out;
}

/// Everything but the bytes.
Response describe(Service& service, Call& call, const Version*& version, Wanted& wanted) {
    check_expected_owner(service, call);
    const Bucket& bucket = find_bucket(service, call);
    version = &find_object(bucket, call);
    call.billed_class = version->attributes.storage_class;
    check_read_conditions(call, *version);
    wanted = wanted_of(call, *version);
    Response out = empty_response(wanted.partial ? 206 : 200);
    set_object_headers(bucket, *version, call.now, out);
    if (wanted.partial && version->size_bytes > 0)
        out.set("Content-Range",
                format("bytes {}-{}/{}", wanted.range.first, wanted.range.first + wanted.range.size_bytes - 1,
                       version->size_bytes));
    bool whole = wanted.range.size_bytes == version->size_bytes;
    if (whole && (wanted.part == nullptr || version->parts.size() == 1))
        set_checksum_headers(call, version->checksum, out);
    else if (wanted.part != nullptr && !wanted.part->checksum.empty())
        set_checksum_headers(
            call, {version->checksum.algorithm, version->checksum.type, wanted.part->checksum}, out);
    if (wanted.part != nullptr && version->multipart)
        out.set("x-amz-mp-parts-count", std::to_string(version->parts.size()));
    return out;
}

/// "response-content-type" and its like of the query stand in for the object's own headers.
void override_headers(const Call& call, Response& response) {
    for (const char* name : {"Content-Type", "Content-Language", "Expires", "Cache-Control",
                             "Content-Disposition", "Content-Encoding"}) {
        const std::string* value = call.parameter("response-" + lower_case(name));
        if (value == nullptr) continue;
        std::erase_if(response.headers, [&](const HttpHeader& header) { return header.name == name; });
        response.set(name, *value);
    }
}

}  // namespace

Response get_object(Service& service, Call& call) {
    const Version* version = nullptr;
    Wanted wanted;
    Response out = describe(service, call, version, wanted);
    if (!is_readable(*version, call.now))
        throw ApiError(
            403, "InvalidObjectState", "The operation is not valid for the object's storage class",
            {{"StorageClass", std::string(storage_class_name(version->attributes.storage_class))}});
    override_headers(call, out);
    std::vector<std::shared_ptr<Blob>> blobs;
    for (const Part& part : version->parts) blobs.push_back(part.blob);
    out.stream = open_blobs(std::move(blobs), wanted.range.first);
    out.stream_bytes = wanted.range.size_bytes;
    service.bill.add_egress(call.now, out.stream_bytes);
    service.bill.add_s3_retrieval(version->attributes.storage_class, out.stream_bytes);
    return out;
}

Response head_object(Service& service, Call& call) {
    const Version* version = nullptr;
    Wanted wanted;
    Response out = describe(service, call, version, wanted);
    override_headers(call, out);
    out.head_bytes = wanted.range.size_bytes;
    return out;
}

}  // namespace icecore::sim::s3
