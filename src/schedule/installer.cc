#include "schedule/installer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "schedule/crontab.h"
#include "schedule/systemd_units.h"

namespace icecore::schedule {
namespace {

constexpr std::string_view kTimer = ".timer";
constexpr std::string_view kService = ".service";
constexpr std::string_view kCronName = "icecore";
constexpr unsigned kPublic = 0644;  // there is nothing secret in them, and systemd warns of less
constexpr std::size_t kFileBytesMax = 1 << 20;

std::string file_or_nothing(const std::string& path) {
    return path_exists(path) ? read_file(path, kFileBytesMax) : "";
}

/// What a program said, on one line.
std::string said(const ProcessResult& result) {
    std::string text = result.said();
    return text.empty() ? "it said nothing" : text;
}

}  // namespace

Installer::Installer(FileSystem& fs, Places places, Run run)
    : fs_(fs), places_(std::move(places)), run_(std::move(run)) {}

std::vector<Piece> Installer::pieces(const Job& job, Manager manager) const {
    if (manager == Manager::cron) {
        std::string path = places_.cron_dir.empty() ? "" : join_path(places_.cron_dir, kCronName);
        return {{path, with_job(crontab(), job, places_.system ? "root" : "")}};
    }
    std::string stem = join_path(places_.units_dir, job.name());
    return {{stem + std::string(kService), service_unit(job, places_.system)},
            {stem + std::string(kTimer), timer_unit(job)}};
}

void Installer::install(const Job& job, Manager manager) {
    for (const Installed& old : list())
        if (old.name == job.name() && old.manager != manager) remove(old.name);
    if (manager == Manager::systemd)
        install_systemd(job);
    else
        for (const Piece& piece : pieces(job, manager)) write(piece);
}

void Installer::install_systemd(const Job& job) {
    std::error_code error;
    std::filesystem::create_directories(places_.units_dir, error);
    if (error) throw Error::from_errno(error.value(), "making " + places_.units_dir);
    for (const Piece& piece : pieces(job, Manager::systemd)) write(piece);
    must_succeed({"daemon-reload"});
    must_succeed({"enable", "--now", job.name() + std::string(kTimer)});
}

std::vector<Installed> Installer::list() const {
    std::vector<Installed> all = list_systemd();
    for (Installed& entry : list_cron()) all.push_back(std::move(entry));
    std::sort(all.begin(), all.end(), [](const Installed& a, const Installed& b) {
        return std::pair(a.name, a.manager) < std::pair(b.name, b.manager);
    });
    return all;
}

std::vector<Installed> Installer::list_systemd() const {
    std::vector<Installed> found;
    if (!path_exists(places_.units_dir)) return found;
    for (const std::string& file : list_directory(places_.units_dir)) {
        if (!file.starts_with("icecore") || !file.ends_with(kTimer)) continue;
        std::string path = join_path(places_.units_dir, file);
        if (!std::filesystem::is_regular_file(path)) continue;
        std::optional<Calendar> calendar = calendar_of_unit(read_file(path, kFileBytesMax));
        if (!calendar) continue;
        Installed entry{file.substr(0, file.size() - kTimer.size()), Manager::systemd, *calendar, path, {}};
        try {
            ProcessResult active = systemctl({"is-active", file});
            if (!active.succeeded())
                entry.fault = format("the timer does not run ({}): systemctl {}enable --now {}", said(active),
                                     places_.system ? "" : "--user ", file);
        } catch (const Error& e) {
            entry.fault = e.message();
        }
        found.push_back(std::move(entry));
    }
    return found;
}

std::vector<Installed> Installer::list_cron() const {
    std::string where = places_.cron_dir.empty() ? "your crontab" : join_path(places_.cron_dir, kCronName);
    std::string text;
    try {
        text = crontab();
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found) throw;  // without crontab(1) there is no entry either
    }
    std::vector<Installed> found;
    for (CronEntry& entry : jobs_of(text))
        found.push_back({std::move(entry.name), Manager::cron, entry.calendar, where, {}});
    return found;
}

bool Installer::remove(const std::string& name) {
    bool any = false;
    for (const Installed& entry : list()) {
        if (entry.name != name) continue;
        any = true;
        if (entry.manager == Manager::systemd) {
            remove_systemd(name);
            continue;
        }
        std::string rest = without_job(crontab(), name);
        if (rest.empty() && !places_.cron_dir.empty())
            fs_.remove(places_.cron_dir, std::string(kCronName));
        else
            set_crontab(rest);
    }
    return any;
}

/// Stopping a timer that systemd does not know, or that of a systemd that does not run, is no fault: the
/// files are what counts.
void Installer::remove_systemd(const std::string& name) {
    auto try_to = [&](std::vector<std::string> words) {
        try {
            systemctl(std::move(words));
        } catch (const Error&) {
        }
    };
    try_to({"disable", "--now", name + std::string(kTimer)});
    fs_.remove(places_.units_dir, name + std::string(kTimer));
    fs_.remove(places_.units_dir, name + std::string(kService));
    try_to({"daemon-reload"});
}

void Installer::write(const Piece& piece) const {
    if (piece.path.empty()) {
        set_crontab(piece.text);
        return;
    }
    std::filesystem::path path(piece.path);
    write_file_durably(fs_, path.parent_path().string(), path.filename().string(), piece.text, true, kPublic);
}

std::string Installer::crontab() const {
    if (!places_.cron_dir.empty()) return file_or_nothing(join_path(places_.cron_dir, kCronName));
    ProcessResult result = run_({.words = {"crontab", "-l"}, .output_bytes_max = kFileBytesMax});
    if (result.succeeded() && result.dropped_bytes == 0) return std::move(result.out);
    bool none =
        result.end == ProcessResult::End::exited && result.err.find("no crontab") != std::string::npos;
    if (none) return {};
    throw Error(Error::Kind::io, format("crontab -l failed: {}", said(result)));
}

void Installer::set_crontab(const std::string& text) const {
    if (!places_.cron_dir.empty()) {
        write({join_path(places_.cron_dir, kCronName), text});
        return;
    }
    ProcessResult result = run_({.words = {"crontab", "-"}, .input = text});
    if (!result.succeeded())
        throw Error(Error::Kind::io, format("crontab did not take the new entry: {}", said(result)));
}

ProcessResult Installer::systemctl(std::vector<std::string> words) const {
    words.insert(words.begin(), "systemctl");
    if (!places_.system) words.insert(words.begin() + 1, "--user");
    return run_({.words = std::move(words)});
}

void Installer::must_succeed(std::vector<std::string> words) const {
    std::string shown = words[0];
    ProcessResult result = systemctl(std::move(words));
    if (!result.succeeded())
        throw Error(Error::Kind::io, format("systemctl {} failed: {}", shown, said(result)),
                    "the units are written; where systemd does not run, `--cron` is the other way");
}

}  // namespace icecore::schedule
