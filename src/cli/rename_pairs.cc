#include "cli/rename_pairs.h"

#include <algorithm>

namespace icecore::cli {

using catalog::Difference;

void RenamePairs::offer(const Difference& difference) {
    bool deleted = difference.what == Difference::What::deleted;
    if (!deleted && difference.what != Difference::What::added) return;
    const auto& entry = deleted ? difference.before : difference.after;
    bool has_content =
        entry && entry->stat.type == FileType::regular && entry->stat.size > 0 && !entry->sha256.empty();
    if (!has_content || candidates_left_ == 0) return;
    --candidates_left_;
    Paths& paths = by_content_[{std::string(entry->sha256.view()), entry->stat.size}];
    (deleted ? paths.deleted : paths.added).push_back(difference.path);
}

void RenamePairs::pair() {
    for (auto& [content, paths] : by_content_) {
        std::size_t count = std::min(paths.deleted.size(), paths.added.size());
        for (std::size_t i = 0; i < count; ++i) {
            old_to_new_.emplace(paths.deleted[i], paths.added[i]);
            new_to_old_.emplace(std::move(paths.added[i]), std::move(paths.deleted[i]));
        }
    }
    by_content_.clear();
}

std::optional<std::string> RenamePairs::new_path(const std::string& deleted) const {
    auto found = old_to_new_.find(deleted);
    return found == old_to_new_.end() ? std::nullopt : std::optional(found->second);
}

bool RenamePairs::is_new_name(const std::string& added) const {
    return new_to_old_.contains(added);
}

}  // namespace icecore::cli
