#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/spool.h"

namespace icecore::engine {

/// What could not be restored, and why. However many files are lost: memory holds some paths a reason, a
/// temporary file all. One thread at a time.
class RestoreProblems {
  public:
    /// Paths kept of each reason, and reasons kept apart.
    static constexpr std::size_t kGroupPathsMax = 10;
    static constexpr std::size_t kGroupsMax = 100;

    /// Files lost for the same reason.
    struct Group {
        std::string what;  ///< "volume /b/a.tar.zst: the file is missing"; "other reasons" beyond kGroupsMax
        std::uint64_t count = 0;
        std::vector<std::string> paths;  ///< the first kGroupPathsMax in path order, as they are
    };

    /// `dir`: where the temporary file is made, without a name, when first needed.
    explicit RestoreProblems(std::string dir) : dir_(std::move(dir)) {}

    void add(const std::string& path, const std::string& what);
    bool empty() const { return count_ == 0; }
    std::uint64_t count() const { return count_; }
    /// In the order in which the reasons were met.
    const std::vector<Group>& groups() const { return groups_; }
    /// Every problem in the order in which they were met.
    void for_each(const std::function<void(std::string_view path, std::string_view what)>& visit) const;
    /// The first `lines_max` (as met) as "a/b: what", sorted.
    std::vector<std::string> lines(std::size_t lines_max = 1000) const;

  private:
    std::string dir_;
    std::unique_ptr<Spool> spool_;
    std::uint64_t count_ = 0;
    std::vector<Group> groups_;
    std::map<std::string, std::size_t, std::less<>> group_of_;
};

}  // namespace icecore::engine
