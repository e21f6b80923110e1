#include "engine/vault.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/aws_connection.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

using catalog::VaultArchive;

constexpr std::string_view kById = "id:";
constexpr std::string_view kByName = "name:";

OnRetry tell_retries(Observer& observer) {
    return [&observer](std::string_view message, unsigned attempt) {
        observer.warning(format("{}; trying again (try {} failed)", message, attempt));
    };
}

VaultArchive the_only_one(std::vector<VaultArchive> found, const std::string& name, const std::string& vault,
                          const catalog::VaultIndex& index) {
    if (found.size() == 1) return std::move(found.front());
    if (found.size() > 1)
        throw Error(Error::Kind::invalid,
                    format("several archives of vault {} have the name {}", vault, quotable(name)),
                    format("refer to one as id:ID, as `icecore archive list {}` shows it", vault));
    std::optional<Timestamp> inventory = index.inventory_at();
    throw Error(Error::Kind::not_found, format("no archive {} is known in vault {}", quotable(name), vault),
                format("`icecore vault sync {}` asks the vault what it holds{}", vault,
                       inventory ? "; what is known is of " + format_local(*inventory) : ""));
}

}  // namespace

VaultAccount::VaultAccount(const Environment& env, VaultSettings settings, Observer& observer)
    : env_(env),
      settings_(std::move(settings)),
      observer_(observer),
      aws_(aws_options(env, settings_.aws, "glacier", tell_retries(observer_))),
      client_(aws_, settings_.account) {}

std::unique_ptr<catalog::VaultIndex> VaultAccount::open_index(const cloud::GlacierVault& vault) const {
    std::filesystem::path path(settings_.index_path);
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
        throw Error(Error::Kind::io,
                    format("cannot make the directory {}: {}", path.parent_path().string(), error.message()),
                    "what is known of vaults is kept there; XDG_CACHE_HOME names another place");
    // A rehearsal against a simulator knows the same ARNs.
    bool of_aws = aws_.endpoint == cloud::service_endpoint("glacier", aws_.scope.region);
    return catalog::VaultIndex::open(
        settings_.index_path, of_aws ? vault.arn : format("{} {}", aws_.endpoint, vault.arn), vault.created);
}

store::GlacierTargetOptions VaultAccount::target_options(const std::string& vault) const {
    store::GlacierTargetOptions options;
    options.vault = vault;
    options.account = settings_.account;
    options.aws = aws_;
    options.part_bytes_min = settings_.part_bytes_min;
    options.connections = settings_.connections;
    return options;
}

OpenVault::OpenVault(VaultAccount& account, const std::string& name)
    : account_(account),
      facts_(account.client().describe_vault(name)),
      index_(account.open_index(facts_)),
      jobs_(account.client(), facts_.name, account.environment().clock) {}

VaultArchive OpenVault::resolve(const std::string& reference) const {
    std::string_view text = reference;
    if (!text.starts_with(kById)) {
        if (text.starts_with(kByName)) text.remove_prefix(kByName.size());
        return the_only_one(index_->named(text, 2), std::string(text), facts_.name, *index_);
    }
    std::optional<VaultArchive> found = index_->find(text.substr(kById.size()));
    if (found && found->deleted_at)
        throw Error(Error::Kind::not_found, format("{} was deleted from vault {} on {}", quotable(reference),
                                                   facts_.name, format_local(*found->deleted_at)));
    std::vector<VaultArchive> one;
    if (found) one.push_back(std::move(*found));
    return the_only_one(std::move(one), reference, facts_.name, *index_);
}

cloud::GlacierJob OpenVault::wait_for(cloud::GlacierJob job, std::int64_t pause_seconds) {
    while (job.status == cloud::GlacierJob::Status::in_progress) {
        account_.environment().sleep_ns(pause_seconds * 1'000'000'000);
        job = account_.client().describe_job(facts_.name, job.id);
    }
    jobs_.forget();
    if (job.status == cloud::GlacierJob::Status::failed)
        throw Error(Error::Kind::io,
                    format("the job failed in vault {}: {}", facts_.name,
                           quotable(job.message.empty() ? "no reason is given" : job.message)),
                    "the same command again begins another");
    return job;
}

void OpenVault::remove(const VaultArchive& archive) {
    account_.client().delete_archive(facts_.name, archive.id);
    index_->set_deleted(archive.id, account_.environment().clock.now());
}

std::string archive_reference(const VaultArchive& archive, bool ambiguous) {
    if (archive.name.empty() || ambiguous) return std::string(kById) + archive.id;
    bool like_prefix = archive.name.starts_with(kById) || archive.name.starts_with(kByName);
    return like_prefix ? std::string(kByName) + archive.name : archive.name;
}

void check_archive_name(const std::string& name) {
    auto refuse = [&](std::string_view why) {
        throw Error(Error::Kind::invalid,
                    format("an archive cannot have the name \"{}\": {}", quotable(name), why),
                    "--name NAME gives it another one");
    };
    if (name.empty()) refuse("it is empty");
    if (name.size() > cloud::GlacierClient::kDescriptionBytesMax) refuse("it has more than 1,024 characters");
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }))
        refuse("a vault takes printable ASCII characters only");
    if (name.front() == ' ' || name.back() == ' ' || name.find("  ") != std::string::npos)
        refuse("a vault does not keep blanks at its ends, or two in a row");
}

bool is_backup_file(const VaultArchive& archive) {
    std::size_t first = archive.name.find('/');
    if (first == std::string::npos) return false;
    std::size_t second = archive.name.find('/', first + 1);
    if (second == std::string::npos) return false;
    std::string_view name = archive.name;
    return parse_archive_name(name.substr(first + 1, second - first - 1), name.substr(second + 1))
        .has_value();
}

VaultSync sync_vault(OpenVault& vault, const VaultSyncOptions& options) {
    bool begun = false;
    std::optional<cloud::GlacierJob> job = vault.jobs().inventory_job(options.age_seconds_max, begun);
    if (!job) return {};
    if (job->status == cloud::GlacierJob::Status::in_progress) {
        if (!options.wait)
            throw Error(
                Error::Kind::not_ready,
                begun ? format("asked for the inventory of vault {}, which takes some hours", vault.name())
                      : format("the inventory of vault {} is still under way", vault.name()));
        job = vault.wait_for(std::move(*job), vault.account().settings().poll_seconds);
    }
    VaultSync sync;
    auto feed = [&](const std::function<void(const VaultArchive&)>& add) {
        catalog::VaultInventory inventory;
        inventory.asked_at = job->created;
        inventory.accept_gone = options.accept_gone;
        inventory.made_at = vault.account().client().get_inventory(
            vault.name(), job->id, [&](const cloud::GlacierInventoryEntry& entry) {
                add({.id = entry.archive_id,
                     .name = entry.description,
                     .size_bytes = entry.size_bytes,
                     .tree_hash = entry.tree_hash,
                     .created_at = entry.created,
                     .seen_at = {},
                     .deleted_at = {}});
            });
        sync.inventory_at = inventory.made_at;
        return inventory;
    };
    sync.result = vault.index().apply(
        feed, [&](const catalog::VaultDifference& difference) { sync.differences.push_back(difference); });
    return sync;
}

}  // namespace icecore::engine
