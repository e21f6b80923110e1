#include <algorithm>

#include "catalog/tree_merge.h"

namespace icecore::catalog {
namespace {

std::optional<Difference::What> compare(const Entry& a, const Entry& b) {
    const FileStat& s = a.stat;
    const FileStat& t = b.stat;
    if (s.type != t.type) return Difference::What::type_changed;
    if (s.size != t.size || a.sha256 != b.sha256 || a.link_target != b.link_target ||
        s.rdev_major != t.rdev_major || s.rdev_minor != t.rdev_minor)
        return Difference::What::changed;
    if (s.mode != t.mode || s.uid != t.uid || s.gid != t.gid || s.mtime != t.mtime ||
        a.metadata != b.metadata)
        return Difference::What::metadata;
    return std::nullopt;
}

class Differ final : public TreeMerge::Visitor {
  public:
    Differ(RunNumber before, RunNumber after, const std::function<void(const Difference&)>& visit)
        : before_(before), after_(after), visit_(visit) {}

    bool wants_path(const std::string& /*path*/) override { return true; }
    /// A row that holds in both runs is no difference.
    bool wants_version(const Intervals& runs) override { return holds(runs, before_) != holds(runs, after_); }

    void visit(const std::string& path, std::span<TreeMerge::Version> versions) override {
        difference_.before.reset();
        difference_.after.reset();
        for (TreeMerge::Version& version : versions) {
            auto& side = holds(version.runs, before_) ? difference_.before : difference_.after;
            side = std::move(version.entry);
        }
        auto what = !difference_.before  ? Difference::What::added
                    : !difference_.after ? Difference::What::deleted
                                         : compare(*difference_.before, *difference_.after);
        if (!what) return;
        difference_.what = *what;
        difference_.path = path;
        visit_(difference_);
    }

  private:
    static bool holds(const Intervals& runs, RunNumber at) {
        return std::any_of(runs.begin(), runs.end(), [&](const Interval& interval) {
            return interval.first <= at && at < interval.end;
        });
    }

    RunNumber before_;
    RunNumber after_;
    const std::function<void(const Difference&)>& visit_;
    Difference difference_{Difference::What::added, {}, {}, {}};
};

}  // namespace

void Catalog::diff(RunNumber before, RunNumber after,
                   const std::function<void(const Difference&)>& visit) const {
    NodeId before_root = root(before);
    NodeId after_root = root(after);
    if (before == after) return;
    Differ differ(before, after, visit);
    TreeMerge merge(*db_, differ);
    merge.add_tree(before_root, {{before, before + 1}});
    merge.add_tree(after_root, {{after, after + 1}});
    merge.run();
}

}  // namespace icecore::catalog
