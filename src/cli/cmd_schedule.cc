#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"
#include "schedule/installer.h"

namespace icecore::cli {
namespace {

using schedule::Installed;
using schedule::Job;
using schedule::Manager;

std::string user_units_dir(const Io& io) {
    std::string base = io.environment("XDG_CONFIG_HOME").value_or("");
    if (base.empty()) base = io.environment("HOME").value_or("/") + "/.config";
    return base + "/systemd/user";
}

schedule::Installer make_installer(const Io& io) {
    schedule::Places places;
    places.system = io.privileged;
    places.units_dir = io.privileged ? io.etc_dir + "/systemd/system" : user_units_dir(io);
    if (io.privileged) places.cron_dir = io.etc_dir + "/cron.d";
    return {io.fs, places, io.run_process};
}

std::string_view manager_name(Manager manager) {
    return manager == Manager::systemd ? "systemd" : "cron";
}

/// "all sets", "set home".
std::string sets_text(const std::string& set) {
    return set.empty() ? "all sets" : "set " + set;
}

/// The set in a schedule's name; empty: all.
std::string set_of(const std::string& name) {
    constexpr std::string_view kPrefix = "icecore-";
    return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "";
}

class ScheduleInstallCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "schedule install",
            .summary = "let backups run by themselves",
            .description =
                "Lets `icecore backup` run by itself: all sets, or that of --set. As root by a\n"
                "timer of systemd, with low priority, in a sandbox that can write to nothing but\n"
                "backup directories and mounted targets; where systemd does not run, by a line in\n"
                "/etc/cron.d. Others get a timer or a crontab line of their own. What was due\n"
                "while the machine was off is caught up: by systemd when it is on again, by cron\n"
                "5 minutes after that for sets whose last run began at least a day (a week, an\n"
                "hour) ago. An older schedule of the same sets is replaced.",
            .example =
                "icecore schedule install --daily 03:15\n"
                "icecore schedule install --set home --weekly 'sun 04:00' --cron",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--daily", "HH:MM", daily_, "every day at that time, or up to 15 minutes later");
        arguments.value("--weekly", "'DAY HH:MM'", weekly_, "once a week; DAY is sun, mon, tue, ...");
        arguments.value("--hourly", "MM", hourly_, "every hour at that minute");
        arguments.flag("--systemd", systemd_, "by a timer of systemd");
        arguments.flag("--cron", cron_, "by cron");
        arguments.flag("-n,--dry-run", dry_run_, "print the files, write nothing");
    }
    int run(Session& session) override {
        Io& io = session.io();
        Job job = make_job(session);
        if (systemd_ && cron_) throw UsageError("--systemd and --cron exclude each other");
        Manager manager = systemd_ || (io.systemd_runs && !cron_) ? Manager::systemd : Manager::cron;
        schedule::Installer installer = make_installer(io);
        if (dry_run_) {
            for (const schedule::Piece& piece : installer.pieces(job, manager))
                io.out << format("{}:\n\n{}\n", piece.path.empty() ? "your crontab" : piece.path, piece.text);
            return kDone;
        }
        check_place(io, manager);
        installer.install(job, manager);
        warn(session, job, manager);
        if (session.messages().quiet) return kDone;
        io.out << format("{} of {} by {}; next {}\n", to_text(job.calendar), sets_text(job.set),
                         manager_name(manager),
                         format_local(schedule::next_time(job.calendar, io.clock.now())));
        return kDone;
    }

  private:
    schedule::Calendar calendar() const {
        int given = !daily_.empty() + !weekly_.empty() + !hourly_.empty();
        if (given != 1)
            throw UsageError(given == 0 ? "it is not said when: --daily, --weekly or --hourly is missing"
                                        : "--daily, --weekly and --hourly exclude each other",
                             "icecore schedule install --daily 03:15");
        auto parse = [](std::string_view option, auto parser, const std::string& text) {
            try {
                return parser(text);
            } catch (const Error& e) {
                throw UsageError(format("{} {}", option, e.message()));
            }
        };
        if (!daily_.empty()) return parse("--daily", schedule::daily_at, daily_);
        if (!weekly_.empty()) return parse("--weekly", schedule::weekly_at, weekly_);
        return parse("--hourly", schedule::hourly_at, hourly_);
    }

    Job make_job(Session& session) const {
        Job job;
        job.calendar = calendar();
        job.program = session.io().program;
        job.config = session.config().path;
        job.set = session.options().set;
        for (const engine::SetOptions* set : session.sets()) {
            job.data_dirs.push_back(set->data_dir);
            job.writable_dirs.push_back(set->backup_dir);
            job.needs_devices |= set->snapshot.kind == snapshot::Kind::btrfs;
            job.runs_programs |=
                set->snapshot.kind == snapshot::Kind::zfs || set->snapshot.kind == snapshot::Kind::lvm;
            const RunHooks& hooks = session.config().hooks.at(set->name);
            job.runs_programs |= !(hooks.before + hooks.after + hooks.on_failure).empty();
            if (!set->target.directory.empty()) job.writable_dirs.push_back(set->target.directory);
        }
        const ReportConfig& report = session.config().report;
        const std::string& metrics = report.metrics;
        job.runs_programs |= !report.to.empty() && (report.smtp.empty() || !report.password_command.empty());
        if (!metrics.empty()) job.writable_dirs.emplace_back(parent_path(metrics));
        return job;
    }

    static void check_place(const Io& io, Manager manager) {
        std::string cron_dir = io.etc_dir + "/cron.d";
        if (manager == Manager::cron && io.privileged && !path_exists(cron_dir))
            throw Error(Error::Kind::not_found, format("there is no {}", cron_dir),
                        "is cron installed? With systemd, `--systemd` needs no cron");
    }

    static void warn(Session& session, const Job& job, Manager manager) {
        for (const std::string& dir : job.writable_dirs)
            if (manager == Manager::systemd && session.io().privileged && !path_exists(dir))
                session.messages().warning(
                    format("{} is not there; the sandbox cannot make it: run `icecore backup` once", dir));
        if (manager == Manager::systemd && !session.io().privileged)
            session.messages().note(
                "a user's timers run while the user is logged in; `loginctl enable-linger` lets them run "
                "always");
    }

    std::string daily_, weekly_, hourly_;
    bool systemd_ = false, cron_ = false, dry_run_ = false;
};

class ScheduleShowCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "schedule show",
            .summary = "show when backups run by themselves",
            .description =
                "Shows what `icecore schedule install` has installed, when it runs next, and what\n"
                "keeps it from running. Exit status 1 if there is nothing, or it does not run.",
            .example = "icecore schedule show",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        Io& io = session.io();
        std::vector<Installed> all = make_installer(io).list();
        bool faulty = all.empty();
        for (const Installed& entry : all) faulty |= !entry.fault.empty();
        if (session.options().json)
            write(io, all);
        else if (all.empty())
            io.out << "no schedule: icecore schedule install --daily 03:15\n";
        else
            print(io, all);
        return faulty ? kFailed : kDone;
    }

  private:
    static void print(Io& io, const std::vector<Installed>& all) {
        for (const Installed& entry : all) {
            io.out << format("{} of {} by {} ({})\n  next  {}\n", to_text(entry.calendar),
                             sets_text(set_of(entry.name)), manager_name(entry.manager),
                             shown_path(entry.where),
                             format_local(schedule::next_time(entry.calendar, io.clock.now())));
            if (!entry.fault.empty()) io.out << format("  but   {}\n", printable(entry.fault));
        }
    }

    static void write(Io& io, const std::vector<Installed>& all) {
        JsonOutput json(io.out);
        json.writer().begin_object().key("schedules").begin_array();
        for (const Installed& entry : all) {
            json.writer().begin_object().field("name", entry.name).field("set", set_of(entry.name));
            json.writer().field("manager", manager_name(entry.manager));
            json.writer().field("schedule", to_text(entry.calendar)).key("where").path(entry.where);
            json.writer().key("next").time(schedule::next_time(entry.calendar, io.clock.now()));
            json.writer().field("fault", printable(entry.fault)).end_object();
        }
        json.writer().end_array().end_object();
        json.finish();
    }
};

class ScheduleRemoveCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "schedule remove",
            .summary = "take a schedule away again",
            .description =
                "Takes away what `icecore schedule install` has installed: for all sets, or for\n"
                "that of --set. Configuration and backups stay.",
            .example = "icecore schedule remove",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        std::string name = Job{.set = session.options().set}.name();
        if (!make_installer(session.io()).remove(name))
            throw Error(Error::Kind::not_found,
                        format("there is no schedule of {}", sets_text(session.options().set)),
                        "icecore schedule show lists them");
        if (!session.messages().quiet)
            session.io().out << format("the schedule of {} is removed\n", sets_text(session.options().set));
        return kDone;
    }
};

}  // namespace

std::unique_ptr<Command> make_schedule_install_command() {
    return std::make_unique<ScheduleInstallCommand>();
}

std::unique_ptr<Command> make_schedule_show_command() {
    return std::make_unique<ScheduleShowCommand>();
}

std::unique_ptr<Command> make_schedule_remove_command() {
    return std::make_unique<ScheduleRemoveCommand>();
}

}  // namespace icecore::cli
