#include "cli/rename_pairs.h"

#include <algorithm>

#include "base/text.h"

namespace icecore::cli {

using catalog::Difference;

void RenamePairs::offer(const Difference& difference) {
    bool deleted = difference.what == Difference::What::deleted;
    if (!deleted && difference.what != Difference::What::added) return;
    const auto& entry = deleted ? difference.before : difference.after;
    if (!entry || candidates_left_ == 0) return;
    bool has_content =
        entry->stat.type == FileType::regular && entry->stat.size > 0 && !entry->sha256.empty();
    if (!has_content && entry->node == 0) return;
    --candidates_left_;
    Paths& paths = entry->node != 0 ? by_directory_[entry->node]
                                    : by_content_[{std::string(entry->sha256.view()), entry->stat.size}];
    (deleted ? paths.deleted : paths.added).push_back(difference.path);
}

void RenamePairs::add(std::string deleted, std::string added) {
    new_to_old_.emplace(added, deleted);
    old_to_new_.emplace(std::move(deleted), std::move(added));
}

/// Of several files with one content, those that kept their name in a renamed directory belong together.
void RenamePairs::pair_in_renamed_directories(Paths& paths) {
    std::erase_if(paths.deleted, [&](const std::string& deleted) {
        auto parent = old_to_new_.find(std::string(parent_path(deleted)));
        if (parent == old_to_new_.end()) return false;
        auto added =
            std::find(paths.added.begin(), paths.added.end(), join_path(parent->second, base_name(deleted)));
        if (added == paths.added.end()) return false;
        add(deleted, *added);
        paths.added.erase(added);
        return true;
    });
}

void RenamePairs::pair() {
    for (auto& [node, paths] : by_directory_)
        if (!paths.deleted.empty() && !paths.added.empty())
            add(std::move(paths.deleted[0]), std::move(paths.added[0]));
    by_directory_.clear();
    for (auto& [content, paths] : by_content_) {
        pair_in_renamed_directories(paths);
        std::size_t count = std::min(paths.deleted.size(), paths.added.size());
        for (std::size_t i = 0; i < count; ++i) add(std::move(paths.deleted[i]), std::move(paths.added[i]));
    }
    by_content_.clear();
}

bool RenamePairs::carried_along(const std::string& deleted, const std::string& added) const {
    auto parent = old_to_new_.find(std::string(parent_path(deleted)));
    return parent != old_to_new_.end() && added == join_path(parent->second, base_name(deleted));
}

std::optional<std::string> RenamePairs::new_path(const std::string& deleted) const {
    auto found = old_to_new_.find(deleted);
    return found == old_to_new_.end() ? std::nullopt : std::optional(found->second);
}

bool RenamePairs::is_new_name(const std::string& added) const {
    return new_to_old_.contains(added);
}

}  // namespace icecore::cli
