#include "cli/init_dialog.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/announcer.h"
#include "cli/ask.h"
#include "cli/config.h"
#include "cli/init_mail.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/target_argument.h"
#include "cli/usage_error.h"
#include "cost/prices.h"
#include "engine/target_probe.h"
#include "schedule/calendar.h"

namespace icecore::cli {
namespace {

std::string probe_text(const engine::TargetProbe& probe, const std::string& set) {
    if (probe.inhabited)
        return format(
            "there are backups of \"{}\" already: with this configuration `icecore recover` brings them back",
            set);
    if (!probe.written) return "it is there and lets us in";
    std::string text = "a small file was written there";
    text += probe.read ? ", read back" : "; this key may not read it back";
    text += probe.removed ? " and removed" : "; this key may not delete it (the first upload replaces it)";
    return text;
}

engine::SetOptions as_set(const InitAnswers& answers, const engine::TargetOptions& target) {
    engine::SetOptions set;
    set.name = answers.name;
    set.data_dir = answers.data_dir;
    set.backup_dir = answers.backup_dir;
    set.target = target;
    return set;
}

void remark_same_disk(Io& io, const InitAnswers& answers) {
    struct stat data {};
    struct stat backup {};
    bool known = stat(answers.data_dir.c_str(), &data) == 0 && stat(answers.backup_dir.c_str(), &backup) == 0;
    if (known && data.st_dev == backup.st_dev)
        io.out
            << "  on the same file system as the data: only copies offsite survive the loss of that disk\n";
}

void ask_for_target(Session& session, InitAnswers& answers, std::string& target) {
    Io& io = session.io();
    io.out << "Copies offsite go to s3://BUCKET/PREFIX, dir:DIR (on another disk or machine) or "
              "glacier:VAULT.\n";
    ask(session, "Copies offsite", "none", target, [&](const std::string& answer) {
        if (answer == "none") return;
        require_utf8("the target", answer);
        std::string lines = target_lines(answer, io.cwd);
        std::unique_ptr<TerminalObserver> observer = session.observer();
        engine::SetOptions set = as_set(answers, parse_target_lines(lines, answer));
        engine::TargetProbe probe = engine::probe_target(session.environment(), set, *observer);
        observer->finish();
        io.out << "  " << probe_text(probe, answers.name) << '\n';
        if (probe.usd_of_100_gib) {
            cost::Prices prices = cost::Prices::built_in();
            io.out << format("  100 GiB of archives cost about {:.2f} USD a month there (prices of {}, {})\n",
                             *probe.usd_of_100_gib, prices.region, prices.date);
        }
        answers.target = lines;
        target = answer;
    });
}

InitWishes ask_for_all(Session& session, InitAnswers& answers, std::string& target,
                       const std::string& config_dir, bool& made) {
    Io& io = session.io();
    ask(session, "Directory to back up", io.environment("HOME").value_or(""), answers.data_dir,
        [&](const std::string& answer) {
            std::string path = absolute_path(answer, io.cwd);
            require_utf8("the directory", path);
            check_data_dir(path);
            answers.data_dir = path;
        });
    if (answers.name.empty()) answers.name = default_set_name(answers.data_dir);
    ask(session, "Directory for the archives", "/srv/backup/" + answers.name, answers.backup_dir,
        [&](const std::string& answer) {
            std::string path = absolute_path(answer, io.cwd);
            require_utf8("the directory", path);
            check_backup_dir(path, answers.data_dir);
            made = make_backup_dir(path);
            answers.backup_dir = path;
        });
    remark_same_disk(io, answers);
    ask_for_target(session, answers, target);
    ask_for_mail(session, answers, config_dir);
    InitWishes wishes;
    ask(session, "Back up every day at (HH:MM, or no)", "03:15", "", [&](const std::string& answer) {
        if (answer == "no") return;
        schedule::daily_at(answer);
        wishes.daily = answer;
    });
    return wishes;
}

}  // namespace

void require_utf8(std::string_view what, std::string_view text) {
    for (std::string_view rest = text; !rest.empty();) {
        std::size_t length = utf8_sequence_length(rest);
        if (length == 0) throw UsageError(format("{} {} is not UTF-8", what, escape_path(text)));
        rest.remove_prefix(length);
    }
}

std::string default_set_name(const std::string& data_dir) {
    std::string name(base_name(data_dir));
    return set_name_fault(name).empty() ? name : "data";
}

void check_data_dir(const std::string& data_dir) {
    if (!std::filesystem::is_directory(data_dir))
        throw Error(Error::Kind::not_found, format("there is no directory {}", data_dir));
    if (access(data_dir.c_str(), R_OK | X_OK) != 0) throw_errno(format("reading {}", data_dir));
}

void check_backup_dir(const std::string& backup_dir, const std::string& data_dir) {
    if (backup_dir == data_dir || is_below(backup_dir, data_dir) || is_below(data_dir, backup_dir))
        throw UsageError(format("{} and {} lie inside each other", data_dir, backup_dir),
                         "the backup directory must be somewhere else");
}

void make_directories(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) throw Error::from_errno(error.value(), format("making {}", path));
}

bool make_backup_dir(const std::string& path) {
    make_directories(std::filesystem::path(path).parent_path());
    bool made = mkdir(path.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) throw_errno(format("making {}", path));
    std::error_code error;
    if (!std::filesystem::is_directory(path, error))
        throw Error(Error::Kind::exists, format("{} is there, but is not a directory", path));
    if (access(path.c_str(), W_OK | X_OK) != 0) throw_errno(format("writing to {}", path));
    return made;
}

InitWishes ask_for_set(Session& session, InitAnswers& answers, std::string& target,
                       const std::string& config_dir) {
    session.io().out << "Some questions; Enter takes what stands in brackets.\n\n";
    bool made = false;
    try {
        return ask_for_all(session, answers, target, config_dir, made);
    } catch (...) {
        if (made) rmdir(answers.backup_dir.c_str());
        forget_password(answers);
        throw;
    }
}

int begin_set(Session& session, const std::string& config, const InitWishes& wishes) {
    Io& io = session.io();
    int status = kDone;
    if (!wishes.daily.empty())
        status = run_program({"--config", config, "schedule", "install", "--daily", wishes.daily}, io);
    if (ask_yes(io, "\nMake the first backup now?"))
        status = worse(status, run_program({"--config", config, "backup"}, io));
    return status;
}

}  // namespace icecore::cli
