#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "catalog/tree_merge.h"

namespace icecore::catalog {
namespace {

using RunRoot = Catalog::Database::RunRoot;

/// Everything that find shows of a version, apart from when and where it was stored.
bool same_content(const Entry& a, const Entry& b) {
    const FileStat& s = a.stat;
    const FileStat& t = b.stat;
    return s.type == t.type && s.size == t.size && s.mtime == t.mtime && s.mode == t.mode && s.uid == t.uid &&
           s.gid == t.gid && s.rdev_major == t.rdev_major && s.rdev_minor == t.rdev_minor &&
           a.sha256 == b.sha256 && a.link_target == b.link_target && a.metadata == b.metadata;
}

/// Which runs there are, to turn an interval into a first and a last one.
class Calendar {
  public:
    explicit Calendar(const std::vector<RunRoot>& runs) {
        for (const RunRoot& run : runs) {
            runs_.push_back(run.number);
            chain_[run.number] = run.chain;
            chains_[run.chain].push_back(run.number);
        }
    }

    /// The last run of the chain that `interval` lies in before its end.
    RunNumber last_in(Interval interval) const {
        auto chain = chain_.find(interval.first);
        if (chain == chain_.end()) return 0;  // damage: a row begins with a run that is not there
        const std::vector<RunNumber>& runs = chains_.at(chain->second);
        return *std::prev(std::lower_bound(runs.begin(), runs.end(), interval.end));
    }

    /// Whether no run of any chain lies between `last` and `first`.
    bool adjacent(RunNumber last, RunNumber first) const {
        auto next = std::upper_bound(runs_.begin(), runs_.end(), last);
        return next != runs_.end() && *next == first;
    }

  private:
    std::vector<RunNumber> runs_;
    std::map<RunNumber, RunNumber> chain_;
    std::map<RunNumber, std::vector<RunNumber>> chains_;
};

class Finder final : public TreeMerge::Visitor {
  public:
    Finder(const sql::Connection& db, const Calendar& calendar,
           const std::function<bool(std::string_view)>& matches,
           const std::function<void(const PathVersion&)>& visit)
        : db_(db), calendar_(calendar), matches_(matches), visit_(visit) {}

    bool wants_path(const std::string& path) override { return matches_(path); }
    bool wants_version(const Intervals& /*runs*/) override { return true; }

    void visit(const std::string& path, std::span<TreeMerge::Version> versions) override {
        std::vector<std::pair<Interval, const Entry*>> parts;
        for (const TreeMerge::Version& version : versions)
            for (const Interval& runs : version.runs) parts.emplace_back(runs, &version.entry);
        std::sort(parts.begin(), parts.end(),
                  [](const auto& a, const auto& b) { return a.first.first < b.first.first; });
        found_.path = path;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto& [runs, entry] = parts[i];
            RunNumber last = calendar_.last_in(runs);
            if (last == 0) db_.fail_damaged("an entry belongs to no known run");
            bool joined = i != 0 && calendar_.adjacent(found_.last, runs.first) &&
                          same_content(*parts[i - 1].second, *entry);
            if (!joined) {
                if (i != 0) visit_(found_);
                found_.first = runs.first;
            }
            found_.last = last;
            found_.entry = *entry;  // joined: the later one
        }
        visit_(found_);
    }

  private:
    const sql::Connection& db_;
    const Calendar& calendar_;
    const std::function<bool(std::string_view)>& matches_;
    const std::function<void(const PathVersion&)>& visit_;
    PathVersion found_;
};

}  // namespace

void Catalog::find(const std::function<bool(std::string_view path)>& matches,
                   const std::function<void(const PathVersion&)>& visit) const {
    std::vector<RunRoot> runs = db_->run_roots();
    if (runs.empty()) return;
    Calendar calendar(runs);
    Finder finder(*db_->connection, calendar, matches, visit);
    TreeMerge merge(*db_, finder);
    std::map<NodeId, Interval> chains;
    for (const RunRoot& run : runs) {
        Interval& interval = chains.try_emplace(run.root, Interval{run.number, 0}).first->second;
        interval.end = run.number + 1;
    }
    for (const auto& [root_node, interval] : chains) merge.add_tree(root_node, {interval});
    merge.run();
}

}  // namespace icecore::catalog
