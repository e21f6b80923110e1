#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/thaws.h"
#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

/// A range of an object at the target that is wanted here.
struct FetchRange {
    store::ObjectRef object;
    std::uint64_t object_bytes = 0;
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
};

struct FetchOptions {
    store::ThawTier tier = store::ThawTier::bulk;
    std::string dir;  ///< where the objects are put together: a file each, of the object's size, with holes
    bool wait = false;
    std::int64_t poll_seconds = 15 * 60;  ///< wait: how long between two looks
    unsigned threads = 4;                 ///< requests and downloads at a time
};

/// How far what is wanted is.
struct FetchState {
    std::uint64_t ranges = 0;  ///< that belong to what is wanted
    std::uint64_t unasked = 0;
    std::uint64_t pending = 0;
    std::uint64_t fetched = 0;
    std::uint64_t unasked_bytes = 0;
    std::uint64_t fetched_bytes = 0;
    std::uint64_t bytes = 0;
    std::optional<Timestamp> asked_at;  ///< the earliest that is pending
    std::vector<std::string> problems;  ///< what cannot be fetched, and why; sorted
    bool complete() const { return fetched == ranges; }
};

/// Brings ranges of objects from a cold target: asks for each once, looks from time to time whether it can be
/// read, downloads what can, in parallel, and asks again for what has expired meanwhile. What was asked for
/// and what is here is kept in the ledger, so all of it goes on after kill -9, in another process, after
/// days.
class Fetch {
  public:
    using OpenTarget = std::function<std::unique_ptr<store::Target>()>;

    /// `open_target` is called by several threads. `observer` is told from several threads, one at a time.
    /// The references must outlive it.
    Fetch(const Environment& env, OpenTarget open_target, catalog::Thaws& thaws, FetchOptions options,
          Observer& observer);
    ~Fetch();

    /// Makes `wanted` part of the work: what no earlier request covers is put on the list. Costs nothing.
    void want(const std::vector<FetchRange>& wanted);
    FetchState state() const;
    /// Asks for what was not asked for (this is what costs), then polls and downloads; with `wait` until all
    /// is here or cannot be had. Throws Error when the target, the ledger or the disk fails: what was reached
    /// is kept.
    FetchState run();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::engine
