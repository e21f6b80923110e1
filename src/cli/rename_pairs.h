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

/// Finds files of a diff that were deleted at one path and added with the same content at another, so that
/// they can be shown as renamed. Memory is bounded: of the candidates (files with content) at most `limit`
/// are remembered, the rest stay plain additions and deletions.
///
/// Two passes over the same diff: `offer` every difference, then `pair`, then ask.
class RenamePairs {
  public:
    static constexpr std::size_t kCandidatesMax = 100'000;
    explicit RenamePairs(std::size_t limit = kCandidatesMax) : candidates_left_(limit) {}

    void offer(const catalog::Difference& difference);
    /// Pairs what has been offered: the n-th deletion of some content with its n-th addition, in path order.
    void pair();

    /// Where a deleted file went; nullopt if it is simply gone.
    std::optional<std::string> new_path(const std::string& deleted) const;
    /// Whether an added file is the new name of a deleted one.
    bool is_new_name(const std::string& added) const;

  private:
    struct Paths {
        std::vector<std::string> deleted;
        std::vector<std::string> added;
    };
    std::size_t candidates_left_;
    std::map<std::pair<std::string, std::uint64_t>, Paths> by_content_;  ///< digest and size
    std::map<std::string, std::string> old_to_new_;
    std::map<std::string, std::string> new_to_old_;
};

}  // namespace icecore::cli
