#include "engine/object_locks.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "engine/request_pace.h"
#include "engine/serial_observer.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;
using Items = std::vector<OutboxItem>;

constexpr std::int64_t kDaySeconds = 24 * 3600;
/// Each takes two requests of some 20 ms.
constexpr unsigned kLocksAtATime = 10;
constexpr unsigned kLocksPerSecond = 500;
/// Locks that are made between two moments at which the outbox is made durable.
constexpr std::size_t kNotedAtOnce = 50;

/// Several threads lock pieces of the list.
class Locking {
  public:
    Locking(const Environment& env, const LockWork& work, Timestamp until)
        : work_(work), until_(until), pace_(env, kLocksPerSecond) {}

    /// What was locked before an error is noted, too.
    void lock_piece(store::Target& target, const Items& piece) {
        Items done;
        try {
            for (const OutboxItem& item : piece) {
                if (stopping || work_.stopped()) break;
                if (lock(target, item)) done.push_back(item);
            }
        } catch (...) {
            note(done);
            throw;
        }
        note(done);
    }

    std::atomic<bool> stopping = false;  ///< another thread has failed

  private:
    /// False: it has a problem of its own.
    bool lock(store::Target& target, const OutboxItem& item) {
        pace_.wait();
        try {
            target.lock({item.name, item.object_id}, until_);
            return true;
        } catch (Error& e) {
            bool of_one = e.kind() == Error::Kind::not_found || e.kind() == Error::Kind::corrupt;
            e.add_context(format("locking {} until {}", item.name, format_local(until_)));
            if (!of_one) throw;
            std::lock_guard guard(mutex_);
            work_.on_problem(item, e);
            return false;
        }
    }

    void note(const Items& done) {
        std::lock_guard guard(mutex_);
        work_.outbox.at_once([&] {
            for (const OutboxItem& item : done) work_.outbox.set_locked(item.target, item.name, until_);
        });
    }

    const LockWork& work_;
    Timestamp until_;
    RequestPace pace_;
    std::mutex mutex_;  ///< of the outbox and on_problem
};

/// Small pieces where there is little to do, so that each thread has some of it.
std::vector<Items> pieces_of(Items items, std::size_t threads) {
    std::size_t size = std::min(kNotedAtOnce, items.size() / threads + 1);
    std::vector<Items> pieces;
    for (OutboxItem& item : items) {
        if (pieces.empty() || pieces.back().size() == size) pieces.emplace_back();
        pieces.back().push_back(std::move(item));
    }
    return pieces;
}

}  // namespace

std::map<catalog::RunNumber, Timestamp> locks_needed(const std::vector<catalog::Run>& runs, unsigned days) {
    std::map<catalog::RunNumber, Timestamp> of_chain;
    for (const catalog::Run& run : runs) {
        Timestamp& last = of_chain[run.header.chain];
        last = std::max(last, run.header.started);
    }
    std::map<catalog::RunNumber, Timestamp> needed;
    for (const catalog::Run& run : runs) {
        Timestamp until = of_chain[run.header.chain];
        until.sec += days * kDaySeconds;
        needed.emplace(run.number(), until);
    }
    return needed;
}

Timestamp lock_end(Timestamp now, unsigned days) {
    return {now.sec + days * kDaySeconds + std::max(kDaySeconds, days * kDaySeconds / 8), 0};
}

void lock_stored(const Environment& env, Observer& observer, const LockWork& work, Items items,
                 Timestamp until) {
    Locking locking(env, work, until);
    if (!work.more) {
        for (const Items& piece : pieces_of(std::move(items), 1)) locking.lock_piece(work.target, piece);
        return;
    }
    SerialObserver serial(observer);
    for_each_with_target(
        work.more, serial, pieces_of(std::move(items), kLocksAtATime), kLocksAtATime, locking.stopping,
        [&](store::Target& target, const Items& piece) { locking.lock_piece(target, piece); });
}

}  // namespace icecore::engine
