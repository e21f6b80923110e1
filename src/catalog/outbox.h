#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/stream_hash.h"

namespace icecore::catalog {

/// A file of the backup directory, and how it stands with a target.
struct OutboxItem {
    /// In the order of storing. A snapshot is a copy of the catalogue as of its run.
    enum class Part : std::uint8_t { volume = 0, manifest = 1, log = 2, readme = 3, snapshot = 4 };
    enum class State : char {
        waiting = 'w',  ///< to be stored
        stored = 's',   ///< the target has confirmed our checksum
        discarded =
            'd',  ///< of a run that never came to exist: to be removed from the target, then forgotten
    };
    std::string target;     ///< the target's identity
    std::string name;       ///< file name
    std::uint32_t run = 0;  ///< 0: of no run (README.restore.txt)
    Part part = Part::volume;
    std::uint64_t size_bytes = 0;
    Digest sha256;
    Digest tree_hash;
    PartDigests parts;  ///< of a volume that waits, where they are known
    State state = State::waiting;
    std::string object_id;  ///< stored: the target's name for it
    Timestamp stored_at;    ///< stored
    /// stored: until when nobody can delete it there, in whole seconds, as far as we know.
    std::optional<Timestamp> locked_until = std::nullopt;
    std::string resume_state;    ///< what the target's put saved; empty once it is stored
    std::uint32_t attempts = 0;  ///< failed ones since it began to wait
    std::string last_error;      ///< of the last failed one, and when that was
    Timestamp failed_at;
};

/// What is to be stored offsite, and what is: a database of its own (`outbox.db`) beside the catalogue,
/// because the catalogue is locked for writing as long as a run lasts while volumes go out. Losing it loses
/// nothing: the next upload asks the target for each file.
///
/// One thread at a time (each thread opens its own; SQLite keeps them apart). Each call is durable when it
/// returns. Calls that change an item do nothing if there is no such item. Throws Error: corrupt when the
/// file is damaged, unsupported when its schema is newer.
class Outbox {
  public:
    using Names = std::set<std::string, std::less<>>;

    /// Opens or creates it, and looks for damage in all of it (it is small: a row a file).
    static std::unique_ptr<Outbox> open(const std::string& path);
    /// Opens an existing one for reading only; throws Error{not_found}.
    static std::unique_ptr<Outbox> open_read_only(const std::string& path);
    virtual ~Outbox() = default;

    /// Does `changes`, which are calls of this object: all of them become durable at once when it returns, or
    /// none where it throws.
    virtual void at_once(const std::function<void()>& changes) = 0;
    /// Adds a file that is to be stored (only what describes the file is taken from `item`). If it is known
    /// with the same size and digests, nothing changes, but the digests of its parts are kept where they were
    /// not known; with others (README.restore.txt was written anew), or
    /// if it was discarded, it waits again.
    virtual void add(const OutboxItem& item) = 0;
    virtual std::optional<OutboxItem> find(std::string_view target, std::string_view name) const = 0;
    /// The file to store next: lowest run first, in it volumes, then manifest, then log, so that the oldest
    /// restore points are complete first; files of no run come last. `skip` holds names that failed just now.
    virtual std::optional<OutboxItem> next(std::string_view target, const Names& skip) const = 0;
    virtual void save_resume_state(std::string_view target, std::string_view name,
                                   std::string_view state) = 0;
    /// A discarded one stays discarded, with its id.
    virtual void set_stored(std::string_view target, std::string_view name, std::string_view object_id,
                            Timestamp when) = 0;
    /// Of a stored one: the target has locked it. nullopt: it has no lock.
    virtual void set_locked(std::string_view target, std::string_view name,
                            std::optional<Timestamp> until) = 0;
    virtual void set_failed(std::string_view target, std::string_view name, std::string_view error,
                            Timestamp when) = 0;
    /// It turned out not to be there, or damaged: it waits again.
    virtual void set_waiting(std::string_view target, std::string_view name) = 0;
    /// The file's run never came to exist, and the file is removed here: whatever a target has of it must go,
    /// too.
    virtual void discard(std::string_view name) = 0;
    /// Forgets a file.
    virtual void remove(std::string_view target, std::string_view name) = 0;
    /// All of a target's, by name, without the digests of their parts.
    virtual std::vector<OutboxItem> items(std::string_view target) const = 0;
};

}  // namespace icecore::catalog
