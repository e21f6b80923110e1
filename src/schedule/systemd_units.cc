#include "schedule/systemd_units.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::schedule {
namespace {

constexpr std::string_view kMark = "# icecore schedule: ";

std::string heading(const Job& job) {
    return format(
        "{}{}\n# Made by `icecore schedule install`, which replaces it; changes belong into `systemctl "
        "edit`.\n",
        kMark, to_text(job.calendar));
}

void check_path(const std::string& path) {
    bool odd = std::any_of(path.begin(), path.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
    });
    if (odd)
        throw Error(Error::Kind::invalid, format("a unit of systemd cannot name {}", escape_path(path)),
                    "with `--cron` only line breaks and their like cannot be");
}

/// Percent signs doubled, since they would be specifiers; in double quotes where there is need.
std::string quoted(const std::string& path, std::string_view prefix) {
    check_path(path);
    std::string out(prefix);
    for (char c : path) out += c == '%' ? std::string("%%") : std::string(1, c);
    bool plain = !path.empty() && out.find_first_of(" ';#") == std::string::npos;
    return plain ? out : '"' + out + '"';
}

/// A word of ExecStart; dollar signs would be variables.
std::string command_word(const std::string& word) {
    std::string out;
    for (char c : quoted(word, "")) out += c == '$' ? std::string("$$") : std::string(1, c);
    return out;
}

/// Whether a sandbox's own empty directory in the place of `dir` would hide something that the job needs.
bool needs(const Job& job, std::string_view dir) {
    auto touches = [&](const std::string& path) {
        return path == dir || path == "/" || is_below(path, dir) || is_below(dir, path);
    };
    return std::any_of(job.data_dirs.begin(), job.data_dirs.end(), touches) ||
           std::any_of(job.writable_dirs.begin(), job.writable_dirs.end(), touches) || touches(job.config) ||
           touches(job.program);
}

std::string sandbox(const Job& job) {
    std::string out =
        "# Nothing can be written but what is listed. If that is missing (\"-\"), icecore says so itself.\n"
        "ProtectSystem=strict\n"
        "# What is to be mailed and cannot be kept in the backup directory.\n"
        "StateDirectory=icecore\n";
    for (const std::string& dir : job.data_dirs) out += format("ReadOnlyPaths={}\n", quoted(dir, "-"));
    for (const std::string& dir : job.writable_dirs) out += format("ReadWritePaths={}\n", quoted(dir, "-"));
    if (!needs(job, "/tmp") && !needs(job, "/var/tmp")) out += "PrivateTmp=yes\n";
    if (!job.needs_devices && !needs(job, "/dev")) out += "PrivateDevices=yes\n";
    out +=
        "# Not RestrictSUIDSGID: it denies openat2(), by which the data are read.\n"
        "ProtectKernelTunables=yes\n"
        "ProtectKernelModules=yes\n"
        "ProtectKernelLogs=yes\n"
        "ProtectControlGroups=yes\n"
        "ProtectClock=yes\n"
        "ProtectHostname=yes\n"
        "RestrictRealtime=yes\n"
        "RestrictNamespaces=yes\n"
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
        "LockPersonality=yes\n"
        "MemoryDenyWriteExecute=yes\n"
        "SystemCallArchitectures=native\n"
        "# To read all files, also their trusted.* attributes, to make snapshots (SYS_ADMIN), and to own\n"
        "# what it writes.\n"
        "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_FOWNER CAP_CHOWN CAP_SYS_ADMIN\n";
    return out;
}

}  // namespace

std::string service_unit(const Job& job, bool system) {
    std::string out = heading(job);
    out += format(
        "[Unit]\n"
        "Description=icecore backup{}\n"
        "Documentation=man:icecore(1)\n",
        job.set.empty() ? "" : " of " + job.set);
    if (system) out += "Wants=network-online.target\nAfter=network-online.target\n";
    out += "\n[Service]\nType=oneshot\nExecStart=";
    bool first = true;
    for (const std::string& word : job.command()) {
        out += (first ? "" : " ") + command_word(word);
        first = false;
    }
    out += "\n";
    if (system) out += "User=root\n";
    out +=
        "UMask=0077\n"
        "Nice=19\n"
        "CPUSchedulingPolicy=batch\n"
        "IOSchedulingClass=best-effort\n"
        "IOSchedulingPriority=7\n";
    if (job.runs_programs)
        return out +
               "# No sandbox: programs that the configuration names (hooks, sendmail, a password command,\n"
               "# those that make snapshots) may need whatever they are written for.\n";
    out += "NoNewPrivileges=yes\n";
    if (system) out += sandbox(job);
    return out;
}

std::string timer_unit(const Job& job) {
    return heading(job) + format(
                              "[Unit]\n"
                              "Description=icecore backup{}, {}\n"
                              "Documentation=man:icecore(1)\n"
                              "\n"
                              "[Timer]\n"
                              "OnCalendar={}\n"
                              "RandomizedDelaySec={}min\n"
                              "# What was due while the machine was off is run when it is on again.\n"
                              "Persistent=yes\n"
                              "\n"
                              "[Install]\n"
                              "WantedBy=timers.target\n",
                              job.set.empty() ? "" : " of " + job.set, to_text(job.calendar),
                              to_systemd(job.calendar), kDelayMinutesMax);
}

std::optional<Calendar> calendar_of_unit(std::string_view text) {
    if (!text.starts_with(kMark)) return std::nullopt;
    text.remove_prefix(kMark.size());
    try {
        return parse_calendar(text.substr(0, text.find('\n')));
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace icecore::schedule
