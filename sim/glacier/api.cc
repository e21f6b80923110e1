#include "sim/glacier/api.h"

#include <array>
#include <string>

#include "base/error.h"
#include "base/format.h"
#include "sim/api_error.h"
#include "sim/frame.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/route.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::size_t kTextBytesMax = 1 << 20;
constexpr std::size_t kRequestIdLength = 48;
constexpr std::string_view kVersion = "2012-06-01";
constexpr std::string_view kBrokenCode = "ServiceUnavailableException";

enum class Takes : std::uint8_t { text, data };

struct Operation {
    std::string_view name;
    Response (*run)(Service&, Call&);
    Takes takes = Takes::text;
};

constexpr std::array kOperations = {
    Operation{"CreateVault", create_vault},
    Operation{"DescribeVault", describe_vault},
    Operation{"ListVaults", list_vaults},
    Operation{"DeleteVault", delete_vault},
    Operation{"UploadArchive", upload_archive, Takes::data},
    Operation{"DeleteArchive", delete_archive},
    Operation{"InitiateMultipartUpload", initiate_multipart_upload},
    Operation{"UploadMultipartPart", upload_multipart_part, Takes::data},
    Operation{"CompleteMultipartUpload", complete_multipart_upload},
    Operation{"AbortMultipartUpload", abort_multipart_upload},
    Operation{"ListParts", list_parts},
    Operation{"ListMultipartUploads", list_multipart_uploads},
    Operation{"InitiateJob", initiate_job},
    Operation{"DescribeJob", describe_job},
    Operation{"ListJobs", list_jobs},
    Operation{"GetJobOutput", get_job_output},
    Operation{"SetVaultNotifications", set_vault_notifications},
    Operation{"GetVaultNotifications", get_vault_notifications},
    Operation{"DeleteVaultNotifications", delete_vault_notifications},
    Operation{"SetVaultAccessPolicy", set_vault_access_policy},
    Operation{"GetVaultAccessPolicy", get_vault_access_policy},
    Operation{"DeleteVaultAccessPolicy", delete_vault_access_policy},
    Operation{"AddTagsToVault", add_tags_to_vault},
    Operation{"RemoveTagsFromVault", remove_tags_from_vault},
    Operation{"ListTagsForVault", list_tags_for_vault},
    Operation{"PurchaseProvisionedCapacity", purchase_provisioned_capacity},
    Operation{"ListProvisionedCapacity", list_provisioned_capacity},
    Operation{"InitiateVaultLock", initiate_vault_lock},
    Operation{"GetVaultLock", get_vault_lock},
    Operation{"AbortVaultLock", abort_vault_lock},
    Operation{"CompleteVaultLock", complete_vault_lock},
    Operation{"GetDataRetrievalPolicy", get_data_retrieval_policy},
    Operation{"SetDataRetrievalPolicy", set_data_retrieval_policy},
};

const Operation* find_operation(std::string_view name) {
    for (const Operation& operation : kOperations)
        if (operation.name == name) return &operation;
    return nullptr;
}

Response error_response(const ApiError& error) {
    Json body = {{"code", error.code()},
                 {"message", error.message()},
                 {"type", error.status() >= 500 ? "Server" : "Client"}};
    return json_response(body, error.status());
}

std::string read_text(RequestBody& body) {
    if (body.left_bytes() > kTextBytesMax)
        throw ApiError(400, "BadRequest", format("A body of at most {} bytes is expected", kTextBytesMax));
    Buffer piece;
    body.next(piece);
    return std::string(piece.view());
}

/// Throws ApiError unless the request is signed, and its body (of an operation that takes no data) the one
/// that was signed.
void check_signature(const Authenticator& authenticator, const Call& call, bool takes_data) {
    const std::string* header = call.request.header("x-amz-content-sha256");
    if (takes_data && header == nullptr) missing("x-amz-content-sha256");
    std::string actual = takes_data ? std::string() : sha256(call.text).hex();
    authenticator.check(call.request, "glacier", header != nullptr ? *header : actual);
    if (!takes_data && header != nullptr && *header != actual)
        invalid("The value passed in as x-amz-content-sha256 does not match the computed payload hash.");
}

void check_version(const Request& request) {
    const std::string* version = request.header("x-amz-glacier-version");
    if (version == nullptr) missing("x-amz-glacier-version");
    if (*version != kVersion) invalid("Invalid x-amz-glacier-version: " + *version);
}

}  // namespace

struct Api::State {
    const VirtualClock& clock;
    const Authenticator& authenticator;
    const Access& access;
    Faults& faults;
    Service service;

    Response run(const Operation& operation, Call& call) {
        if (operation.takes == Takes::data) return operation.run(service, call);
        std::lock_guard lock(service.mutex);
        return operation.run(service, call);
    }

    Answer handle(const Route& route, const Operation& operation, Call& call);
    void check_access(const Operation& operation, const Call& call) const;
    Answer carry_out(const Operation& operation, Call& call);
};

/// Vaults are what policies speak of; what concerns the account is allowed on "*" alone.
void Api::State::check_access(const Operation& operation, const Call& call) const {
    std::string resource = call.vault.empty() && operation.name != "ListVaults"
                               ? format("arn:aws:glacier:{}:{}:", service.region, service.account)
                               : vault_arn(service, call.vault);
    std::string refusal = access.refusal(
        Authenticator::claim(call.request).key_id,
        {{}, format("glacier:{}", operation.name), resource, {{"aws:securetransport", "true"}}});
    if (!refusal.empty()) throw ApiError(403, "AccessDeniedException", refusal);
}

/// Checks who asks, carries it out and puts it on the bill, unless it failed with 5xx.
Answer Api::State::handle(const Route& route, const Operation& operation, Call& call) {
    bool takes_data = operation.takes == Takes::data;
    if (!takes_data) call.text = read_text(call.body);
    check_signature(authenticator, call, takes_data);
    check_version(call.request);
    check_access(operation, call);
    if (route.account != "-" && route.account != service.account)
        throw ApiError(403, "AccessDeniedException",
                       format("User is not authorized to act for the account {}", route.account));
    return put_on_bill([&] { service.bill.add_request(operation.name); },
                       [&] { return carry_out(operation, call); });
}

Answer Api::State::carry_out(const Operation& operation, Call& call) {
    auto prepare = [&](const Fault& fault) {
        call.fail_job = fault.kind == Fault::Kind::fail_job;
        std::lock_guard lock(service.mutex);
        auto vault = service.vaults.find(call.vault);
        if (fault.kind == Fault::Kind::forget_upload && vault != service.vaults.end())
            forget_upload(service, vault->second, call.id);
    };
    return with_fault(faults, kBrokenCode, operation.name, call.request, prepare,
                      [&] { return run(operation, call); });
}

Api::Api(const ApiOptions& options, const ApiSetting& setting)
    : state_(new State{setting.clock, setting.authenticator, setting.access, setting.faults,
                       Service{options.account, options.region, Storage(options.data_dir), setting.bill}}) {
    state_->service.settings = state_->service.storage.load_account();
    state_->service.vaults = state_->service.storage.load_vaults();
}

Api::~Api() = default;
Api::Api(Api&&) noexcept = default;

Answer Api::handle(const Request& request, RequestBody& body) {
    auto run = [&] {
        std::optional<Route> route = find_route(request);
        const Operation* operation = route ? find_operation(route->operation) : nullptr;
        if (operation == nullptr)
            throw ApiError(404, "UnknownOperationException", "No operation of the vault API has this path");
        Call call{request, body, state_->clock, state_->clock.now(), route->vault, route->id};
        call.query = query_parameters(request.query);
        try {
            return state_->handle(*route, *operation, call);
        } catch (const Json::exception& error) {
            throw ApiError(400, "SerializationException", error.what());
        }
    };
    Answer answer = answer_request(request, body, state_->service.bill, kBrokenCode, run, error_response);
    answer.response.set("x-amzn-RequestId", random_id(kRequestIdLength));
    return answer;
}

std::vector<StoredInterval> Api::stored() const {
    std::lock_guard lock(state_->service.mutex);
    std::vector<StoredInterval> out = state_->service.storage.gone();
    for (const auto& [name, vault] : state_->service.vaults)
        for (const auto& [id, archive] : vault.archives)
            if (!archive.deleted)
                out.push_back({archive.size_bytes, archive.created, state_->clock.now(), false});
    return out;
}

}  // namespace icecore::sim::glacier
