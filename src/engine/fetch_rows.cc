#include "engine/fetch_rows.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

using catalog::Thaw;

/// How often a range is asked for, in one process, that cannot be thawed or expires before it is read.
constexpr std::uint32_t kAttemptsMax = 3;
/// Of objects that are thawed whole: ranges are read side by side.
constexpr std::uint64_t kRowBytesMax = 256 << 20;

void check_object_name(const std::string& name) {
    if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos)
        throw Error(Error::Kind::corrupt, format("an object cannot be called \"{}\"", escape_path(name)));
}

}  // namespace

store::ThawRequest thaw_request(const ThawRows& rows, bool whole_objects) {
    const Thaw& first = rows.front();
    store::ThawRequest request{{first.name, first.object_id}};
    request.offset = whole_objects ? 0 : first.offset;
    request.length_bytes = whole_objects ? first.object_bytes : first.length_bytes;
    request.tier = static_cast<store::ThawTier>(first.tier);
    return request;
}

FetchRows::FetchRows(const Environment& env, catalog::Thaws& thaws, const FetchOptions& options,
                     std::string target, const store::Capabilities& abilities)
    : env_(env), options_(options), target_(std::move(target)), abilities_(abilities), thaws_(thaws) {}

void FetchRows::put(const Thaw& thaw) {
    thaws_.update(thaw);
    hold(thaw);
}

/// As the ledger has it.
void FetchRows::hold(const Thaw& thaw) {
    Thaw& row = rows_[thaw.id];
    fetched_ += thaw.state == Thaw::State::fetched;
    fetched_ -= row.state == Thaw::State::fetched;
    fetched_bytes_ += thaw.fetched_bytes - row.fetched_bytes;
    bytes_ += thaw.length_bytes - row.length_bytes;
    row = thaw;
}

void FetchRows::add(Thaw thaw) {
    thaw.id = thaws_.add(thaw);
    hold(thaw);
}

/// Somebody may have removed the file.
bool FetchRows::is_staged(const Thaw& thaw) const {
    FileStat stat;
    return stat_at(AT_FDCWD, join_path(options_.dir, thaw.name).c_str(), stat) &&
           stat.type == FileType::regular && stat.size == thaw.object_bytes;
}

bool FetchRows::lives(const Thaw& thaw) const {
    bool ended = thaw.until && *thaw.until <= env_.clock.now();
    return thaw.state == Thaw::State::asked || (thaw.state == Thaw::State::ready && !ended);
}

/// False: there is nothing in it that is worth keeping.
bool FetchRows::brush_up(Thaw& thaw) {
    Thaw before = thaw;
    if (thaw.fetched_bytes > 0 && !is_staged(thaw)) {
        thaw.fetched_bytes = 0;
        if (thaw.state == Thaw::State::fetched) thaw.state = Thaw::State::asked;
    }
    if (thaw.state == Thaw::State::fetched || lives(thaw)) {
        thaw.attempts = 1;
    } else {  // the rest of it is planned anew
        thaw.state = Thaw::State::fetched;
        thaw.length_bytes = thaw.fetched_bytes;
    }
    if (thaw.length_bytes == 0) {
        thaws_.remove(thaw.id);
        return false;
    }
    if (thaw != before) thaws_.update(thaw);
    return true;
}

/// The ledger's rows of an object, brought up to date: what is worth keeping.
FetchRows::Known FetchRows::bring_up_to_date(const FetchRange& range, std::vector<Thaw> rows) {
    Known known;
    for (Thaw& thaw : rows) {
        if (thaw.object_id != range.object.id || thaw.object_bytes != range.object_bytes) {
            thaws_.remove(thaw.id);  // another one was stored by this name
            continue;
        }
        if (!brush_up(thaw)) continue;
        bool still_thawed =
            thaw.state == Thaw::State::fetched && (!thaw.until || *thaw.until > env_.clock.now());
        if (!abilities_.thaws_ranges && (lives(thaw) || still_thawed)) known.living = thaw;
        known.rows.push_back(std::move(thaw));
    }
    return known;
}

void FetchRows::add_gap(const FetchRange& range, const Known& known, std::uint64_t begin, std::uint64_t end) {
    Thaw fresh;
    fresh.target = target_;
    fresh.name = range.object.name;
    fresh.object_id = range.object.id;
    fresh.object_bytes = range.object_bytes;
    if (range.readable) {
        fresh.state = Thaw::State::ready;
        fresh.attempts = 1;
    } else if (known.living) {
        bool asked = known.living->state == Thaw::State::asked;
        fresh.state = asked ? Thaw::State::asked : Thaw::State::ready;
        fresh.ticket = known.living->ticket;
        fresh.tier = known.living->tier;
        fresh.asked_at = known.living->asked_at;
        fresh.until = known.living->until;
        fresh.attempts = known.living->attempts;
    }
    std::uint64_t step = abilities_.thaws_ranges ? UINT64_MAX : kRowBytesMax;
    while (begin < end) {
        // Rows end at multiples, so that those that are read side by side have the target's alignment.
        std::uint64_t stop = end - begin > step - begin % step ? begin + (step - begin % step) : end;
        fresh.offset = begin;
        fresh.length_bytes = stop - begin;
        add(fresh);
        begin = stop;
    }
}

/// Puts what no known row covers on the list.
void FetchRows::want(const FetchRange& range, const Known& known) {
    CHECK(range.length_bytes > 0 && range.offset + range.length_bytes <= range.object_bytes);
    std::uint64_t at = range.offset;
    std::uint64_t end = range.offset + range.length_bytes;
    for (const Thaw& thaw : known.rows) {
        if (thaw.offset + thaw.length_bytes <= at || thaw.offset >= end) continue;
        if (thaw.offset > at) add_gap(range, known, at, thaw.offset);
        at = thaw.offset + thaw.length_bytes;
        hold(thaw);
    }
    if (at < end) add_gap(range, known, at, end);
}

void FetchRows::want(const std::vector<FetchRange>& wanted) {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::vector<Thaw>> rows;
    for (Thaw& thaw : thaws_.all(target_)) {
        std::vector<Thaw>& of_name = rows[thaw.name];
        of_name.push_back(std::move(thaw));
    }
    thaws_.at_once([&] {
        std::string name;
        Known known;
        for (const FetchRange& range : wanted) {
            check_object_name(range.object.name);
            if (range.object.name != name)
                known = bring_up_to_date(range, std::move(rows[range.object.name]));
            name = range.object.name;
            want(range, known);
        }
    });
}

std::vector<Thaw> FetchRows::in(std::initializer_list<Thaw::State> states) const {
    std::lock_guard lock(mutex_);
    std::vector<Thaw> rows;
    for (const auto& [id, thaw] : rows_)
        if (std::find(states.begin(), states.end(), thaw.state) != states.end()) rows.push_back(thaw);
    return rows;
}

bool FetchRows::can_hasten(const Thaw& thaw) const {
    return abilities_.hastens_thaws && thaw.state == Thaw::State::asked &&
           thaw.tier < static_cast<std::uint32_t>(options_.tier);
}

/// In the order of names where targets look at many in that order.
std::vector<ThawRows> FetchRows::grouped(const std::function<bool(const Thaw&)>& belongs) const {
    std::lock_guard lock(mutex_);
    std::vector<const Thaw*> found;
    for (const auto& [id, thaw] : rows_)
        if (belongs(thaw)) found.push_back(&thaw);
    std::stable_sort(found.begin(), found.end(),
                     [](const Thaw* a, const Thaw* b) { return a->name < b->name; });
    std::vector<ThawRows> groups;
    for (const Thaw* thaw : found) {
        bool same = !abilities_.thaws_ranges && !groups.empty() && groups.back().front().name == thaw->name;
        if (!same) groups.emplace_back();
        groups.back().push_back(*thaw);
    }
    return groups;
}

std::vector<ThawRows> FetchRows::to_ask() const {
    return grouped(
        [this](const Thaw& thaw) { return thaw.state == Thaw::State::wanted || can_hasten(thaw); });
}

std::vector<ThawRows> FetchRows::asked() const {
    return grouped([](const Thaw& thaw) { return thaw.state == Thaw::State::asked; });
}

void FetchRows::save(std::span<const Thaw> rows) {
    std::lock_guard lock(mutex_);
    thaws_.at_once([&] {
        for (const Thaw& thaw : rows) put(thaw);
    });
}

void FetchRows::fail_row(Thaw thaw, const std::string& why) {
    thaw.state = Thaw::State::failed;
    thaw.message = why;
    put(thaw);
    problems_[thaw.id] = format("{}: {}", thaw.name, why);
}

/// What was downloaded of it stays, as a range of its own.
void FetchRows::expire_row(Thaw thaw) {
    Thaw rest = thaw;
    if (thaw.fetched_bytes > 0) {
        thaw.state = Thaw::State::fetched;
        thaw.length_bytes = thaw.fetched_bytes;
        put(thaw);
        rest.offset += thaw.fetched_bytes;
        rest.length_bytes -= thaw.fetched_bytes;
        rest.fetched_bytes = 0;
    }
    rest.state = Thaw::State::wanted;
    rest.ticket.clear();
    rest.until.reset();
    if (thaw.fetched_bytes == 0)
        put(rest);
    else
        add(std::move(rest));
}

void FetchRows::apply(Thaw thaw, const store::ThawState& state) {
    using Phase = store::ThawState::Phase;
    if (state.phase == Phase::pending && thaw.state == Thaw::State::asked && thaw.ticket == state.ticket &&
        rows_[thaw.id].tier == thaw.tier && rows_[thaw.id].state == thaw.state)
        return;  // nothing new
    if (!state.ticket.empty()) thaw.ticket = state.ticket;
    thaw.message = state.message;
    thaw.until = state.until;
    if (state.phase == Phase::failed) {
        if (thaw.attempts >= kAttemptsMax)
            fail_row(thaw, state.message.empty() ? "it cannot be thawed" : state.message);
        else
            expire_row(thaw);
        return;
    }
    thaw.state = state.phase == Phase::ready ? Thaw::State::ready : Thaw::State::asked;
    put(thaw);
}

void FetchRows::take(const std::vector<Answer>& answers) {
    std::lock_guard lock(mutex_);
    thaws_.at_once([&] {
        for (const Answer& answer : answers)
            for (const Thaw& thaw : answer.rows) apply(thaw, answer.state);
    });
}

void FetchRows::expire(const Thaw& thaw, const std::string& why) {
    std::lock_guard lock(mutex_);
    if (thaw.attempts >= kAttemptsMax)
        fail_row(thaw, why);
    else
        thaws_.at_once([&] { expire_row(thaw); });
}

void FetchRows::give_up(Thaw thaw, const std::string& why) {
    std::lock_guard lock(mutex_);
    fail_row(std::move(thaw), why);
}

void FetchRows::give_up_download(const Thaw& thaw, const std::string& why) {
    std::lock_guard lock(mutex_);
    Thaw given_up = thaw;
    given_up.state = Thaw::State::failed;
    hold(given_up);
    problems_[thaw.id] = format("{}: {}", thaw.name, why);
}

void FetchRows::forget_fetched() {
    std::lock_guard lock(mutex_);
    thaws_.at_once([&] {
        for (const auto& [id, thaw] : rows_)
            if (thaw.state == Thaw::State::fetched) thaws_.remove(id);
    });
    std::erase_if(rows_, [](const auto& row) { return row.second.state == Thaw::State::fetched; });
}

void FetchRows::forget() {
    std::lock_guard lock(mutex_);
    thaws_.at_once([&] {
        for (const auto& [id, thaw] : rows_) thaws_.remove(id);
    });
    rows_.clear();
}

FetchState FetchRows::summary() const {
    FetchState out;
    for (const ThawRows& rows : to_ask()) {
        bool slower = rows.front().state == Thaw::State::asked;
        std::uint64_t bytes = thaw_request(rows, !abilities_.thaws_ranges).length_bytes;
        ++(slower ? out.slower : out.requests);
        (slower ? out.slower_bytes : out.unasked_bytes) += bytes;
    }
    std::lock_guard lock(mutex_);
    for (const auto& [id, thaw] : rows_) {
        ++out.ranges;
        out.bytes += thaw.length_bytes;
        out.fetched_bytes += thaw.fetched_bytes;
        if (thaw.state == Thaw::State::fetched) ++out.fetched;
        if (thaw.state == Thaw::State::failed) ++out.failed;
        if (thaw.state == Thaw::State::wanted) ++out.unasked;
        if (thaw.state != Thaw::State::asked && thaw.state != Thaw::State::ready) continue;
        ++out.pending;
        out.asked_at = std::min(out.asked_at.value_or(thaw.asked_at), thaw.asked_at);
    }
    for (const auto& [id, problem] : problems_) out.problems.push_back(problem);
    std::sort(out.problems.begin(), out.problems.end());
    return out;
}

Progress FetchRows::progress() const {
    std::lock_guard lock(mutex_);
    Progress progress;
    progress.phase = Progress::Phase::fetching;
    progress.files = fetched_;
    progress.files_total = rows_.size();
    progress.bytes = fetched_bytes_;
    progress.bytes_total = bytes_;
    return progress;
}

}  // namespace icecore::engine
