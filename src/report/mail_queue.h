#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "report/set_report.h"

namespace icecore::report {

/// What has been mailed of a set, and what waits to be (doc/format.md, "mail.json").
struct MailState {
    std::uint32_t mailed_through = 0;  ///< the last run that was told of; later ones wait
    std::vector<Failure> failures;     ///< that wait, oldest first
    std::uint64_t left_out = 0;        ///< failures that were too many to keep
    unsigned tries = 0;                ///< that failed, since the last mail that was sent
    std::string last_error;            ///< of the last of them
    std::optional<Timestamp> last_error_at;
    std::optional<Timestamp> last_sent;
};

/// The state of one set's mail, durable: in the backup directory, where the runs are; and what cannot be kept
/// there (the directory is missing, its disk full) in a directory of its own elsewhere. Runs need no entry:
/// whatever the catalogue has after `mailed_through` waits. A file that is damaged counts as none, so that
/// things are told twice rather than never.
///
/// Holds a lock while alive, and waits for it, so that a run that fails at once and one that ends just then
/// do not tell the same. Throws Error only from the functions that say so.
class MailQueue {
  public:
    static constexpr std::size_t kFailuresMax = 200;

    struct Places {
        std::string backup_dir;
        std::string state_dir;   ///< made if needed; empty: there is none
        std::string state_name;  ///< the file's name in there
    };
    MailQueue(FileSystem& fs, Places places);

    const MailState& state() const { return state_; }
    /// A failure that is to be told. Throws Error if it can be kept nowhere; it is in state() all the same.
    void add(const Failure& failure);
    /// Sending failed. Throws Error if that can be written nowhere.
    void note_failed(std::string error, Timestamp now);
    /// All failures and the runs up to `through` were told. Throws Error if that cannot be written: they will
    /// be told again.
    void note_sent(std::uint32_t through, Timestamp now);

    /// For `status`: without a lock.
    static MailState read(const Places& places);

  private:
    void write();
    void drop_other();

    FileSystem& fs_;
    Places places_;
    Fd lock_;
    MailState state_;
};

constexpr std::string_view kMailStateName = "mail.json";
constexpr std::string_view kMailLockName = ".mail.lock";

}  // namespace icecore::report
