#include "engine/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/serial_observer.h"

namespace icecore::engine {
namespace {

using catalog::Thaw;

/// How often a range is asked for, in one process, that cannot be thawed or expires before it is read.
constexpr std::uint32_t kAttemptsMax = 3;
constexpr std::int64_t kFirstPollSeconds = 60;

/// A file of the staging directory, open for writing at any place.
class StagedFile {
  public:
    StagedFile(const std::string& dir, const std::string& name, std::uint64_t size_bytes)
        : path_(join_path(dir, name)), fd_(open_file(path_, O_CREAT | O_RDWR | O_NOFOLLOW, 0600)) {
        FileStat stat;
        if (!stat_at(fd_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at " + path_);
        if (stat.size != size_bytes && ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0)
            throw_errno("making room for " + path_);
    }
    void write(std::uint64_t offset, std::string_view data) {
        try {
            pwrite_full(fd_.get(), data, offset);
        } catch (Error& e) {
            if (e.os_error() == ENOSPC || e.os_error() == EDQUOT)
                e.set_hint("make room there; what was downloaded is kept, and the same command goes on");
            e.add_context(path_);
            throw;
        }
    }
    void sync() {
        if (fdatasync(fd_.get()) != 0) throw_errno("writing " + path_);
    }

  private:
    std::string path_;
    Fd fd_;
};

void check_object_name(const std::string& name) {
    if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos)
        throw Error(Error::Kind::corrupt, format("an object cannot be called \"{}\"", escape_path(name)));
}

store::ThawRequest request_of(const Thaw& thaw) {
    return {
        {thaw.name, thaw.object_id}, thaw.offset, thaw.length_bytes, static_cast<store::ThawTier>(thaw.tier)};
}

}  // namespace

struct Fetch::State {
    const Environment& env;
    OpenTarget open_target;
    catalog::Thaws& thaws;
    FetchOptions options;
    SerialObserver observer;
    std::string target_name = {};
    store::Capabilities abilities = {};
    std::atomic<bool> stopping = false;  ///< another thread has failed

    mutable std::mutex mutex = {};           // guards what follows, and `thaws`
    std::map<std::int64_t, Thaw> work = {};  ///< rows of the ledger that belong to what is wanted, by id
    std::map<std::int64_t, std::string> problems = {};  ///< by row

    void want(const FetchRange& range, const std::vector<Thaw>& known);
    bool is_staged(const Thaw& thaw) const;
    std::vector<Thaw> known_of(const store::ObjectRef& object, std::uint64_t object_bytes,
                               std::vector<Thaw> rows);
    bool brush_up(Thaw& thaw);
    void add(Thaw thaw);
    void save(const Thaw& thaw);
    void expire(Thaw thaw);
    void give_up(Thaw thaw, const std::string& why);
    void give_up_download(const Thaw& thaw, const std::string& why);
    template <typename Row, typename Action>
    void for_each_in(const std::vector<Row>& rows, unsigned threads, Action action);
    std::vector<Thaw> rows_in(std::initializer_list<Thaw::State> states) const;
    void ask(store::Target& target, Thaw thaw);
    void poll(const std::vector<Thaw>& rows);
    void take(Thaw thaw, const store::ThawState& state);
    void download(store::Target& target, Thaw thaw);
    void step();
    FetchState summary() const;
    void tell();
};

void Fetch::State::save(const Thaw& thaw) {
    std::lock_guard lock(mutex);
    thaws.update(thaw);
    work[thaw.id] = thaw;
}

/// Somebody may have removed the file.
bool Fetch::State::is_staged(const Thaw& thaw) const {
    FileStat stat;
    return stat_at(AT_FDCWD, join_path(options.dir, thaw.name).c_str(), stat) &&
           stat.type == FileType::regular && stat.size == thaw.object_bytes;
}

/// The ledger's rows of an object, by offset, brought up to date: what is worth keeping.
std::vector<Thaw> Fetch::State::known_of(const store::ObjectRef& object, std::uint64_t object_bytes,
                                         std::vector<Thaw> rows) {
    std::erase_if(rows, [&](Thaw& thaw) {
        bool same = thaw.object_id == object.id && thaw.object_bytes == object_bytes;
        if (!same) thaws.remove(thaw.id);  // another one was stored by this name
        return !same || !brush_up(thaw);
    });
    return rows;
}

/// False: there is nothing in it that is worth keeping.
bool Fetch::State::brush_up(Thaw& thaw) {
    if (thaw.fetched_bytes > 0 && !is_staged(thaw)) {
        thaw.fetched_bytes = 0;
        if (thaw.state == Thaw::State::fetched) thaw.state = Thaw::State::asked;
    }
    bool expired = thaw.state == Thaw::State::ready && thaw.until && *thaw.until <= env.clock.now();
    bool lives = thaw.state == Thaw::State::asked || thaw.state == Thaw::State::ready;
    if (thaw.state == Thaw::State::fetched || (lives && !expired)) {
        thaw.attempts = 1;
    } else {  // the rest of it is planned anew
        thaw.state = Thaw::State::fetched;
        thaw.length_bytes = thaw.fetched_bytes;
    }
    if (thaw.length_bytes == 0) {
        thaws.remove(thaw.id);
        return false;
    }
    thaws.update(thaw);
    return true;
}

void Fetch::State::add(Thaw thaw) {
    thaw.id = thaws.add(thaw);
    work[thaw.id] = std::move(thaw);
}

/// Puts what no known row covers on the list.
void Fetch::State::want(const FetchRange& range, const std::vector<Thaw>& known) {
    check_object_name(range.object.name);
    CHECK(range.length_bytes > 0 && range.offset + range.length_bytes <= range.object_bytes);
    Thaw fresh;
    fresh.target = target_name;
    fresh.name = range.object.name;
    fresh.object_id = range.object.id;
    fresh.object_bytes = range.object_bytes;
    auto add_gap = [&](std::uint64_t begin, std::uint64_t end) {
        fresh.offset = begin;
        fresh.length_bytes = end - begin;
        add(fresh);
    };
    std::uint64_t at = range.offset;
    std::uint64_t end = range.offset + range.length_bytes;
    for (const Thaw& thaw : known) {  // by offset
        if (thaw.offset + thaw.length_bytes <= at || thaw.offset >= end) continue;
        if (thaw.offset > at) add_gap(at, thaw.offset);
        at = thaw.offset + thaw.length_bytes;
        work[thaw.id] = thaw;
    }
    if (at < end) add_gap(at, end);
}

std::vector<Thaw> Fetch::State::rows_in(std::initializer_list<Thaw::State> states) const {
    std::lock_guard lock(mutex);
    std::vector<Thaw> rows;
    for (const auto& [id, thaw] : work)
        if (std::find(states.begin(), states.end(), thaw.state) != states.end()) rows.push_back(thaw);
    return rows;
}

/// Does `action(target, row)` with each row, on several threads, each with a target of its own. The first
/// error ends it.
template <typename Row, typename Action>
void Fetch::State::for_each_in(const std::vector<Row>& rows, unsigned threads_max, Action action) {
    if (rows.empty()) return;
    std::atomic<std::size_t> next = 0;
    std::mutex error_mutex;
    std::exception_ptr error;
    stopping = false;
    auto work_off = [&] {
        try {
            std::unique_ptr<store::Target> target = open_target(observer);
            for (std::size_t i = next++; i < rows.size(); i = next++) action(*target, rows[i]);
        } catch (...) {
            next = rows.size();
            stopping = true;
            std::lock_guard lock(error_mutex);
            if (!error) error = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        std::size_t count = std::min<std::size_t>(std::max(1U, threads_max), rows.size());
        while (threads.size() + 1 < count) threads.emplace_back(work_off);
        work_off();
    }
    if (error) std::rethrow_exception(error);
}

void Fetch::State::give_up(Thaw thaw, const std::string& why) {
    thaw.state = Thaw::State::failed;
    thaw.message = why;
    save(thaw);
    std::lock_guard lock(mutex);
    problems[thaw.id] = format("{}: {}", thaw.name, why);
}

/// In the ledger it stays `ready`: it was paid for, and may come well another time.
void Fetch::State::give_up_download(const Thaw& thaw, const std::string& why) {
    std::lock_guard lock(mutex);
    work[thaw.id].state = Thaw::State::failed;
    problems[thaw.id] = format("{}: {}", thaw.name, why);
}

/// It must be asked for again. What was downloaded of it stays, as a range of its own.
void Fetch::State::expire(Thaw thaw) {
    Thaw rest = thaw;
    if (thaw.fetched_bytes > 0) {
        thaw.state = Thaw::State::fetched;
        thaw.length_bytes = thaw.fetched_bytes;
        save(thaw);
        rest.offset += thaw.fetched_bytes;
        rest.length_bytes -= thaw.fetched_bytes;
        rest.fetched_bytes = 0;
    }
    rest.state = Thaw::State::wanted;
    rest.ticket.clear();
    rest.until.reset();
    if (thaw.fetched_bytes == 0) {
        save(rest);
        return;
    }
    std::lock_guard lock(mutex);
    add(std::move(rest));
}

void Fetch::State::take(Thaw thaw, const store::ThawState& state) {
    using Phase = store::ThawState::Phase;
    if (!state.ticket.empty()) thaw.ticket = state.ticket;
    thaw.message = state.message;
    thaw.until = state.until;
    if (state.phase == Phase::failed) {
        if (thaw.attempts >= kAttemptsMax)
            give_up(thaw, state.message.empty() ? "it cannot be thawed" : state.message);
        else
            expire(thaw);
        return;
    }
    thaw.state = state.phase == Phase::ready ? Thaw::State::ready : Thaw::State::asked;
    save(thaw);
}

void Fetch::State::ask(store::Target& target, Thaw thaw) {
    thaw.tier = static_cast<std::uint32_t>(options.tier);
    thaw.asked_at = env.clock.now();
    ++thaw.attempts;
    try {
        take(thaw, target.request_thaw(request_of(thaw)));
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found && e.kind() != Error::Kind::invalid) throw;
        target.check();  // is it the target that is not there?
        give_up(thaw, e.message());
    }
}

/// In groups of as many as the target can look at at once.
void Fetch::State::poll(const std::vector<Thaw>& rows) {
    std::vector<std::vector<Thaw>> groups;
    for (const Thaw& thaw : rows) {
        if (groups.empty() || groups.back().size() == abilities.polls_at_once) groups.emplace_back();
        groups.back().push_back(thaw);
    }
    for_each_in(groups, options.threads, [this](store::Target& target, const std::vector<Thaw>& group) {
        std::vector<store::AskedThaw> asked;
        for (const Thaw& thaw : group) asked.push_back({request_of(thaw), thaw.ticket});
        std::vector<store::ThawState> states = target.poll_thaws(asked);
        CHECK(states.size() == group.size());
        for (std::size_t i = 0; i < group.size(); ++i) take(group[i], states[i]);
    });
}

void Fetch::State::download(store::Target& target, Thaw thaw) {
    StagedFile file(options.dir, thaw.name, thaw.object_bytes);
    try {
        while (thaw.fetched_bytes < thaw.length_bytes && !stopping) {
            std::uint64_t at = thaw.offset + thaw.fetched_bytes;
            std::uint64_t end =
                at + std::min(options.checkpoint_bytes, thaw.length_bytes - thaw.fetched_bytes);
            std::uint64_t put = at;
            target.read({{thaw.name, thaw.object_id}, at, end - at, thaw.ticket},
                        [&](std::string_view piece) {
                            if (piece.size() > end - put)
                                throw Error(Error::Kind::corrupt, "more came than was asked for");
                            file.write(put, piece);
                            put += piece.size();
                        });
            if (put != end) throw Error(Error::Kind::corrupt, "less came than was asked for");
            file.sync();
            thaw.fetched_bytes += end - at;
            if (thaw.fetched_bytes == thaw.length_bytes) thaw.state = Thaw::State::fetched;
            save(thaw);
            tell();
        }
    } catch (const Error& e) {
        bool expired = e.kind() == Error::Kind::not_ready || e.kind() == Error::Kind::not_found;
        if (!expired && e.kind() != Error::Kind::corrupt) throw;
        if (!expired)
            give_up_download(thaw, e.message());
        else if (thaw.attempts < kAttemptsMax)
            expire(thaw);
        else
            give_up(thaw, e.message());
    }
}

/// One round: look, download.
void Fetch::State::step() {
    poll(rows_in({Thaw::State::asked}));
    for_each_in(rows_in({Thaw::State::ready}), options.threads,
                [this](store::Target& target, const Thaw& thaw) { download(target, thaw); });
}

FetchState Fetch::State::summary() const {
    std::lock_guard lock(mutex);
    FetchState out;
    for (const auto& [id, thaw] : work) {
        ++out.ranges;
        out.bytes += thaw.length_bytes;
        out.fetched_bytes += thaw.fetched_bytes;
        if (thaw.state == Thaw::State::fetched) ++out.fetched;
        if (thaw.state == Thaw::State::failed) ++out.failed;
        if (thaw.state == Thaw::State::wanted) {
            ++out.unasked;
            out.unasked_bytes += thaw.length_bytes;
        }
        if (thaw.state != Thaw::State::asked && thaw.state != Thaw::State::ready) continue;
        ++out.pending;
        out.asked_at = std::min(out.asked_at.value_or(thaw.asked_at), thaw.asked_at);
    }
    for (const auto& [id, problem] : problems) out.problems.push_back(problem);
    std::sort(out.problems.begin(), out.problems.end());
    return out;
}

void Fetch::State::tell() {
    FetchState now = summary();
    Progress progress;
    progress.phase = Progress::Phase::fetching;
    progress.files = now.fetched;
    progress.files_total = now.ranges;
    progress.bytes = now.fetched_bytes;
    progress.bytes_total = now.bytes;
    observer.progress(progress);
}

Fetch::Fetch(const Environment& env, OpenTarget open_target, catalog::Thaws& thaws, FetchOptions options,
             Observer& observer)
    : state_(new State{env, std::move(open_target), thaws, std::move(options), SerialObserver(observer)}) {
    std::unique_ptr<store::Target> target = state_->open_target(state_->observer);
    state_->target_name = target->identity();
    state_->abilities = target->capabilities();
}
Fetch::~Fetch() = default;

void Fetch::want(const std::vector<FetchRange>& wanted) {
    {
        std::lock_guard lock(state_->mutex);
        std::map<std::string, std::vector<Thaw>> rows;
        for (Thaw& thaw : state_->thaws.all(state_->target_name)) {
            std::vector<Thaw>& of_name = rows[thaw.name];
            of_name.push_back(std::move(thaw));
        }
        std::string name;
        std::vector<Thaw> known;
        for (const FetchRange& range : wanted) {
            if (range.object.name != name)
                known =
                    state_->known_of(range.object, range.object_bytes, std::move(rows[range.object.name]));
            name = range.object.name;
            state_->want(range, known);
        }
    }
    state_->poll(state_->rows_in({Thaw::State::asked}));
}

FetchState Fetch::state() const {
    return state_->summary();
}

FetchState Fetch::run() {
    try {
        return run_once();
    } catch (Error& e) {
        if (e.hint().empty())
            e.set_hint("the same command goes on; what was asked for and what came is kept");
        throw;
    }
}

FetchState Fetch::run_once() {
    state_->env.fs.make_directory(std::string(parent_path(state_->options.dir)),
                                  std::string(base_name(state_->options.dir)));
    const FetchOptions& options = state_->options;
    std::int64_t longest_s = options.tier == store::ThawTier::expedited
                                 ? std::min(options.poll_seconds, kFirstPollSeconds)
                                 : options.poll_seconds;
    std::int64_t interval_s = std::min(longest_s, kFirstPollSeconds);
    state_->for_each_in(state_->rows_in({Thaw::State::wanted}), state_->abilities.thaw_threads,
                        [this](store::Target& target, const Thaw& thaw) { state_->ask(target, thaw); });
    for (;;) {
        state_->step();
        FetchState now = state_->summary();
        if (now.pending == 0 || !options.wait) return now;
        state_->tell();
        state_->env.sleep_ns(interval_s * 1'000'000'000);
        interval_s = std::min(interval_s * 2, longest_s);
    }
}

void Fetch::discard(const std::string& name, std::uint64_t offset, std::uint64_t length_bytes) {
    for (Thaw& thaw : state_->rows_in({Thaw::State::fetched})) {
        if (thaw.name != name || thaw.offset >= offset + length_bytes ||
            thaw.offset + thaw.length_bytes <= offset)
            continue;
        thaw.state = Thaw::State::ready;
        thaw.fetched_bytes = 0;
        state_->save(thaw);
    }
}

std::vector<FetchRange> Fetch::missing(const std::string& name) const {
    std::vector<FetchRange> out;
    for (const Thaw& thaw : state_->rows_in({Thaw::State::failed}))
        if (thaw.name == name)
            out.push_back({{thaw.name, thaw.object_id},
                           thaw.object_bytes,
                           thaw.offset + thaw.fetched_bytes,
                           thaw.length_bytes - thaw.fetched_bytes});
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    return out;
}

void Fetch::forget_fetched() {
    std::lock_guard lock(state_->mutex);
    for (const auto& [id, thaw] : state_->work)
        if (thaw.state == Thaw::State::fetched) state_->thaws.remove(id);
    std::erase_if(state_->work, [](const auto& row) { return row.second.state == Thaw::State::fetched; });
}

void Fetch::forget() {
    std::lock_guard lock(state_->mutex);
    for (const auto& [id, thaw] : state_->work) state_->thaws.remove(id);
    state_->work.clear();
}

}  // namespace icecore::engine
