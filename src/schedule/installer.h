#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "schedule/job.h"

namespace icecore::schedule {

enum class Manager : std::uint8_t { systemd, cron };

/// Where schedules are kept.
struct Places {
    bool system = true;     ///< the system's, by root; else a user's own
    std::string units_dir;  ///< of systemd's units
    /// Of the system's crontabs, /etc/cron.d; empty for a user, who has one crontab behind crontab(1).
    std::string cron_dir;
};

/// A file that is made, or for a user's crontab, its new content.
struct Piece {
    std::string path;  ///< empty: the user's crontab
    std::string text;
};

/// A schedule that is there.
struct Installed {
    std::string name;  ///< Job::name()
    Manager manager = Manager::systemd;
    Calendar calendar;
    std::string where;  ///< its timer or crontab, for people
    /// What keeps it from running, for people; empty if nothing is known.
    std::string fault;
};

/// Puts schedules in place and takes them away. What it runs (systemctl, crontab) it runs through `run`, as
/// run_process; the file system and `run` must outlive it.
class Installer {
  public:
    using Run = std::function<ProcessResult(const Process&)>;
    Installer(FileSystem& fs, Places places, Run run);

    /// What install() would write.
    std::vector<Piece> pieces(const Job& job, Manager manager) const;
    /// Replaces a schedule of that name, also one of the other manager. Durable on return, and the timer
    /// runs. Throws Error: not_found (there is no systemctl, no crontab, no /etc/cron.d), denied, invalid,
    /// io.
    void install(const Job& job, Manager manager);
    /// All that are there, by name.
    std::vector<Installed> list() const;
    /// False: there is none of that name.
    bool remove(const std::string& name);

  private:
    std::vector<Installed> list_systemd() const;
    std::vector<Installed> list_cron() const;
    void install_systemd(const Job& job);
    void remove_systemd(const std::string& name);
    void write(const Piece& piece) const;
    std::string crontab() const;
    void set_crontab(const std::string& text) const;
    ProcessResult systemctl(std::vector<std::string> words) const;
    void must_succeed(std::vector<std::string> words) const;

    FileSystem& fs_;
    Places places_;
    Run run_;
};

}  // namespace icecore::schedule
