#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "sim/bill.h"
#include "sim/glacier/part_file.h"
#include "sim/glacier/state.h"

namespace icecore::sim::glacier {

/// The files that the state is kept in:
///
///     account.json                       policy and capacity
///     gone.jsonl                         a line an archive that was deleted: the bill needs to know
///     incoming/                          what is being received; emptied at start
///     vaults/VAULT/vault.json            settings, last inventory
///     vaults/VAULT/inventory.jsonl       a line an archive of the last inventory
///     vaults/VAULT/archives/ID/          archive.json and a file a part (part_file.h)
///     vaults/VAULT/deleted/ID/           the same, while jobs still need it
///     vaults/VAULT/uploads/ID/           upload.json and a file a part, whose mtime is when it came
///     vaults/VAULT/jobs/ID.json          and ID.output of an inventory
///
/// Each change becomes true by one rename: killed at any time, the process finds on its next start what was
/// answered, and nothing half. Calls that change something: one thread at a time. Throws Error.
class Storage {
  public:
    /// Makes what is missing of it in `dir`.
    explicit Storage(std::string dir);

    Account load_account() const;
    void save_account(const Account& account);
    std::map<std::string, Vault> load_vaults() const;
    void save_vault(const Vault& vault);
    void remove_vault(const std::string& name);

    /// Receives a part into a file below incoming/ that nothing else has. Any thread.
    ReceivedPart receive(RequestBody& body, std::string& path) const;
    /// Gets rid of a file or directory; one that is not there is no error. Any thread.
    void discard(const std::string& path) const;

    void create_upload(const Vault& vault, const Upload& upload);
    /// The received file `incoming` becomes the part `index`.
    void add_part(const Vault& vault, const Upload& upload, std::uint64_t index, const std::string& incoming);
    void remove_upload(const Vault& vault, const std::string& id);

    /// The received file `incoming` becomes the archive, which is of one part.
    void add_archive(const Vault& vault, const Archive& archive, const std::string& incoming);
    /// The multipart upload becomes the archive.
    void complete_upload(const Vault& vault, const Archive& archive);
    /// `keep`: jobs still need it.
    void delete_archive(const Vault& vault, const Archive& archive, Timestamp when, bool keep);
    void purge_archive(const Vault& vault, const std::string& id);
    std::string archive_dir(const Vault& vault, const Archive& archive) const;

    void save_job(const Vault& vault, const Job& job);
    void remove_job(const Vault& vault, const std::string& id);
    std::string job_output_path(const Vault& vault, const std::string& id) const;

    std::string inventory_path(const Vault& vault) const;

    /// Of all archives that were deleted.
    const std::vector<StoredInterval>& gone() const { return gone_; }

  private:
    /// A path below incoming/ that nothing has.
    std::string incoming_path() const;
    std::string vault_dir(const std::string& name) const;
    void load_archives(Vault& vault, const std::string& dir, bool deleted) const;
    void load_uploads(Vault& vault) const;
    void load_gone();
    void add_gone(const Archive& archive, Timestamp when);

    std::string dir_;
    std::unique_ptr<FileSystem> file_system_ = make_file_system();
    std::vector<StoredInterval> gone_;
    std::string last_gone_id_;  ///< when it was loaded: the one whose deletion a kill may have interrupted
};

}  // namespace icecore::sim::glacier
