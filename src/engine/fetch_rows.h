#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/thaws.h"
#include "engine/fetch.h"

namespace icecore::engine {

/// What one request to thaw is about: a range; or all ranges of an object, where a target thaws whole objects
/// only.
using ThawRows = std::vector<catalog::Thaw>;

store::ThawRequest thaw_request(const ThawRows& rows, bool whole_objects);

/// The part of the ledger that a Fetch works on: the rows of what is wanted, in memory, and what changes of
/// them written through. Any thread. The references must outlive it.
class FetchRows {
  public:
    using Thaw = catalog::Thaw;

    FetchRows(const Environment& env, catalog::Thaws& thaws, const FetchOptions& options, std::string target,
              const store::Capabilities& abilities);

    /// See Fetch::want().
    void want(const std::vector<FetchRange>& wanted);
    /// Those in one of these states, by id.
    std::vector<Thaw> in(std::initializer_list<Thaw::State> states) const;
    /// What is to be asked for: what is wanted, and what a slower tier was asked for and can be made faster.
    std::vector<ThawRows> to_ask() const;
    std::vector<ThawRows> asked() const;

    void save(std::span<const Thaw> rows);
    /// What the target said of `rows`, of which each is in the list: all of it durable at once.
    struct Answer {
        ThawRows rows;
        store::ThawState state;
    };
    void take(const std::vector<Answer>& answers);
    /// It must be asked for again; what was downloaded stays. After some times it is given up.
    void expire(const Thaw& thaw, const std::string& why);
    void give_up(Thaw thaw, const std::string& why);
    /// In the ledger it stays `ready`: it was paid for, and may come well another time.
    void give_up_download(const Thaw& thaw, const std::string& why);
    void forget();
    void forget_fetched();

    FetchState summary() const;
    /// Without a look at each row.
    Progress progress() const;

  private:
    struct Known {
        std::vector<Thaw> rows;  ///< by offset
        /// A thaw of the object that lives: what else is wanted of it takes part in it.
        std::optional<Thaw> living;
    };
    Known bring_up_to_date(const FetchRange& range, std::vector<Thaw> rows);
    bool brush_up(Thaw& thaw);
    bool is_staged(const Thaw& thaw) const;
    void want(const FetchRange& range, const Known& known);
    void add_gap(const FetchRange& range, const Known& known, std::uint64_t begin, std::uint64_t end);
    std::vector<ThawRows> grouped(const std::function<bool(const Thaw&)>& belongs) const;
    bool can_hasten(const Thaw& thaw) const;
    bool lives(const Thaw& thaw) const;
    // With mutex_ held, within Thaws::at_once():
    void put(const Thaw& thaw);
    void hold(const Thaw& thaw);
    void add(Thaw thaw);
    void apply(Thaw thaw, const store::ThawState& state);
    void expire_row(Thaw thaw);
    void fail_row(Thaw thaw, const std::string& why);

    const Environment& env_;
    const FetchOptions& options_;
    std::string target_;
    store::Capabilities abilities_;

    mutable std::mutex mutex_;  // guards what follows
    catalog::Thaws& thaws_;
    std::map<std::int64_t, Thaw> rows_;             ///< by id
    std::map<std::int64_t, std::string> problems_;  ///< by row
    std::uint64_t fetched_ = 0;                     ///< rows
    std::uint64_t fetched_bytes_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace icecore::engine
