#include "catalog/tree_merge.h"

#include <algorithm>

#include "base/error.h"

namespace icecore::catalog {
namespace {

/// out = runs of `all` in which `row` holds.
void clip(const Intervals& all, Interval row, Intervals& out) {
    out.clear();
    for (const Interval& interval : all) {
        Interval part{std::max(interval.first, row.first), std::min(interval.end, row.end)};
        if (part.first < part.end) out.push_back(part);
    }
}

void normalise(Intervals& runs) {
    std::sort(runs.begin(), runs.end(),
              [](const Interval& a, const Interval& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const Interval& interval : runs) {
        if (kept != 0 && runs[kept - 1].end >= interval.first)
            runs[kept - 1].end = std::max(runs[kept - 1].end, interval.end);
        else
            runs[kept++] = interval;
    }
    runs.resize(kept);
}

bool overlap(const Intervals& a, const Intervals& b) {
    return std::any_of(a.begin(), a.end(), [&](const Interval& x) {
        return std::any_of(b.begin(), b.end(),
                           [&](const Interval& y) { return x.first < y.end && y.first < x.end; });
    });
}

/// Whether `name`, which comes after `dir` in byte order, also comes before "dir/…". ("a", "a-b", "a/x", "b")
bool comes_before_content(std::string_view name, std::string_view dir) {
    return name.size() > dir.size() && name.starts_with(dir) &&
           static_cast<unsigned char>(name[dir.size()]) < '/';
}

}  // namespace

void TreeMerge::add_tree(NodeId root, const Intervals& runs) {
    auto same =
        std::find_if(trees_.begin(), trees_.end(), [&](const Presence& p) { return p.node == -root; });
    if (same == trees_.end()) same = trees_.insert(same, {-root, {}});
    same->runs.insert(same->runs.end(), runs.begin(), runs.end());
    normalise(same->runs);
    first_ = std::min(first_, same->runs.front().first);
    last_ = std::max(last_, same->runs.back().end - 1);
}

void TreeMerge::run() {
    path_.clear();
    enter({{}, std::move(trees_)});
    while (!levels_.empty()) {
        open_sources();
        visit_names();
        sources_.clear();
        Level& level = levels_.back();
        if (level.waiting.empty()) {
            leave();
            continue;
        }
        Subdirectory next = std::move(level.waiting.back());
        level.waiting.pop_back();
        path_.resize(level.path_bytes);
        if (!path_.empty()) path_ += '/';
        path_ += next.name;
        enter(std::move(next));
    }
}

void TreeMerge::open_sources() {
    Level& level = levels_.back();
    for (const Presence& presence : level.nodes) {
        Source source{db_.lease(Query::history), &presence, {}};
        source.row->bind(1, presence.node).bind_copy(2, level.from).bind(3, first_).bind(4, last_);
        advance(source);
        if (!source.done) sources_.push_back(std::move(source));
    }
}

void TreeMerge::advance(Source& source) {
    source.done = !source.row->step();
    source.name = source.done ? std::string_view{} : db_.name_of(*source.row);
}

/// Visits names of the innermost level until it is at its end or the content of a subdirectory comes first.
void TreeMerge::visit_names() {
    Level& level = levels_.back();
    for (;;) {
        const Source* least = nullptr;
        for (const Source& source : sources_)
            if (!source.done && (least == nullptr || source.name < least->name)) least = &source;
        if (least == nullptr) return;
        if (!level.waiting.empty() && !comes_before_content(least->name, level.waiting.back().name)) return;
        level.from = least->name;
        visit_name();
        level.from += '\0';  // the least name after it
    }
}

/// Visits the name level.from, taking its rows out of all sources.
void TreeMerge::visit_name() {
    Level& level = levels_.back();
    path_.resize(level.path_bytes);
    if (!path_.empty()) path_ += '/';
    path_ += level.from;

    bool wanted = visitor_.wants_path(path_);
    std::vector<Presence> subdirectories;
    version_count_ = 0;
    for (Source& source : sources_)
        for (; !source.done && source.name == level.from; advance(source))
            take_row(source, wanted, subdirectories);
    if (version_count_ != 0) visitor_.visit(path_, std::span(versions_).first(version_count_));
    if (subdirectories.empty()) return;
    for (Presence& presence : subdirectories) normalise(presence.runs);
    level.waiting.push_back({level.from, std::move(subdirectories)});
}

void TreeMerge::take_row(const Source& source, bool wanted, std::vector<Presence>& subdirectories) {
    const sql::Statement& row = *source.row;
    clip(source.presence->runs, {db_.run_in(row, column::kAdded), db_.run_in(row, column::kRemoved)},
         clipped_);
    if (clipped_.empty()) return;
    if (NodeId node = db_.node_of(row); node != 0) {
        auto same = std::find_if(subdirectories.begin(), subdirectories.end(),
                                 [&](const Presence& presence) { return presence.node == node; });
        if (same == subdirectories.end())
            subdirectories.push_back({node, clipped_});
        else
            same->runs.insert(same->runs.end(), clipped_.begin(), clipped_.end());
    }
    if (!wanted || !visitor_.wants_version(clipped_)) return;
    if (versions_.size() == version_count_) versions_.emplace_back();
    Version& version = versions_[version_count_++];
    version.runs = clipped_;
    db_.read_entry(row, version.entry);
}

/// Makes the directory at path_ the innermost level.
void TreeMerge::enter(Subdirectory subdirectory) {
    check_cycle(subdirectory.nodes);
    for (const Presence& presence : subdirectory.nodes) open_.emplace(presence.node, levels_.size());
    levels_.push_back({std::move(subdirectory.nodes), path_.size(), {}, {}});
}

void TreeMerge::leave() {
    std::size_t index = levels_.size() - 1;
    for (const Presence& presence : levels_.back().nodes) {
        auto [begin, end] = open_.equal_range(presence.node);
        auto item = std::find_if(begin, end, [&](const auto& open) { return open.second == index; });
        CHECK(item != end);
        open_.erase(item);
    }
    levels_.pop_back();
}

/// A directory can be below a path where itself once was (two that were swapped), but never in the same run.
void TreeMerge::check_cycle(const std::vector<Presence>& nodes) const {
    for (const Presence& presence : nodes) {
        auto [begin, end] = open_.equal_range(presence.node);
        for (auto item = begin; item != end; ++item)
            for (const Presence& above : levels_[item->second].nodes)
                if (above.node == presence.node && overlap(above.runs, presence.runs))
                    db_.connection->fail_damaged("a directory lies within itself");
    }
}

}  // namespace icecore::catalog
