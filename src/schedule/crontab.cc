#include "schedule/crontab.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "base/shell.h"
#include "base/text.h"

namespace icecore::schedule {
namespace {

constexpr std::string_view kBegin = "# >>> icecore schedule ";
constexpr std::string_view kCommandEnd = " backup --quiet";
constexpr std::string_view kEnd = "# <<< icecore schedule ";

/// "# >>> icecore schedule NAME: daily 03:15"
std::optional<CronEntry> entry_of(std::string_view line) {
    if (!line.starts_with(kBegin)) return std::nullopt;
    line.remove_prefix(kBegin.size());
    std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    try {
        return CronEntry{std::string(line.substr(0, colon)), parse_calendar(line.substr(colon + 2))};
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// A percent sign would be a line break.
std::string command_line(const std::vector<std::string>& words) {
    std::string out = "nice -n 19 ionice -c 2 -n 7";
    for (const std::string& word : words) {
        bool control = std::any_of(word.begin(), word.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
        if (control) throw Error(Error::Kind::invalid, format("a crontab cannot name {}", escape_path(word)));
        out += ' ';
        for (char c : shell_quoted(word)) out += c == '%' ? std::string("\\%") : std::string(1, c);
    }
    return out;
}

std::string block(const Job& job, std::string_view user) {
    std::string as_user = user.empty() ? "" : std::string(user) + " ";
    std::string command = command_line(job.command());
    std::string missed = format("--min-age {}h", job.calendar.period_seconds() / 3600);
    return format(
        "{0}{1}: {2}\n"
        "{3} {4}{5}\n"
        "@reboot {4}sleep 300; {5} {6}\n"
        "{7}{1}\n",
        kBegin, job.name(), to_text(job.calendar), to_cron(job.calendar), as_user, command, missed, kEnd);
}

/// Takes the first line, with its line break, off a text.
std::string_view take_line(std::string_view& text) {
    std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view line = text.substr(0, length);
    text.remove_prefix(length);
    return line;
}

std::string_view without_break(std::string_view line) {
    return line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
}

/// Copies the crontab without the lines of the job `name`: its mark, and what follows as long as it looks
/// like ours, so that an end that somebody has deleted takes nothing else away. Returns where they stood.
std::optional<std::size_t> copy_without(std::string_view crontab, std::string_view name, std::string& out) {
    std::optional<std::size_t> place;
    bool inside = false;
    std::string end = format("{}{}", kEnd, name);
    while (!crontab.empty()) {
        std::string_view line = take_line(crontab);
        std::string_view text = without_break(line);
        std::optional<CronEntry> entry = entry_of(text);
        if (entry && entry->name == name) {
            inside = true;
            place = out.size();
            continue;
        }
        if (inside && text.find(kCommandEnd) != std::string_view::npos) continue;
        bool our_end = inside && text == end;
        inside = false;
        if (!our_end) out += line;
    }
    return place;
}

}  // namespace

std::string with_job(std::string_view crontab, const Job& job, std::string_view user) {
    std::string out;
    std::optional<std::size_t> place = copy_without(crontab, job.name(), out);
    if (!out.empty() && out.back() != '\n') out += '\n';
    out.insert(place.value_or(out.size()), block(job, user));
    return out;
}

std::string without_job(std::string_view crontab, std::string_view name) {
    std::string out;
    copy_without(crontab, name, out);
    return out;
}

std::vector<CronEntry> jobs_of(std::string_view crontab) {
    std::vector<CronEntry> entries;
    while (!crontab.empty())
        if (auto entry = entry_of(without_break(take_line(crontab)))) entries.push_back(std::move(*entry));
    return entries;
}

}  // namespace icecore::schedule
