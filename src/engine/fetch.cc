#include "engine/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/fetch_rows.h"
#include "engine/request_pace.h"
#include "engine/serial_observer.h"

namespace icecore::engine {
namespace {

using catalog::Thaw;

constexpr std::int64_t kFirstPollSeconds = 60;
/// Services take some 1,000 requests for thaws a second of an account.
constexpr unsigned kRequestsPerSecond = 500;
/// Requests that go out between two moments at which the ledger is made durable.
constexpr std::size_t kAskedAtOnce = 50;

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

/// Cuts a list into pieces of at most `size`.
template <typename T>
std::vector<std::vector<T>> cut(std::vector<T> list, std::size_t size) {
    std::vector<std::vector<T>> pieces;
    for (T& one : list) {
        if (pieces.empty() || pieces.back().size() == size) pieces.emplace_back();
        pieces.back().push_back(std::move(one));
    }
    return pieces;
}

}  // namespace

struct Fetch::State {
    State(const Environment& environment, OpenTarget opener, catalog::Thaws& thaws,
          FetchOptions fetch_options, Observer& told)
        : env(environment),
          open_target(std::move(opener)),
          options(std::move(fetch_options)),
          observer(told),
          pace(env, kRequestsPerSecond) {
        std::unique_ptr<store::Target> target = open_target(observer);
        abilities = target->capabilities();
        rows.emplace(env, thaws, options, target->identity(), abilities);
    }

    const Environment& env;
    OpenTarget open_target;
    FetchOptions options;
    SerialObserver observer;
    RequestPace pace;
    store::Capabilities abilities = {};
    std::optional<FetchRows> rows;
    std::atomic<bool> stopping = false;  ///< another thread has failed

    template <typename Row, typename Action>
    void for_each_in(const std::vector<Row>& list, unsigned threads, Action action) {
        for_each_with_target(open_target, observer, list, threads, stopping, std::move(action));
    }
    void ask_all();
    void ask(store::Target& target, std::vector<ThawRows> requests);
    std::optional<store::ThawState> ask_one(store::Target& target, const ThawRows& of_it);
    void poll();
    void download(store::Target& target, Thaw thaw);
};

/// nullopt: it was given up.
std::optional<store::ThawState> Fetch::State::ask_one(store::Target& target, const ThawRows& of_it) {
    if (!abilities.thaw_needed) return store::ThawState{};  // it was only to be agreed to
    pace.wait();
    try {
        store::ThawRequest request = thaw_request(of_it, !abilities.thaws_ranges);
        request.days = options.thaw_days;
        return target.request_thaw(request);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found && e.kind() != Error::Kind::invalid) throw;
        target.check();  // is it the target that is not there?
        for (const Thaw& thaw : of_it) rows->give_up(thaw, e.message());
        return std::nullopt;
    }
}

/// The ledger has them as asked for before the first request goes out: whoever finds it after a crash asks
/// the target how far they are, and learns which of them it never heard of.
void Fetch::State::ask(store::Target& target, std::vector<ThawRows> requests) {
    std::vector<ThawRows> before = requests;
    std::vector<Thaw> marked;
    for (ThawRows& of_it : requests) {
        for (Thaw& thaw : of_it) {
            thaw.state = Thaw::State::asked;
            thaw.tier = static_cast<std::uint32_t>(options.tier);
            thaw.asked_at = env.clock.now();
            ++thaw.attempts;
            marked.push_back(thaw);
        }
    }
    rows->save(marked);
    std::vector<FetchRows::Answer> answers;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        try {
            if (std::optional<store::ThawState> state = ask_one(target, requests[i]))
                answers.push_back({requests[i], *state});
        } catch (const Error& e) {
            // A request whose reply was lost may have arrived: it stays marked.
            rows->take(answers);
            for (std::size_t rest = i + (e.kind() == Error::Kind::transient ? 1 : 0); rest < before.size();
                 ++rest)
                rows->save(before[rest]);
            throw;
        }
    }
    rows->take(answers);
}

/// Small pieces where there is little to do, so that each thread has some of it.
void Fetch::State::ask_all() {
    std::vector<ThawRows> requests = rows->to_ask();
    std::size_t share = requests.size() / std::max(1U, abilities.thaw_threads) + 1;
    for_each_in(cut(std::move(requests), std::min(kAskedAtOnce, share)), abilities.thaw_threads,
                [this](store::Target& target, const std::vector<ThawRows>& piece) { ask(target, piece); });
}

/// In groups of as many as the target can look at at once.
void Fetch::State::poll() {
    for_each_in(cut(rows->asked(), abilities.polls_at_once), options.threads,
                [this](store::Target& target, const std::vector<ThawRows>& group) {
                    std::vector<store::AskedThaw> asked;
                    for (const ThawRows& of_it : group)
                        asked.push_back({thaw_request(of_it, !abilities.thaws_ranges), of_it.front().ticket});
                    std::vector<store::ThawState> states = target.poll_thaws(asked);
                    CHECK(states.size() == group.size());
                    std::vector<FetchRows::Answer> answers;
                    for (std::size_t i = 0; i < group.size(); ++i) answers.push_back({group[i], states[i]});
                    rows->take(answers);
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
            rows->save({&thaw, 1});
            observer.progress(rows->progress());
        }
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::not_ready || e.kind() == Error::Kind::not_found)
            rows->expire(thaw, e.message());
        else if (e.kind() == Error::Kind::corrupt)
            rows->give_up_download(thaw, e.message());
        else
            throw;
    }
}

Fetch::Fetch(const Environment& env, OpenTarget open_target, catalog::Thaws& thaws, FetchOptions options,
             Observer& observer)
    : state_(new State(env, std::move(open_target), thaws, std::move(options), observer)) {}
Fetch::~Fetch() = default;

void Fetch::want(const std::vector<FetchRange>& wanted) {
    state_->rows->want(wanted);
    state_->poll();
}

FetchState Fetch::state() const {
    return state_->rows->summary();
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
    const FetchOptions& options = state_->options;
    state_->env.fs.make_directory(std::string(parent_path(options.dir)), std::string(base_name(options.dir)));
    std::int64_t longest_s = options.tier == store::ThawTier::expedited
                                 ? std::min(options.poll_seconds, kFirstPollSeconds)
                                 : options.poll_seconds;
    std::int64_t interval_s = std::min(longest_s, kFirstPollSeconds);
    state_->ask_all();
    for (;;) {
        state_->poll();
        state_->for_each_in(
            state_->rows->in({Thaw::State::ready}), options.threads,
            [this](store::Target& target, const Thaw& thaw) { state_->download(target, thaw); });
        FetchState now = state_->rows->summary();
        if (now.pending == 0 || !options.wait) return now;
        state_->observer.progress(state_->rows->progress());
        state_->env.sleep_ns(interval_s * 1'000'000'000);
        interval_s = std::min(interval_s * 2, longest_s);
    }
}

void Fetch::discard(const std::string& name, std::uint64_t offset, std::uint64_t length_bytes) {
    for (Thaw& thaw : state_->rows->in({Thaw::State::fetched})) {
        if (thaw.name != name || thaw.offset >= offset + length_bytes ||
            thaw.offset + thaw.length_bytes <= offset)
            continue;
        thaw.state = Thaw::State::ready;
        thaw.fetched_bytes = 0;
        state_->rows->save({&thaw, 1});
    }
}

std::vector<FetchRange> Fetch::missing(const std::string& name) const {
    std::vector<FetchRange> out;
    for (const Thaw& thaw : state_->rows->in({Thaw::State::failed}))
        if (thaw.name == name)
            out.push_back({{thaw.name, thaw.object_id},
                           thaw.object_bytes,
                           thaw.offset + thaw.fetched_bytes,
                           thaw.length_bytes - thaw.fetched_bytes});
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    return out;
}

void Fetch::forget_fetched() {
    state_->rows->forget_fetched();
}

void Fetch::forget() {
    state_->rows->forget();
}

}  // namespace icecore::engine
