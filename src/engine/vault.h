#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/vault_index.h"
#include "cloud/glacier_client.h"
#include "engine/environment.h"
#include "engine/serial_observer.h"
#include "store/glacier_jobs.h"
#include "store/glacier_target.h"

namespace icecore::engine {

/// How the vaults of an account are reached, whatever is in them.
struct VaultSettings {
    AwsSettings aws;
    std::string account = "-";
    std::uint64_t part_bytes_min = 16 << 20;  ///< of uploads in parts
    unsigned connections = 4;
    std::int64_t poll_seconds = 10 * 60;  ///< how often a job is looked at that is waited for
    std::string index_path;               ///< of the catalog::VaultIndex; made when first needed
};

/// A client for all vaults of an account. `env` and `observer` must outlive it; one thread at a time.
class VaultAccount {
  public:
    VaultAccount(const Environment& env, VaultSettings settings, Observer& observer);

    cloud::GlacierClient& client() { return client_; }
    const VaultSettings& settings() const { return settings_; }
    const Environment& environment() const { return env_; }
    Observer& observer() { return observer_; }
    /// What is known here of the vault.
    std::unique_ptr<catalog::VaultIndex> open_index(const cloud::GlacierVault& vault) const;
    store::GlacierTargetOptions target_options(const std::string& vault) const;

  private:
    const Environment& env_;
    VaultSettings settings_;
    SerialObserver observer_;
    cloud::AwsOptions aws_;
    cloud::GlacierClient client_;
};

/// A vault that is there, with what is known of its archives. The account must outlive it; one thread at a
/// time. Archives are referred to as in glacier-cli: by "NAME" (the description) or "name:NAME", where only
/// one has it, or by "id:ID".
class OpenVault {
  public:
    /// Asks the service whether it is there: Error{not_found}.
    OpenVault(VaultAccount& account, const std::string& name);

    VaultAccount& account() { return account_; }
    const cloud::GlacierVault& facts() const { return facts_; }
    const std::string& name() const { return facts_.name; }
    catalog::VaultIndex& index() { return *index_; }
    store::GlacierJobs& jobs() { return jobs_; }

    /// Throws Error{not_found} if it is not known or was deleted, Error{invalid} if several have the name.
    catalog::VaultArchive resolve(const std::string& reference) const;
    /// Looks at a job again until it is done; pauses between. Throws Error{io} if it fails.
    cloud::GlacierJob wait_for(cloud::GlacierJob job, std::int64_t pause_seconds);

    /// Stores a regular file under `name`. Goes on where an earlier one of the same file was stopped.
    catalog::VaultArchive upload_file(const std::string& path, const std::string& name);
    /// Stores what `read` gives until it gives less than it was asked for.
    catalog::VaultArchive upload_stream(const std::function<std::size_t(char*, std::size_t)>& read,
                                        const std::string& name, std::uint64_t part_bytes);
    /// Deletes an archive. Throws Error.
    void remove(const catalog::VaultArchive& archive);

  private:
    catalog::VaultArchive note_stored(const std::string& id, const std::string& name,
                                      std::uint64_t size_bytes, const Digest& tree_hash);

    VaultAccount& account_;
    cloud::GlacierVault facts_;
    std::unique_ptr<catalog::VaultIndex> index_;
    store::GlacierJobs jobs_;
};

/// The form in which an archive is referred to for sure: its name, or, where that is empty or `ambiguous`,
/// "id:ID". A name that begins like a prefix gets "name:" before it.
std::string archive_reference(const catalog::VaultArchive& archive, bool ambiguous);

/// Throws Error{invalid} if no archive can have this name: 1 to 1024 printable ASCII characters, no blank at
/// the begin or the end, no two in a row (the service would not keep them).
void check_archive_name(const std::string& name);

/// Whether the archive is a file of some set's backup (`HOST/SET/FILE`).
bool is_backup_file(const catalog::VaultArchive& archive);

struct VaultSyncOptions {
    std::int64_t age_seconds_max = 24 * 3600;  ///< an inventory that was ready longer ago is not used
    bool accept_gone = false;
    bool wait = false;
};
struct VaultSync {
    catalog::VaultSyncResult result;
    std::optional<Timestamp> inventory_at;  ///< nullopt: the vault has no inventory yet
    std::vector<catalog::VaultDifference> differences;
};
/// Learns from the vault's inventory what it holds. Throws Error{not_ready} while its job is under way,
/// unless told to wait.
VaultSync sync_vault(OpenVault& vault, const VaultSyncOptions& options);

}  // namespace icecore::engine
