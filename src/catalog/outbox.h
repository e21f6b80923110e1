#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace icecore::catalog {

/// A file of the backup directory, and how it stands with a target.
struct OutboxItem {
    enum class State : char {
        waiting = 'w',  ///< to be stored
        stored = 's',   ///< the target has confirmed our checksum
    };
    std::string target;     ///< the target's identity
    std::string name;       ///< file name
    std::uint32_t run = 0;  ///< 0: of no run (README.restore.txt)
    bool hot = false;       ///< manifest, log, README; else a volume
    std::uint64_t size_bytes = 0;
    Digest sha256;
    Digest tree_hash;
    State state = State::waiting;
    std::string object_id;       ///< stored: the target's name for it
    Timestamp stored_at;         ///< stored
    std::string resume_state;    ///< waiting: what the target's put saved
    std::uint32_t attempts = 0;  ///< failed ones
    std::string last_error;
};

/// What is to be stored offsite, and what is: a database of its own (`outbox.db`) beside the catalogue,
/// because the catalogue is locked for writing as long as a run lasts while volumes go out. Losing it loses
/// nothing: the next upload asks the target for each file.
///
/// One thread at a time (each thread opens its own; SQLite keeps them apart). Each call is durable when it
/// returns. Throws Error: corrupt when the file is damaged, unsupported when its schema is newer.
class Outbox {
  public:
    static std::unique_ptr<Outbox> open(const std::string& path);
    /// Opens an existing one for reading only; throws Error{not_found}.
    static std::unique_ptr<Outbox> open_read_only(const std::string& path);
    virtual ~Outbox() = default;

    /// Adds a file that is to be stored. If it is known with the same digests, nothing changes; with others
    /// (README.restore.txt was written anew), it waits again.
    virtual void add(const OutboxItem& item) = 0;
    virtual std::optional<OutboxItem> find(std::string_view target, std::string_view name) const = 0;
    /// The file to store next: lowest run first, in it volumes, then manifest and log, so that the oldest
    /// restore points are complete first. `skip` holds names that failed just now.
    virtual std::optional<OutboxItem> next(std::string_view target,
                                           const std::vector<std::string>& skip) const = 0;
    virtual void save_resume_state(std::string_view target, std::string_view name,
                                   std::string_view state) = 0;
    virtual void set_stored(std::string_view target, std::string_view name, std::string_view object_id,
                            Timestamp when) = 0;
    virtual void set_failed(std::string_view target, std::string_view name, std::string_view error) = 0;
    /// It turned out not to be there, or damaged: it waits again.
    virtual void set_waiting(std::string_view target, std::string_view name) = 0;
    /// Forgets a file that is gone.
    virtual void remove(std::string_view target, std::string_view name) = 0;
    struct Totals {
        std::uint64_t waiting_files = 0;
        std::uint64_t waiting_bytes = 0;
        std::uint64_t stored_files = 0;
        std::uint64_t stored_bytes = 0;
    };
    virtual Totals totals(std::string_view target) const = 0;
    /// All of a target's, by name.
    virtual std::vector<OutboxItem> items(std::string_view target) const = 0;
};

}  // namespace icecore::catalog
