#include "cli/when.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using catalog::Run;

std::string describe(const Run& run) {
    return format("run {} of {}", run.number(), format_local(run.header.started));
}

const Run& run_by_number(std::string_view text, const std::vector<Run>& runs) {
    catalog::RunNumber number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    for (const Run& run : runs) {
        if (run.number() == number && number != 0) return run;
    }
    throw Error(Error::Kind::not_found, format("no run {}", text),
                format("the runs are {} to {}; icecore list shows them", runs.front().number(),
                       runs.back().number()));
}

/// The moment that a date, time or span means; nullopt if `text` is none of these.
std::optional<Timestamp> parse_moment(std::string_view text, Timestamp now) {
    if (auto moment = parse_local(text)) return moment;
    if (auto seconds = parse_span(text)) return Timestamp{now.sec - *seconds, now.nsec};
    return std::nullopt;
}

/// The newest run that `fits`: a whole one if there is any, else one that was interrupted; nullptr if there
/// is none.
template <typename Fits>
const Run* newest(const std::vector<Run>& runs, Fits fits) {
    const Run* interrupted = nullptr;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
        if (!fits(*run)) continue;
        if (!run->header.interrupted) return &*run;
        if (interrupted == nullptr) interrupted = &*run;
    }
    return interrupted;
}

}  // namespace

const Run& resolve_when(std::string_view text, const std::vector<Run>& runs, Timestamp now) {
    if (runs.empty()) throw Error(Error::Kind::not_found, "no run yet", "icecore backup makes the first");
    if (text.empty() || text == "latest") return *newest(runs, [](const Run&) { return true; });
    if (text.find_first_not_of("0123456789") == std::string_view::npos) return run_by_number(text, runs);
    auto moment = parse_moment(text, now);
    if (!moment) {
        throw UsageError(
            format("cannot tell which run \"{}\" means", escape_path(text)),
            "a run number, latest, a date such as 2026-11-20, \"2026-11-20 14:00\", or a span such "
            "as 3d");
    }
    const Run* found = newest(runs, [&](const Run& run) { return run.header.started <= *moment; });
    if (found == nullptr) {
        throw Error(Error::Kind::not_found, format("no run at or before {}; the first is {}",
                                                   format_local(*moment), describe(runs.front())));
    }
    return *found;
}

std::optional<std::int64_t> span_option(std::string_view option, std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::optional<std::int64_t> seconds = parse_span(text);
    if (!seconds) throw UsageError(format("{} \"{}\": expected a span such as \"36h\"", option, text));
    return seconds;
}

}  // namespace icecore::cli
