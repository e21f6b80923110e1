#include "engine/restore_problems.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {

void RestoreProblems::add(const std::string& path, const std::string& what) {
    ++count_;
    if (!spool_) spool_ = std::make_unique<Spool>(dir_);
    RecordWriter record;
    record.text(path).text(what);
    spool_->append(record.view());

    auto known = group_of_.find(what);
    if (known == group_of_.end()) {
        std::string key = groups_.size() < kGroupsMax ? what : "other reasons";
        known = group_of_.find(key);
        if (known == group_of_.end()) {
            known = group_of_.emplace(key, groups_.size()).first;
            groups_.push_back({key, 0, {}});
        }
    }
    Group& group = groups_[known->second];
    ++group.count;
    group.paths.insert(std::upper_bound(group.paths.begin(), group.paths.end(), path), path);
    if (group.paths.size() > kGroupPathsMax) group.paths.pop_back();
}

void RestoreProblems::for_each(
    const std::function<void(std::string_view path, std::string_view what)>& visit) const {
    if (!spool_) return;
    Spool::Reader reader(*spool_);
    std::string_view record;
    while (reader.next(record)) {
        RecordReader in(record);
        std::string_view path = in.text();
        visit(path, in.text());
    }
}

std::vector<std::string> RestoreProblems::lines(std::size_t lines_max) const {
    std::vector<std::string> out;
    for_each([&](std::string_view path, std::string_view what) {
        if (out.size() < lines_max) out.push_back(format("{}: {}", escape_path(path), what));
    });
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace icecore::engine
