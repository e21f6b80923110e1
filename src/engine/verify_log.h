#pragma once

#include <functional>
#include <mutex>

#include "engine/verify.h"

namespace icecore::engine {

/// Where the parts of a verification tell what they find and how far they are. Thread-safe.
class VerifyLog {
  public:
    /// Both must outlive it.
    VerifyLog(Observer& observer, const std::function<void(const Finding&)>& on_finding);

    void report(Finding finding);
    /// A problem of a file in the backup directory.
    void problem(catalog::RunNumber run, const std::string& file, std::string message, std::string hint = {});
    /// A problem of a file in the tree of a run.
    void problem_at(catalog::RunNumber run, const std::string& path, std::string message);
    void remark(catalog::RunNumber run, const std::string& file, std::string message, std::string hint = {});

    void expect(std::uint64_t bytes);
    void advance(std::uint64_t files, std::uint64_t bytes);

    std::uint64_t problems() const;
    std::uint64_t remarks() const;

  private:
    Observer& observer_;
    const std::function<void(const Finding&)>& on_finding_;
    mutable std::mutex mutex_;  // guards what follows, and the calls of both
    Progress progress_;
    std::uint64_t problems_ = 0;
    std::uint64_t remarks_ = 0;
};

}  // namespace icecore::engine
