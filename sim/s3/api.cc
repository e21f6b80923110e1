#include "sim/s3/api.h"

#include <array>
#include <optional>
#include <string_view>

#include "base/format.h"
#include "sim/frame.h"
#include "sim/random_id.h"
#include "sim/s3/intervals.h"
#include "sim/s3/lifecycle.h"
#include "sim/s3/operations.h"
#include "sim/s3/permissions.h"
#include "sim/s3/route.h"
#include "sim/s3/signature.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

/// A Complete of 10,000 parts with checksums, or 1,000 keys to delete, is the largest that makes sense.
constexpr std::uint64_t kTextBytesMax = 8 << 20;
constexpr std::size_t kRequestIdLength = 16;
constexpr std::string_view kBrokenCode = "InternalError";

enum class Takes : std::uint8_t {
    text,
    protected_text,  ///< with Content-MD5 or a checksum
    text_of_object,  ///< checksums in the head are of the object
    data,
};

/// Whether the operation runs with the lock, or takes it itself where it needs it: it may be at work for
/// long.
enum class Locking : std::uint8_t { whole, own };

using Rate = Bill::S3Rate;

struct Operation {
    std::string_view name;
    Response (*run)(Service&, Call&);
    Rate rate = Rate::get;
    Takes takes = Takes::text;
    Locking locking = Locking::whole;
};

constexpr std::array kOperations = {
    Operation{"ListBuckets", list_buckets, Rate::put},
    Operation{"CreateBucket", create_bucket, Rate::put},
    Operation{"HeadBucket", head_bucket, Rate::get},
    Operation{"DeleteBucket", delete_bucket, Rate::free},
    Operation{"GetBucketLocation", get_bucket_location, Rate::get},
    Operation{"PutObject", put_object, Rate::put, Takes::data, Locking::own},
    Operation{"GetObject", get_object, Rate::get},
    Operation{"HeadObject", head_object, Rate::get},
    Operation{"GetObjectAttributes", get_object_attributes, Rate::get},
    Operation{"CopyObject", copy_object, Rate::put, Takes::text, Locking::own},
    Operation{"DeleteObject", delete_object, Rate::free},
    Operation{"DeleteObjects", delete_objects, Rate::free, Takes::protected_text},
    Operation{"CreateMultipartUpload", create_multipart_upload, Rate::put},
    Operation{"UploadPart", upload_part, Rate::put, Takes::data, Locking::own},
    Operation{"CompleteMultipartUpload", complete_multipart_upload, Rate::put, Takes::text_of_object},
    Operation{"AbortMultipartUpload", abort_multipart_upload, Rate::free},
    Operation{"ListParts", list_parts, Rate::put},
    Operation{"ListMultipartUploads", list_multipart_uploads, Rate::put},
    Operation{"ListObjects", list_objects, Rate::put},
    Operation{"ListObjectsV2", list_objects_v2, Rate::put},
    Operation{"ListObjectVersions", list_object_versions, Rate::put},
    Operation{"RestoreObject", restore_object, Rate::free},
    Operation{"PutBucketVersioning", put_bucket_versioning, Rate::put},
    Operation{"GetBucketVersioning", get_bucket_versioning, Rate::get},
    Operation{"PutBucketLifecycleConfiguration", put_bucket_lifecycle_configuration, Rate::put,
              Takes::protected_text},
    Operation{"GetBucketLifecycleConfiguration", get_bucket_lifecycle_configuration, Rate::get},
    Operation{"DeleteBucketLifecycle", delete_bucket_lifecycle, Rate::free},
    Operation{"PutObjectLockConfiguration", put_object_lock_configuration, Rate::put, Takes::protected_text},
    Operation{"GetObjectLockConfiguration", get_object_lock_configuration, Rate::get},
    Operation{"PutObjectRetention", put_object_retention, Rate::put, Takes::protected_text},
    Operation{"GetObjectRetention", get_object_retention, Rate::get},
    Operation{"PutObjectLegalHold", put_object_legal_hold, Rate::put, Takes::protected_text},
    Operation{"GetObjectLegalHold", get_object_legal_hold, Rate::get},
    Operation{"PutObjectTagging", put_object_tagging, Rate::put, Takes::protected_text},
    Operation{"GetObjectTagging", get_object_tagging, Rate::get},
    Operation{"DeleteObjectTagging", delete_object_tagging, Rate::free},
    Operation{"PutBucketTagging", put_bucket_tagging, Rate::put, Takes::protected_text},
    Operation{"GetBucketTagging", get_bucket_tagging, Rate::get},
    Operation{"DeleteBucketTagging", delete_bucket_tagging, Rate::free},
    Operation{"PutBucketPolicy", put_bucket_policy, Rate::put},
    Operation{"GetBucketPolicy", get_bucket_policy, Rate::get},
    Operation{"DeleteBucketPolicy", delete_bucket_policy, Rate::free},
    Operation{"PutBucketEncryption", put_bucket_encryption, Rate::put},
    Operation{"GetBucketEncryption", get_bucket_encryption, Rate::get},
    Operation{"DeleteBucketEncryption", delete_bucket_encryption, Rate::free},
    Operation{"PutPublicAccessBlock", put_public_access_block, Rate::put},
    Operation{"GetPublicAccessBlock", get_public_access_block, Rate::get},
    Operation{"DeletePublicAccessBlock", delete_public_access_block, Rate::free},
};

const Operation* find_operation(std::string_view name) {
    for (const Operation& operation : kOperations)
        if (operation.name == name) return &operation;
    return nullptr;
}

std::string upper_id() {
    std::string id = random_id(kRequestIdLength);
    for (char& c : id) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == '-' || c == '_') c = 'Z';
    }
    return id;
}

/// Details whose names begin with "x-amz-" are headers; the right region is both.
Response error_response(const ApiError& error, const Request& request, const std::string& id) {
    Response out{.status = error.status(), .headers = {}, .body = {}};
    XmlWriter xml("Error", false);
    xml.text("Code", error.code()).text("Message", error.message());
    for (const auto& [name, value] : error.details()) {
        if (name.starts_with("x-amz-") || error.status() == 304)
            out.set(name, value);
        else
            xml.text(name, value);
        if (name == "Region") out.set("x-amz-bucket-region", value);
    }
    std::optional<std::string> resource = percent_decode(request.path);
    xml.text("Resource", resource.value_or(request.path)).text("RequestId", id).text("HostId", "icecore-sim");
    if (error.status() == 304) return out;
    out.set("Content-Type", "application/xml");
    out.body = xml.finish();
    return out;
}

std::string read_text(Payload& payload) {
    if (payload.size_bytes() > kTextBytesMax)
        throw ApiError(400, "MaxMessageLengthExceeded", "Your request was too big.",
                       {{"MaxMessageLengthBytes", std::to_string(kTextBytesMax)}});
    std::string text;
    payload.read([&](const std::shared_ptr<const Buffer>& piece) { text += piece->view(); }, std::nullopt,
                 false);
    return text;
}

}  // namespace

struct Api::State {
    const VirtualClock& clock;
    const Authenticator& authenticator;
    Faults& faults;
    Service service;

    /// The region that a request must be signed for.
    std::string region_of(const Request& request, const Route& route);
    Answer handle(const Request& request, RequestBody& body);
    void prepare(const Operation& operation, const Call& call);
    Response run(const Operation& operation, Call& call);
    void forget_upload(const Call& call);
};

/// Clients that ask the endpoint of another region than the bucket's are sent there. As this is the only
/// endpoint there is, it also takes what is signed for the bucket's own region.
std::string Api::State::region_of(const Request& request, const Route& route) {
    std::lock_guard lock(service.mutex);
    const Bucket* bucket = service.storage.find_bucket(route.bucket);
    if (bucket == nullptr || bucket->region == service.region || route.operation == "CreateBucket" ||
        route.operation == "GetBucketLocation")
        return service.region;
    if (signed_region(request) != service.region) return bucket->region;
    throw ApiError(301, "PermanentRedirect",
                   "The bucket you are attempting to access must be addressed using the specified endpoint. "
                   "Please send all future requests to this endpoint.",
                   {{"Endpoint", format("{}.s3.{}.amazonaws.com", bucket->name, bucket->region)},
                    {"Bucket", bucket->name},
                    {"Region", bucket->region}});
}

/// Brings the bucket up to date and checks whether the caller may do this. A bucket that is not there is for
/// the operation to say, whoever asks.
void Api::State::prepare(const Operation& operation, const Call& call) {
    std::lock_guard lock(service.mutex);
    bring_up_to(service, call.bucket, call.now);
    if (!call.bucket.empty() && service.storage.find_bucket(call.bucket) == nullptr &&
        operation.name != "CreateBucket")
        return;
    for (const PolicyRequest& request : permissions_of(operation.name, call))
        check_allowed(service, call, request);
}

void Api::State::forget_upload(const Call& call) {
    std::lock_guard lock(service.mutex);
    const Bucket* bucket = service.storage.find_bucket(call.bucket);
    const std::string* id = call.parameter("uploadId");
    if (bucket != nullptr && id != nullptr && bucket->uploads.contains(*id))
        service.storage.end_upload(call.bucket, *id, call.now);
}

Response Api::State::run(const Operation& operation, Call& call) {
    if (operation.locking == Locking::own) return operation.run(service, call);
    std::lock_guard lock(service.mutex);
    try {
        Response response = operation.run(service, call);
        hide_lock(service, call, response);
        return response;
    } catch (const ApiError& error) {
        // Who may not list must not learn from an object's absence either.
        if (error.code() == "NoSuchKey" && operation.rate == Rate::get)
            check_allowed(service, call, permission_to_list(call));
        throw;
    }
}

/// Checks who asks, carries it out and puts it on the bill, unless it failed with 5xx.
Answer Api::State::handle(const Request& request, RequestBody& body) {
    Route route = find_route(request);
    ChunkSigner signer = check_signature(authenticator, request, region_of(request, route));
    const Operation* operation = find_operation(route.operation);
    if (operation == nullptr)
        throw ApiError(501, "NotImplemented",
                       "A header or parameter you provided implies functionality that is not implemented",
                       {{"Operation", std::string(route.operation)}});
    auto checksums = operation->takes == Takes::text_of_object ? Payload::ChecksumsOf::something_else
                                                               : Payload::ChecksumsOf::body;
    Payload payload(request, body, std::move(signer), checksums);
    Call call{request, payload, clock, clock.now(), route.bucket, route.key};
    call.query = query_parameters(request.query);
    call.key_id = Authenticator::claim(request).key_id;
    auto charge = [&] { service.bill.add_s3_request(operation->name, operation->rate, call.billed_class); };
    return put_on_bill(charge, [&] {
        prepare(*operation, call);
        if (operation->takes != Takes::data) call.text = read_text(payload);
        if (operation->takes == Takes::protected_text && !payload.is_protected())
            invalid_request("Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
        auto before = [&](const Fault& fault) {
            if (fault.kind == Fault::Kind::forget_upload) forget_upload(call);
        };
        return with_fault(faults, kBrokenCode, operation->name, request, before,
                          [&] { return run(*operation, call); });
    });
}

Api::Api(const ApiOptions& options, const ApiSetting& setting, unsigned parts_max)
    : state_(new State{setting.clock, setting.authenticator, setting.faults,
                       Service{options.account,
                               options.region,
                               setting.bill,
                               setting.access,
                               parts_max,
                               {},
                               Storage(options.data_dir)}}) {}

Api::~Api() = default;
Api::Api(Api&&) noexcept = default;

Answer Api::handle(const Request& request, RequestBody& body) {
    std::string id = upper_id();
    Answer answer = answer_request(
        request, body, state_->service.bill, kBrokenCode, [&] { return state_->handle(request, body); },
        [&](const ApiError& error) { return error_response(error, request, id); });
    answer.response.set("x-amz-request-id", id);
    answer.response.set("x-amz-id-2", "icecore-sim");
    return answer;
}

std::vector<S3Interval> Api::stored() const {
    std::lock_guard lock(state_->service.mutex);
    Timestamp now = state_->clock.now();
    for (const auto& [name, bucket] : state_->service.storage.buckets())
        bring_up_to(state_->service, name, now);
    std::vector<S3Interval> out = state_->service.storage.gone();
    for (const auto& [name, bucket] : state_->service.storage.buckets()) {
        for (const auto& [key, versions] : bucket.keys)
            for (const Version& version : versions) add_intervals(version, now, false, out);
        for (const auto& [id, upload] : bucket.uploads) add_intervals(upload, now, out);
    }
    return out;
}

}  // namespace icecore::sim::s3
