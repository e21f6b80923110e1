#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/thaws.h"
#include "engine/environment.h"
#include "engine/target_workers.h"
#include "store/target.h"

namespace icecore::engine {

/// A range of an object at the target that is wanted here.
struct FetchRange {
    store::ObjectRef object;
    std::uint64_t object_bytes = 0;
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    bool readable = false;  ///< the target says that it can be read at once, and for nothing
};

struct FetchOptions {
    store::ThawTier tier = store::ThawTier::bulk;
    std::string dir;  ///< where the objects are put together: a file each, of the object's size, with holes
    unsigned thaw_days = 7;  ///< how long what is thawed should be readable, where that can be chosen
    bool wait = false;
    /// wait: how long between two looks at most. It begins with a minute; expedited thaws stay with that.
    std::int64_t poll_seconds = 15 * 60;
    unsigned threads = 4;  ///< requests and downloads at a time
    /// Of a range: how much is downloaded between two moments at which it is made durable and noted. A
    /// multiple of the target's alignment.
    std::uint64_t checkpoint_bytes = 64 << 20;
};

/// How far what is wanted is.
struct FetchState {
    std::uint64_t ranges = 0;    ///< that belong to what is wanted
    std::uint64_t unasked = 0;   ///< to be asked for, at a cost
    std::uint64_t requests = 0;  ///< that this takes: one a range, or an object where it is thawed whole
    std::uint64_t pending = 0;   ///< asked for
    std::uint64_t fetched = 0;
    std::uint64_t failed = 0;         ///< cannot be had: `problems`
    std::uint64_t unasked_bytes = 0;  ///< that the target must thaw for it
    /// Requests under way by a slower tier than is wanted now, which the target can make faster, at a cost.
    std::uint64_t slower = 0;
    std::uint64_t slower_bytes = 0;
    std::uint64_t fetched_bytes = 0;
    std::uint64_t bytes = 0;
    std::optional<Timestamp> asked_at;  ///< the earliest that is pending
    std::vector<std::string> problems;  ///< what cannot be fetched, and why; sorted
    /// run() will ask for something, at a cost.
    bool costs() const { return unasked > 0 || slower > 0; }
    bool complete() const { return fetched == ranges; }
    /// Nothing more will come.
    bool ended() const { return unasked == 0 && pending == 0; }
};

/// Brings ranges of objects from a cold target: asks for each once (for an object once, whatever is wanted of
/// it, where whole objects are thawed), looks from time to time whether it can be read, and downloads what
/// can, in parallel. What was asked for and what is here is kept in the ledger, so
/// all of it goes on after kill -9, in another process, after days. Nothing is asked for behind the user's
/// back: what has failed or expired meanwhile is `unasked` again, until the next run(). What was thawed and
/// came damaged is a problem of this run, and downloaded again by the next process.
///
/// One thread at a time. Only one process may work on a ledger and its directory (SetActivity::fetch).
class Fetch {
  public:
    using OpenTarget = engine::OpenTarget;

    /// `open_target` is called by several threads, with an observer that they may share. The references must
    /// outlive it.
    Fetch(const Environment& env, OpenTarget open_target, catalog::Thaws& thaws, FetchOptions options,
          Observer& observer);
    ~Fetch();

    /// Makes `wanted` (by object and offset, no range touching another; to be called once) the work: what no
    /// earlier request covers, or one that failed or expired, is unasked. Asks the target how far the earlier
    /// ones are; costs nothing.
    void want(const std::vector<FetchRange>& wanted);
    FetchState state() const;
    /// Asks for what is unasked, and for more haste where a slower tier is under way (this is what costs),
    /// 500 requests a second at most, then polls and downloads; with `wait` until nothing is
    /// pending. Throws Error when the target, the ledger or the disk fails: what was reached is kept.
    FetchState run();
    /// What came of this range is not what was stored: the next run() downloads it again.
    void discard(const std::string& name, std::uint64_t offset, std::uint64_t length_bytes);
    /// Of what is wanted of this object: the ranges that cannot be had, or what is missing of them; by
    /// offset.
    std::vector<FetchRange> missing(const std::string& name) const;
    /// Takes what was wanted off the ledger.
    void forget();
    /// Takes what is here off the ledger. What could not be downloaded stays, to be tried again at no cost.
    void forget_fetched();

  private:
    FetchState run_once();

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::engine
