#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/catalog.h"

namespace icecore::cli {

/// Finds what a diff shows as deleted at one path and added at another and was in truth renamed: directories
/// by their identity, files by their content. Memory is bounded: of the candidates (files with content) at
/// most `limit` are remembered, the rest stay plain additions and deletions.
///
/// Two passes over the same diff: `offer` every difference, then `pair`, then ask.
class RenamePairs {
  public:
    static constexpr std::size_t kCandidatesMax = 100'000;
    explicit RenamePairs(std::size_t limit = kCandidatesMax) : candidates_left_(limit) {}

    void offer(const catalog::Difference& difference);
    /// Pairs what has been offered: the n-th deletion of some content with its n-th addition, in path order.
    void pair();

    /// Where a deleted name went; nullopt if it is simply gone.
    std::optional<std::string> new_path(const std::string& deleted) const;
    /// Whether an added name is the new one of a deleted one.
    bool is_new_name(const std::string& added) const;
    /// Whether a renamed name merely went along with its directory, under its own name.
    bool carried_along(const std::string& deleted, const std::string& added) const;

  private:
    struct Paths {
        std::vector<std::string> deleted;
        std::vector<std::string> added;
    };
    void add(std::string deleted, std::string added);
    void pair_in_renamed_directories(Paths& paths);

    std::size_t candidates_left_;
    std::map<catalog::NodeId, Paths> by_directory_;
    std::map<std::pair<std::string, std::uint64_t>, Paths> by_content_;  ///< digest and size
    std::map<std::string, std::string> old_to_new_;
    std::map<std::string, std::string> new_to_old_;
};

}  // namespace icecore::cli
