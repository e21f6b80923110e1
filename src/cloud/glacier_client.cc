#include "cloud/glacier_client.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "cloud/glacier_reply.h"
#include "cloud/inventory_parser.h"

namespace icecore::cloud {
namespace {

ErrorReply parse_error(const HttpResponse& response) {
    Json json = parse_json(response.body);
    if (!json.is_object()) return {};
    return {optional_text(json, "code"), optional_text(json, "message")};
}

std::string query(std::initializer_list<std::pair<std::string_view, std::string_view>> parameters) {
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        if (!out.empty()) out += '&';
        out += format("{}={}", name, percent_encode(value));
    }
    return out;
}

const std::string& require_header(const HttpResponse& response, std::string_view name) {
    const std::string* value = response.header(name);
    if (value == nullptr || value->empty())
        throw Error(Error::Kind::corrupt, format("the answer has no {} header", name));
    return *value;
}

Digest digest_of(std::string_view hex) {
    return hex.empty() ? Digest{} : parse_digest(hex);
}

void check_tree_hash(const HttpResponse& response, const Digest& expected) {
    if (digest_of(require_header(response, "x-amz-sha256-tree-hash")) != expected)
        throw Error(Error::Kind::corrupt, "the service has computed another tree hash than we have",
                    "the bytes were changed on their way, or the service lies; nothing counts as stored");
}

void check_description(std::string_view text) {
    bool good = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
    if (!good || text.size() > GlacierClient::kDescriptionBytesMax)
        throw Error(Error::Kind::invalid,
                    "an archive's description can hold 1,024 printable ASCII characters");
}

/// "Content-Range: bytes 0-1048575/8388608" must say what was asked for.
void check_content_range(const HttpResponse& response, std::uint64_t offset, std::uint64_t length_bytes) {
    const std::string* range = response.header("Content-Range");
    std::string expected = format("bytes {}-{}/", offset, offset + length_bytes - 1);
    if (response.status == 206 && (range == nullptr || !range->starts_with(expected)))
        throw Error(Error::Kind::corrupt, "the service sent another range than was asked for");
    if (response.status != 206 && offset != 0)
        throw Error(Error::Kind::corrupt, "the service sent all instead of a range");
}

constexpr std::string_view kPageSize = "50";

}  // namespace

GlacierClient::GlacierClient(AwsOptions options, std::string account)
    : client_(std::move(options), parse_error), account_(std::move(account)) {}

std::string GlacierClient::vault_path(std::string_view vault, std::string_view rest) const {
    check_vault_name(vault);
    return format("/{}/vaults/{}{}", account_, vault, rest);
}

HttpResponse GlacierClient::call(AwsRequest request, const BodySink& sink) {
    request.headers.push_back({"x-amz-glacier-version", "2012-06-01"});
    try {
        return client_.call(request, sink);
    } catch (ServiceError& e) {
        // The service has one code for all that is not there, and the words tell which it is.
        if (e.kind() == Error::Kind::not_found && e.message().find("Vault not found") != std::string::npos)
            e.set_hint(format("is \"{}\" the right region? `icecore vault create` makes a vault",
                              client_.options().scope.region));
        throw;
    }
}

/// Asks for page after page; `visit_page` gets each.
template <typename VisitPage>
void GlacierClient::page_through(const AwsRequest& first, std::string_view limit,
                                 const VisitPage& visit_page) {
    std::string marker;
    do {
        AwsRequest request = first;
        request.query = query({{"limit", limit}, {"marker", marker}});
        HttpResponse response = call(std::move(request));
        in_reply(first.doing, [&] {
            Json page = parse_json(response.body);
            visit_page(page);
            std::string next = optional_text(page, "Marker");
            if (!next.empty() && next == marker)
                throw Error(Error::Kind::corrupt, "the list goes round in circles");
            marker = std::move(next);
        });
    } while (!marker.empty());
}

// ---- vaults ----

void GlacierClient::create_vault(const std::string& vault) {
    call({.method = "PUT", .path = vault_path(vault), .doing = "making vault " + vault});
}

GlacierVault GlacierClient::describe_vault(const std::string& vault) {
    std::string doing = "looking at vault " + vault;
    HttpResponse response = call({.method = "GET", .path = vault_path(vault), .doing = doing});
    return in_reply(doing, [&] { return parse_vault(parse_json(response.body)); });
}

void GlacierClient::list_vaults(const std::function<void(const GlacierVault&)>& visit) {
    AwsRequest request{.method = "GET", .path = format("/{}/vaults", account_), .doing = "listing vaults"};
    page_through(request, "10", [&](const Json& page) {
        for (const Json& item : require_array(page, "VaultList")) visit(parse_vault(item));
    });
}

void GlacierClient::delete_vault(const std::string& vault) {
    call({.method = "DELETE", .path = vault_path(vault), .doing = "deleting vault " + vault});
}

// ---- archives ----

std::string GlacierClient::upload_archive(const std::string& vault, const std::string& description,
                                          const GlacierContent& content) {
    check_description(description);
    AwsRequest request{.method = "POST",
                       .path = vault_path(vault, "/archives"),
                       .headers = {{"x-amz-sha256-tree-hash", content.tree_hash.hex()}},
                       .content = content.source,
                       .content_offset = content.offset,
                       .content_bytes = content.length_bytes,
                       .payload_hash = content.sha256.hex(),
                       .doing = format("storing {} in vault {}", description, vault)};
    if (!description.empty()) request.headers.push_back({"x-amz-archive-description", description});
    std::string doing = request.doing;
    HttpResponse response = call(std::move(request));
    return in_reply(doing, [&] {
        check_tree_hash(response, content.tree_hash);
        return require_header(response, "x-amz-archive-id");
    });
}

void GlacierClient::delete_archive(const std::string& vault, const std::string& archive_id) {
    call({.method = "DELETE",
          .path = vault_path(vault, "/archives/" + percent_encode(archive_id)),
          .doing = format("deleting an archive of vault {}", vault)});
}

// ---- multipart uploads ----

std::string GlacierClient::initiate_multipart(const std::string& vault, const std::string& description,
                                              std::uint64_t part_bytes) {
    check_description(description);
    AwsRequest request{.method = "POST",
                       .path = vault_path(vault, "/multipart-uploads"),
                       .headers = {{"x-amz-part-size", format("{}", part_bytes)}},
                       .doing = format("beginning to store {} in vault {}", description, vault),
                       .repeatable = false};
    if (!description.empty()) request.headers.push_back({"x-amz-archive-description", description});
    std::string doing = request.doing;
    HttpResponse response = call(std::move(request));
    return in_reply(doing, [&] { return require_header(response, "x-amz-multipart-upload-id"); });
}

void GlacierClient::upload_part(const std::string& vault, const std::string& upload_id,
                                const GlacierContent& content) {
    std::uint64_t last = content.offset + content.length_bytes - 1;
    AwsRequest request{.method = "PUT",
                       .path = vault_path(vault, "/multipart-uploads/" + percent_encode(upload_id)),
                       .headers = {{"Content-Range", format("bytes {}-{}/*", content.offset, last)},
                                   {"Content-Type", "application/octet-stream"},
                                   {"x-amz-sha256-tree-hash", content.tree_hash.hex()}},
                       .content = content.source,
                       .content_offset = content.offset,
                       .content_bytes = content.length_bytes,
                       .payload_hash = content.sha256.hex(),
                       .doing = format("storing bytes {}-{} in vault {}", content.offset, last, vault)};
    std::string doing = request.doing;
    HttpResponse response = call(std::move(request));
    in_reply(doing, [&] { check_tree_hash(response, content.tree_hash); });
}

std::string GlacierClient::complete_multipart(const std::string& vault, const std::string& upload_id,
                                              std::uint64_t size_bytes, const Digest& tree_hash) {
    std::string doing = format("completing an archive of {} bytes in vault {}", size_bytes, vault);
    HttpResponse response =
        call({.method = "POST",
              .path = vault_path(vault, "/multipart-uploads/" + percent_encode(upload_id)),
              .headers = {{"x-amz-archive-size", format("{}", size_bytes)},
                          {"x-amz-sha256-tree-hash", tree_hash.hex()}},
              .doing = doing});
    return in_reply(doing, [&] {
        if (response.header("x-amz-sha256-tree-hash") != nullptr) check_tree_hash(response, tree_hash);
        return require_header(response, "x-amz-archive-id");
    });
}

void GlacierClient::abort_multipart(const std::string& vault, const std::string& upload_id) {
    call({.method = "DELETE",
          .path = vault_path(vault, "/multipart-uploads/" + percent_encode(upload_id)),
          .doing = format("giving up an upload in vault {}", vault)});
}

std::uint64_t GlacierClient::list_parts(const std::string& vault, const std::string& upload_id,
                                        const std::function<void(const GlacierPart&)>& visit) {
    AwsRequest request{.method = "GET",
                       .path = vault_path(vault, "/multipart-uploads/" + percent_encode(upload_id)),
                       .doing = format("asking which parts vault {} has", vault)};
    std::uint64_t part_bytes = 0;
    page_through(request, kPageSize, [&](const Json& page) {
        part_bytes = parse_upload(page).part_bytes;
        for (const Json& item : require_array(page, "Parts")) visit(parse_part(item));
    });
    return part_bytes;
}

void GlacierClient::list_multipart(const std::string& vault,
                                   const std::function<void(const GlacierUpload&)>& visit) {
    AwsRequest request{.method = "GET",
                       .path = vault_path(vault, "/multipart-uploads"),
                       .doing = format("listing the unfinished uploads of vault {}", vault)};
    page_through(request, kPageSize, [&](const Json& page) {
        for (const Json& item : require_array(page, "UploadsList")) visit(parse_upload(item));
    });
}

// ---- jobs ----

std::string GlacierClient::initiate_job(const std::string& vault, std::string body,
                                        const std::string& doing) {
    HttpResponse response = call({.method = "POST",
                                  .path = vault_path(vault, "/jobs"),
                                  .headers = {{"Content-Type", "application/json"}},
                                  .body = std::move(body),
                                  .doing = doing,
                                  .repeatable = false});
    return in_reply(doing, [&] { return require_header(response, "x-amz-job-id"); });
}

std::string GlacierClient::initiate_archive_job(const std::string& vault, const GlacierArchiveJob& job) {
    check_description(job.description);
    std::string body;
    JsonWriter json(body);
    json.begin_object().field("Type", "archive-retrieval").field("ArchiveId", job.archive_id);
    json.field("Tier", tier_name(job.tier));
    if (job.length_bytes > 0)
        json.field("RetrievalByteRange", format("{}-{}", job.offset, job.offset + job.length_bytes - 1));
    if (!job.description.empty()) json.field("Description", job.description);
    json.end_object();
    return initiate_job(
        vault, std::move(body),
        format("asking vault {} for {}", vault, job.description.empty() ? "an archive" : job.description));
}

std::string GlacierClient::initiate_inventory_job(const std::string& vault, const std::string& description) {
    check_description(description);
    std::string body;
    JsonWriter json(body);
    json.begin_object().field("Type", "inventory-retrieval").field("Format", "JSON");
    if (!description.empty()) json.field("Description", description);
    json.end_object();
    return initiate_job(vault, std::move(body), format("asking vault {} for its inventory", vault));
}

GlacierJob GlacierClient::describe_job(const std::string& vault, const std::string& job_id) {
    std::string doing = format("looking at a job of vault {}", vault);
    HttpResponse response =
        call({.method = "GET", .path = vault_path(vault, "/jobs/" + percent_encode(job_id)), .doing = doing});
    return in_reply(doing, [&] { return parse_job(parse_json(response.body)); });
}

void GlacierClient::list_jobs(const std::string& vault, const std::function<void(const GlacierJob&)>& visit) {
    AwsRequest request{.method = "GET",
                       .path = vault_path(vault, "/jobs"),
                       .doing = format("listing the jobs of vault {}", vault)};
    page_through(request, kPageSize, [&](const Json& page) {
        for (const Json& item : require_array(page, "JobList"))
            if (is_known_job(item)) visit(parse_job(item));
    });
}

HttpResponse GlacierClient::call_output(const std::string& vault, AwsRequest request, const BodySink& sink) {
    try {
        return call(std::move(request), sink);
    } catch (const ServiceError& e) {
        // The service's words for a job in progress; it has no code of its own for that.
        if (e.status() != 400 ||
            e.message().find("not currently available for download") == std::string::npos)
            throw;
        throw Error(Error::Kind::not_ready, format("the job of vault {} is still in progress", vault));
    }
}

GlacierOutput GlacierClient::get_job_output(const std::string& vault, const std::string& job_id,
                                            std::uint64_t offset, std::uint64_t length_bytes,
                                            const BodySink& sink) {
    CHECK(length_bytes > 0);
    std::string doing = format("reading from vault {}", vault);
    GlacierOutput output;
    HttpResponse response =
        call_output(vault,
                    {.method = "GET",
                     .path = vault_path(vault, "/jobs/" + percent_encode(job_id) + "/output"),
                     .headers = {{"Range", format("bytes={}-{}", offset, offset + length_bytes - 1)}},
                     .doing = doing},
                    [&](std::string_view piece) {
                        output.length_bytes += piece.size();
                        if (output.length_bytes > length_bytes)
                            throw Error(Error::Kind::corrupt, "it sends more than was asked for");
                        sink(piece);
                    });
    return in_reply(doing, [&] {
        check_content_range(response, offset, length_bytes);
        if (output.length_bytes != length_bytes)
            throw Error(Error::Kind::corrupt,
                        format("{} bytes came instead of {}", output.length_bytes, length_bytes));
        if (const std::string* hash = response.header("x-amz-sha256-tree-hash"))
            output.tree_hash = digest_of(*hash);
        if (const std::string* text = response.header("x-amz-archive-description"))
            output.description = *text;
        return output;
    });
}

Timestamp GlacierClient::get_inventory(const std::string& vault, const std::string& job_id,
                                       const std::function<void(const GlacierInventoryEntry&)>& visit) {
    std::string doing = format("reading the inventory of vault {}", vault);
    InventoryParser parser([&](std::string_view entry) { visit(parse_inventory_entry(parse_json(entry))); });
    auto feed = [&](std::string_view piece) { in_reply("", [&] { parser.feed(piece); }); };
    call_output(vault,
                {.method = "GET",
                 .path = vault_path(vault, "/jobs/" + percent_encode(job_id) + "/output"),
                 .doing = doing},
                feed);
    return in_reply(doing, [&] { return require_time(parse_json(parser.finish()), "InventoryDate"); });
}

// ---- rules ----

std::uint64_t GlacierClient::part_bytes_for(std::uint64_t size_bytes, std::uint64_t wanted_bytes) {
    std::uint64_t part = kMegabyte;
    while (part < kPartBytesMax && (part < wanted_bytes || size_bytes > part * kPartsMax)) part *= 2;
    if (size_bytes > part * kPartsMax)
        throw Error(Error::Kind::unsupported, format("a vault takes no archive of {} bytes", size_bytes),
                    "set a smaller volume_size");
    return part;
}

void GlacierClient::check_vault_name(std::string_view name) {
    auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    };
    if (name.empty() || name.size() > 255 || !std::all_of(name.begin(), name.end(), good))
        throw Error(Error::Kind::invalid, format("\"{}\" cannot be a vault's name", name),
                    "a vault's name has 1 to 255 of A-Z, a-z, 0-9, '_', '-' and '.'");
}

}  // namespace icecore::cloud
