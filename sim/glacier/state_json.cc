#include "sim/glacier/state_json.h"

#include <ctime>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::sim::glacier {
namespace {

Json time_json(Timestamp t) {
    return format_iso_utc(t);
}

Timestamp time_from(const Json& json) {
    std::optional<Timestamp> t = parse_utc(json.get<std::string>());
    if (!t) throw Error(Error::Kind::corrupt, "a moment that is none");
    return *t;
}

Json optional_time(const std::optional<Timestamp>& t) {
    return t ? time_json(*t) : Json();
}

std::optional<Timestamp> optional_time_from(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return time_from(json);
}

Json digest_json(const Digest& digest) {
    return digest.empty() ? std::string() : digest.hex();
}

Digest digest_from(const Json& json) {
    const auto& hex = json.get_ref<const std::string&>();
    if (hex.empty()) return {};
    std::optional<Digest> digest = parse_digest(hex);
    if (!digest) throw Error(Error::Kind::corrupt, "a digest that is none");
    return *digest;
}

std::string text(const Json& json, const char* key) {
    return json.at(key).get<std::string>();
}
std::uint64_t number(const Json& json, const char* key) {
    return json.at(key).get<std::uint64_t>();
}

Json lock_to_json(const VaultLock& lock) {
    return {{"id", lock.id},
            {"policy", lock.policy},
            {"created", time_json(lock.created)},
            {"expires", time_json(lock.expires)},
            {"locked", lock.locked}};
}

VaultLock lock_from_json(const Json& json) {
    return {text(json, "id"), text(json, "policy"), time_from(json.at("created")),
            time_from(json.at("expires")), json.at("locked").get<bool>()};
}

/// Wrong types and missing keys, as our own error.
template <typename Read>
auto reading(const char* what, Read read) {
    try {
        return read();
    } catch (const Json::exception& error) {
        throw Error(Error::Kind::corrupt, format("{}: {}", what, error.what()));
    } catch (Error& error) {
        error.add_context(what);
        throw;
    }
}

}  // namespace

std::optional<Digest> parse_digest(std::string_view hex) {
    std::string lower(hex);
    for (char& c : lower)
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    std::optional<std::string> bytes = lower.size() == 64 ? from_hex(lower) : std::nullopt;
    if (!bytes) return std::nullopt;
    return Digest::from_bytes(*bytes);
}

std::string api_time(Timestamp t) {
    std::string seconds = format_iso_utc({t.sec, 0});
    return format("{}.{:03}Z", seconds.substr(0, seconds.size() - 1), t.nsec / 1'000'000);
}

Json vault_to_json(const Vault& vault) {
    Json out = {{"name", vault.name},
                {"created", time_json(vault.created)},
                {"tags", vault.tags},
                {"notifications", vault.notifications},
                {"access_policy", vault.access_policy},
                {"lock", nullptr},
                {"inventory", nullptr},
                {"changed", optional_time(vault.changed)}};
    if (vault.lock) out["lock"] = lock_to_json(*vault.lock);
    if (vault.inventory)
        out["inventory"] = {{"date", time_json(vault.inventory->date)},
                            {"archives", vault.inventory->archives},
                            {"size_bytes", vault.inventory->size_bytes}};
    return out;
}

Vault vault_from_json(const Json& json) {
    return reading("a vault's state", [&] {
        Vault out{.name = text(json, "name"), .created = time_from(json.at("created"))};
        out.tags = json.at("tags").get<std::map<std::string, std::string>>();
        out.notifications = text(json, "notifications");
        out.access_policy = text(json, "access_policy");
        if (!json.at("lock").is_null()) out.lock = lock_from_json(json.at("lock"));
        const Json& inventory = json.at("inventory");
        if (!inventory.is_null())
            out.inventory = InventorySummary{time_from(inventory.at("date")), number(inventory, "archives"),
                                             number(inventory, "size_bytes")};
        out.changed = optional_time_from(json.at("changed"));
        return out;
    });
}

Json archive_to_json(const Archive& archive) {
    return {{"id", archive.id},
            {"description", archive.description},
            {"created", time_json(archive.created)},
            {"size_bytes", archive.size_bytes},
            {"part_bytes", archive.part_bytes},
            {"tree_hash", digest_json(archive.tree_hash)},
            {"upload_id", archive.upload_id}};
}

Archive archive_from_json(const Json& json) {
    return reading("an archive's state", [&] {
        Archive out{text(json, "id"),           text(json, "description"),  time_from(json.at("created")),
                    number(json, "size_bytes"), number(json, "part_bytes"), digest_from(json.at("tree_hash")),
                    text(json, "upload_id")};
        if (out.part_bytes == 0 || out.size_bytes == 0)
            throw Error(Error::Kind::corrupt, "an archive without bytes");
        return out;
    });
}

Json upload_to_json(const Upload& upload) {
    return {{"id", upload.id},
            {"description", upload.description},
            {"part_bytes", upload.part_bytes},
            {"created", time_json(upload.created)}};
}

Upload upload_from_json(const Json& json) {
    return reading("an upload's state", [&] {
        Timestamp created = time_from(json.at("created"));
        Upload out{text(json, "id"), text(json, "description"), number(json, "part_bytes"), created, created};
        if (!valid_part_size(out.part_bytes))
            throw Error(Error::Kind::corrupt, "an upload with a part size that cannot be");
        return out;
    });
}

Json job_to_json(const Job& job) {
    return {{"id", job.id},
            {"kind", job.kind == Job::Kind::archive ? "archive" : "inventory"},
            {"description", job.description},
            {"sns_topic", job.sns_topic},
            {"created", time_json(job.created)},
            {"due", time_json(job.due)},
            {"failure", job.failure},
            {"tier", job.tier},
            {"archive_id", job.archive_id},
            {"archive_bytes", job.archive_bytes},
            {"archive_tree_hash", digest_json(job.archive_tree_hash)},
            {"range", format_range(job.range)},
            {"range_tree_hash", digest_json(job.range_tree_hash)},
            {"format", job.query.format},
            {"start", optional_time(job.query.start)},
            {"end", optional_time(job.query.end)},
            {"limit", job.query.limit ? Json(*job.query.limit) : Json()},
            {"marker", job.query.marker},
            {"next_marker", job.next_marker},
            {"inventory_bytes", job.inventory_bytes}};
}

Job job_from_json(const Json& json) {
    return reading("a job's state", [&] {
        Job out{.id = text(json, "id"),
                .kind = text(json, "kind") == "archive" ? Job::Kind::archive : Job::Kind::inventory,
                .description = text(json, "description"),
                .sns_topic = text(json, "sns_topic"),
                .created = time_from(json.at("created")),
                .due = time_from(json.at("due"))};
        out.failure = text(json, "failure");
        out.tier = text(json, "tier");
        out.archive_id = text(json, "archive_id");
        out.archive_bytes = number(json, "archive_bytes");
        out.archive_tree_hash = digest_from(json.at("archive_tree_hash"));
        std::optional<ByteRange> range = parse_range(text(json, "range"));
        if (!range) throw Error(Error::Kind::corrupt, "a range that is none");
        out.range = *range;
        out.range_tree_hash = digest_from(json.at("range_tree_hash"));
        out.query.format = text(json, "format");
        out.query.start = optional_time_from(json.at("start"));
        out.query.end = optional_time_from(json.at("end"));
        if (!json.at("limit").is_null()) out.query.limit = number(json, "limit");
        out.query.marker = text(json, "marker");
        out.next_marker = text(json, "next_marker");
        out.inventory_bytes = number(json, "inventory_bytes");
        return out;
    });
}

Json account_to_json(const Account& account) {
    Json units = Json::array();
    for (const CapacityUnit& unit : account.capacity)
        units.push_back(
            {{"id", unit.id}, {"start", time_json(unit.start)}, {"expires", time_json(unit.expires)}});
    return {{"retrieval_policy", account.retrieval_policy}, {"capacity", std::move(units)}};
}

Account account_from_json(const Json& json) {
    return reading("the account's state", [&] {
        Account out{text(json, "retrieval_policy")};
        for (const Json& unit : json.at("capacity"))
            out.capacity.push_back(
                {text(unit, "id"), time_from(unit.at("start")), time_from(unit.at("expires"))});
        return out;
    });
}

}  // namespace icecore::sim::glacier
