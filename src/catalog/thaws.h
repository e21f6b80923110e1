#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace icecore::catalog {

/// A range of an object that a cold target was asked for, and how far it is on its way here.
struct Thaw {
    enum class State : char {
        wanted = 'w',   ///< to be asked for
        asked = 'a',    ///< the target thaws it
        ready = 'r',    ///< it can be read, until `until`
        failed = 'f',   ///< the target said that it cannot be thawed: `message`
        fetched = 'd',  ///< all of it is here
    };
    std::int64_t id = 0;
    std::string target;     ///< the target's identity
    std::string name;       ///< the object's
    std::string object_id;  ///< the target's name for it
    std::uint64_t object_bytes = 0;
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    std::uint32_t tier = 0;  ///< store::ThawTier
    State state = State::wanted;
    std::string ticket;  ///< the target's name for the thaw
    Timestamp asked_at;
    std::optional<Timestamp> until;   ///< ready: how long it can be read
    std::uint64_t fetched_bytes = 0;  ///< of the range, from its begin, that are here
    std::uint32_t attempts = 0;       ///< how often it was asked for
    std::string message;
    bool operator==(const Thaw&) const = default;
};

/// What cold targets were asked for: a database of its own (`thaws.db`) beside the catalogue, because the
/// catalogue is locked for writing as long as a backup lasts and is made anew from the manifests, which know
/// nothing of thaws. Losing it costs little: a target finds the jobs it was asked for, and what has been
/// downloaded is downloaded again.
///
/// One thread at a time. Each call is durable when it returns, except within at_once(). Throws Error: corrupt
/// when the file is damaged, unsupported when its schema is newer.
class Thaws {
  public:
    static std::unique_ptr<Thaws> open(const std::string& path);
    /// Opens an existing one for reading only; throws Error{not_found}.
    static std::unique_ptr<Thaws> open_read_only(const std::string& path);
    virtual ~Thaws() = default;

    /// Does `changes`, which are calls of this object: all of them become durable at once when it returns, or
    /// none where it throws. A row alone costs a write to the disk; thousands of them in one go cost as much.
    virtual void at_once(const std::function<void()>& changes) = 0;
    /// Adds a range; returns its id.
    virtual std::int64_t add(const Thaw& thaw) = 0;
    /// Replaces all that can change of the one with its id: all but whose range it is and where it begins.
    virtual void update(const Thaw& thaw) = 0;
    virtual void remove(std::int64_t id) = 0;
    /// All of a target's, by name and offset.
    virtual std::vector<Thaw> all(std::string_view target) const = 0;
};

}  // namespace icecore::catalog
