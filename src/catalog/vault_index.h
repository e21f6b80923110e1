#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace icecore::catalog {

/// An archive of a vault, as far as it is known here.
struct VaultArchive {
    std::string id;
    std::string name;  ///< its description; several archives may have one, or none
    std::uint64_t size_bytes = 0;
    Digest tree_hash;
    Timestamp created_at;
    /// When an inventory last said that it is there (seconds); none: it was stored from here and is in no
    /// inventory yet.
    std::optional<Timestamp> seen_at;
    std::optional<Timestamp> deleted_at;  ///< it was deleted from here (seconds)
};

/// An inventory is made about once a day, and what was done up to this long before it may not be in it.
inline constexpr std::int64_t kInventoryLagSeconds = 3 * 24 * 3600;

/// What an inventory says about the whole.
struct VaultInventory {
    Timestamp made_at;
    Timestamp asked_at;        ///< when its job was begun
    bool accept_gone = false;  ///< what it contradicts is forgotten, not only told
};

/// Where an inventory and what is known here differ.
struct VaultDifference {
    enum class Kind : std::uint8_t {
        not_yet_listed,   ///< stored from here lately: too young for this inventory
        still_listed,     ///< deleted from here lately, or so it seems
        deletion_undone,  ///< deleted from here long ago, and listed all the same
        gone,             ///< it should be listed and is not
    };
    Kind kind;
    VaultArchive archive;
};

struct VaultSyncResult {
    std::uint64_t listed = 0;  ///< archives in the inventory
    std::uint64_t added = 0;   ///< of these, not known before
};

/// What is known here of the archives of a vault: what its inventories said, what was stored and deleted from
/// here since, and the state of uploads that were stopped. A database that several vaults share, each known
/// by its ARN. It is a cache: losing it costs an inventory.
///
/// One thread at a time; several processes may have it open. Each call is durable when it returns. Throws
/// Error: corrupt when the file is damaged, unsupported when its schema is newer.
class VaultIndex {
  public:
    /// `created_at`: a vault that was made at another moment is another one, of which nothing is known.
    static std::unique_ptr<VaultIndex> open(const std::string& path, std::string_view arn,
                                            Timestamp created_at);
    virtual ~VaultIndex() = default;

    /// When the newest inventory was made that apply() had; nullopt: none.
    virtual std::optional<Timestamp> inventory_at() const = 0;
    /// Notes what was stored from here.
    virtual void add(const VaultArchive& archive) = 0;
    /// Notes that it was deleted from here.
    virtual void set_deleted(std::string_view id, Timestamp when) = 0;

    /// Those that are there (as far as is known) under this name, at most `count_max`.
    virtual std::vector<VaultArchive> named(std::string_view name, std::size_t count_max) const = 0;
    /// Also one that was deleted.
    virtual std::optional<VaultArchive> find(std::string_view id) const = 0;
    /// All that are there, by name and moment, and whether another one has the same name. Memory: one.
    virtual void visit(const std::function<void(const VaultArchive&, bool ambiguous)>& visit) const = 0;

    /// Takes over an inventory. `feed` is called once and gives its archives (their seen_at and deleted_at do
    /// not count), in any order; no lock is held meanwhile. What was stored here since is kept, what was
    /// deleted here since stays deleted. `tell` is told where it differs from what was known. An inventory
    /// older than one that was taken over before changes nothing.
    virtual VaultSyncResult apply(
        const std::function<VaultInventory(const std::function<void(const VaultArchive&)>&)>& feed,
        const std::function<void(const VaultDifference&)>& tell) = 0;

    /// What an upload needs to go on after it was stopped; `key` says what is uploaded under which name.
    virtual std::string upload_state(std::string_view key) const = 0;
    virtual void save_upload_state(std::string_view key, std::string_view state) = 0;
    virtual void forget_upload(std::string_view key) = 0;
};

}  // namespace icecore::catalog
