#include <algorithm>
#include <vector>

#include "base/format.h"
#include "sim/glacier/expiry.h"
#include "sim/glacier/inventory.h"
#include "sim/glacier/job_times.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/part_file.h"
#include "sim/glacier/retrieval_policy.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kPageMax = 50;
constexpr std::size_t kJobIdLength = 92;

/// The part of `job` that both kinds have. `order` is the request's body.
Job begin_job(const Call& call, const Json& order, Job::Kind kind) {
    Job job{.id = random_id(kJobIdLength), .kind = kind, .created = call.now};
    job.description = text_field(order, "Description");
    check_description(job.description);
    job.sns_topic = text_field(order, "SNSTopic");
    if (!job.sns_topic.empty() && !job.sns_topic.starts_with("arn:"))
        invalid("Invalid SNS topic ARN: " + job.sns_topic);
    if (call.fail_job) job.failure = "The job failed, as was ordered";
    return job;
}

ByteRange job_range(const std::string& text, std::uint64_t size_bytes) {
    if (text.empty()) return {0, size_bytes - 1};
    std::optional<ByteRange> range = parse_range(text);
    if (!range || !megabyte_aligned(*range, size_bytes))
        invalid(
            format("Invalid RetrievalByteRange: {}. It must begin at a multiple of 1 MiB, and end before one "
                   "or at the end of the archive's {} bytes",
                   text, size_bytes));
    return *range;
}

Job archive_job(Service& service, const Vault& vault, const Call& call, const Json& order) {
    Job job = begin_job(call, order, Job::Kind::archive);
    job.archive_id = text_field(order, "ArchiveId");
    if (job.archive_id.empty()) missing("ArchiveId");
    auto found = vault.archives.find(job.archive_id);
    if (found == vault.archives.end() || found->second.deleted)
        not_found("The archive ID was not found: " + job.archive_id);
    const Archive& archive = found->second;
    job.tier = text_field(order, "Tier");
    if (job.tier.empty()) job.tier = "Standard";
    if (!is_tier(job.tier)) invalid("Invalid Tier: " + job.tier);
    job.archive_bytes = archive.size_bytes;
    job.archive_tree_hash = archive.tree_hash;
    job.range = job_range(text_field(order, "RetrievalByteRange"), archive.size_bytes);
    if (tree_hash_aligned(job.range, archive.size_bytes))
        job.range_tree_hash =
            range_tree_hash(service.storage.archive_dir(vault, archive), archive, job.range);
    check_retrieval_policy(service, job);
    job.due = after(job.created, job_duration_sec(job.tier, job.id));
    return job;
}

std::optional<Timestamp> date_field(const Json& parameters, const char* key) {
    std::string text = text_field(parameters, key);
    if (text.empty()) return std::nullopt;
    std::optional<Timestamp> t = parse_utc(text);
    if (!t) invalid(format("Invalid {}: {}", key, text));
    return t;
}

InventoryQuery inventory_query(const Json& order) {
    InventoryQuery query;
    if (std::string wanted = text_field(order, "Format"); !wanted.empty()) query.format = wanted;
    if (query.format != "JSON" && query.format != "CSV") invalid("Invalid Format: " + query.format);
    Json parameters = order.value("InventoryRetrievalParameters", Json::object());
    if (parameters.is_null()) return query;
    if (!parameters.is_object()) invalid("InventoryRetrievalParameters must be an object");
    query.start = date_field(parameters, "StartDate");
    query.end = date_field(parameters, "EndDate");
    if (query.start && query.end && *query.start > *query.end) invalid("StartDate is after EndDate");
    if (std::string limit = text_field(parameters, "Limit"); !limit.empty()) {
        query.limit = parse_decimal(limit);
        if (!query.limit || *query.limit == 0) invalid("Invalid Limit: " + limit);
    }
    query.marker = text_field(parameters, "Marker");
    return query;
}

Job inventory_job(Service& service, const Vault& vault, const Call& call, const Json& order) {
    Job job = begin_job(call, order, Job::Kind::inventory);
    for (const char* key : {"ArchiveId", "RetrievalByteRange"})
        if (!text_field(order, key).empty()) invalid(format("{} is not for inventory jobs", key));
    if (!vault.inventory)
        not_found(
            "Vault inventory is not available yet: the first one is taken a day after the first upload to " +
            vault_arn(service, vault.name));
    job.query = inventory_query(order);
    InventoryOutput output = write_inventory(service.storage, vault, vault_arn(service, vault.name),
                                             job.query, service.storage.job_output_path(vault, job.id));
    job.next_marker = output.next_marker;
    job.inventory_bytes = output.size_bytes;
    job.due = after(job.created, job_duration_sec("Inventory", job.id));
    return job;
}

std::string_view status_code(const Job& job, Timestamp now) {
    if (job.due > now) return "InProgress";
    return job.failure.empty() ? "Succeeded" : "Failed";
}

Json inventory_parameters(const Job& job, bool succeeded) {
    const InventoryQuery& query = job.query;
    return {{"Format", query.format},
            {"StartDate", query.start ? Json(api_time(*query.start)) : Json()},
            {"EndDate", query.end ? Json(api_time(*query.end)) : Json()},
            {"Limit", query.limit ? Json(format("{}", *query.limit)) : Json()},
            {"Marker", text_or_null(succeeded ? job.next_marker : query.marker)}};
}

/// Every key is there: some clients need them all.
Json describe(const Service& service, const Vault& vault, const Job& job, Timestamp now) {
    std::string_view status = status_code(job, now);
    bool completed = status != "InProgress";
    bool succeeded = status == "Succeeded";
    bool of_archive = job.kind == Job::Kind::archive;
    bool whole = of_archive && job.range.size_bytes() == job.archive_bytes;
    bool hash_known = !job.range_tree_hash.empty() && (completed || !whole);
    Json message = succeeded ? "Succeeded" : text_or_null(job.failure);
    return {{"Action", of_archive ? "ArchiveRetrieval" : "InventoryRetrieval"},
            {"ArchiveId", text_or_null(job.archive_id)},
            {"ArchiveSHA256TreeHash", of_archive ? Json(job.archive_tree_hash.hex()) : Json()},
            {"ArchiveSizeInBytes", of_archive ? Json(job.archive_bytes) : Json()},
            {"Completed", completed},
            {"CompletionDate", completed ? Json(api_time(job.due)) : Json()},
            {"CreationDate", api_time(job.created)},
            {"InventoryRetrievalParameters", of_archive ? Json() : inventory_parameters(job, succeeded)},
            {"InventorySizeInBytes", !of_archive && succeeded ? Json(job.inventory_bytes) : Json()},
            {"JobDescription", text_or_null(job.description)},
            {"JobId", job.id},
            {"JobOutputPath", nullptr},
            {"OutputLocation", nullptr},
            {"RetrievalByteRange", of_archive ? Json(format_range(job.range)) : Json()},
            {"SHA256TreeHash", hash_known ? Json(job.range_tree_hash.hex()) : Json()},
            {"SNSTopic", text_or_null(job.sns_topic)},
            {"SelectParameters", nullptr},
            {"StatusCode", status},
            {"StatusMessage", completed ? message : Json()},
            {"Tier", text_or_null(job.tier)},
            {"VaultARN", vault_arn(service, vault.name)}};
}

const Job& find_job(const Vault& vault, const std::string& id) {
    auto found = vault.jobs.find(id);
    if (found == vault.jobs.end()) not_found("The job ID was not found: " + id);
    return found->second;
}

/// Whether the job is one of those that the query of ListJobs asks for.
bool listed(const Call& call, const Job& job) {
    std::string_view status = status_code(job, call.now);
    auto completed = call.query.find("completed");
    auto code = call.query.find("statuscode");
    return (completed == call.query.end() || (completed->second == "true") == (status != "InProgress")) &&
           (code == call.query.end() || code->second == status);
}

void check_list_query(const Call& call) {
    if (auto completed = call.query.find("completed");
        completed != call.query.end() && completed->second != "true" && completed->second != "false")
        invalid("Invalid completed: " + completed->second);
    if (auto code = call.query.find("statuscode"); code != call.query.end() && code->second != "InProgress" &&
                                                   code->second != "Succeeded" && code->second != "Failed")
        invalid("Invalid statuscode: " + code->second);
}

}  // namespace

Response initiate_job(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    Json order = json_body(call);
    std::string type = text_field(order, "Type");
    if (type.empty()) missing("Type");
    if (type != "archive-retrieval" && type != "inventory-retrieval") invalid("Invalid job type: " + type);
    bool of_archive = type == "archive-retrieval";
    Job job =
        of_archive ? archive_job(service, vault, call, order) : inventory_job(service, vault, call, order);
    if (of_archive)
        service.bill.add_retrieval(job.tier, job.range.size_bytes());  // first: kill -9 loses none
    service.storage.save_job(vault, job);
    Response out = empty_response(202);
    out.set("x-amz-job-id", job.id);
    out.set("Location", format("/{}/vaults/{}/jobs/{}", service.account, vault.name, job.id));
    vault.jobs.emplace(job.id, std::move(job));
    return out;
}

Response describe_job(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    return json_response(describe(service, vault, find_job(vault, call.id), call.now));
}

Response list_jobs(Service& service, Call& call) {
    std::uint64_t limit = page_limit(call, kPageMax);
    check_list_query(call);
    Vault& vault = find_vault(service, call);
    std::vector<const Job*> jobs;
    for (const auto& [id, job] : vault.jobs) jobs.push_back(&job);
    std::sort(jobs.begin(), jobs.end(), [](const Job* a, const Job* b) {
        return std::tie(a->created, a->id) < std::tie(b->created, b->id);
    });
    auto job = jobs.begin();
    if (auto marker = call.query.find("marker"); marker != call.query.end()) {
        job = std::find_if(jobs.begin(), jobs.end(), [&](const Job* j) { return j->id == marker->second; });
        if (job == jobs.end()) invalid("Invalid marker: " + marker->second);
    }
    Json out = {{"JobList", Json::array()}, {"Marker", nullptr}};
    for (; job != jobs.end(); ++job) {
        if (!listed(call, **job)) continue;
        if (limit-- == 0) {
            out["Marker"] = (*job)->id;
            break;
        }
        out["JobList"].push_back(describe(service, vault, **job, call.now));
    }
    return json_response(out);
}

Response get_job_output(Service& service, Call& call) {
    Vault& vault = find_vault(service, call);
    const Job& job = find_job(vault, call.id);
    if (status_code(job, call.now) != "Succeeded")
        invalid("The job is not currently available for download: " + job.id);
    return job_output(service, vault, job, call);
}

}  // namespace icecore::sim::glacier
