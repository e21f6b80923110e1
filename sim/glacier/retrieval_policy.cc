#include "sim/glacier/retrieval_policy.h"

#include "sim/api_error.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/operations.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kFreeBytesDaily = (std::uint64_t{10} << 30) / 30;
constexpr std::string_view kDefaultPolicy = R"({"Rules":[{"Strategy":"None","BytesPerHour":null}]})";

/// The one rule of a policy. Throws ApiError for what is none.
Json only_rule(const Json& policy) {
    if (!policy.is_object() || !policy.contains("Rules") || !policy.at("Rules").is_array() ||
        policy.at("Rules").size() != 1 || !policy.at("Rules")[0].is_object())
        invalid("A data retrieval policy has exactly one rule");
    return policy.at("Rules")[0];
}

std::uint64_t standard_bytes_since(const Service& service, Timestamp start) {
    std::uint64_t bytes = 0;
    for (const auto& [name, vault] : service.vaults)
        for (const auto& [id, job] : vault.jobs)
            if (job.tier == "Standard" && job.created > start) bytes += job.range.size_bytes();
    return bytes;
}

}  // namespace

void check_retrieval_policy(const Service& service, const Job& job) {
    if (service.settings.retrieval_policy.empty() || job.tier != "Standard") return;
    Json rule = only_rule(parse_json(service.settings.retrieval_policy));
    std::string strategy = text_field(rule, "Strategy");
    if (strategy == "None") return;
    bool hourly = strategy == "BytesPerHour";
    std::uint64_t bytes_max = hourly ? rule.at("BytesPerHour").get<std::uint64_t>() : kFreeBytesDaily;
    Timestamp start = after(job.created, hourly ? -kHourSec : -kDaySec);
    if (standard_bytes_since(service, start) + job.range.size_bytes() > bytes_max)
        throw ApiError(400, "PolicyEnforcedException",
                       "InitiateJob request denied by current data retrieval policy.");
}

Response get_data_retrieval_policy(Service& service, Call&) {
    const std::string& policy = service.settings.retrieval_policy;
    return json_response({{"Policy", parse_json(policy.empty() ? kDefaultPolicy : policy)}});
}

Response set_data_retrieval_policy(Service& service, Call& call) {
    Json body = json_body(call);
    if (!body.contains("Policy")) missing("Policy");
    Json rule = only_rule(body.at("Policy"));
    std::string strategy = text_field(rule, "Strategy");
    if (strategy != "BytesPerHour" && strategy != "FreeTier" && strategy != "None")
        invalid("Invalid Strategy: " + strategy);
    Json rate = rule.contains("BytesPerHour") ? rule.at("BytesPerHour") : Json();
    bool has_rate = rate.is_number_unsigned() && rate.get<std::uint64_t>() > 0;
    if ((strategy == "BytesPerHour") != has_rate || (!has_rate && !rate.is_null()))
        invalid("BytesPerHour is for the strategy BytesPerHour, and must be a positive number there");
    service.settings.retrieval_policy =
        Json{{"Rules", Json::array({{{"Strategy", strategy}, {"BytesPerHour", rate}}})}}.dump();
    service.storage.save_account(service.settings);
    return empty_response(204);
}

}  // namespace icecore::sim::glacier
