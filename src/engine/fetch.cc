#include "engine/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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

/// How much is downloaded between two moments at which it is made durable and noted.
constexpr std::uint64_t kCheckpointBytes = 64 << 20;
/// How often a range is asked for that cannot be thawed, or has expired before it was read.
constexpr std::uint32_t kAttemptsMax = 3;

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
        while (!data.empty()) {
            ssize_t written = pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0)
                throw Error::from_errno(
                    errno, "writing " + path_,
                    errno == ENOSPC ? "make room there; what was downloaded is kept" : "");
            offset += static_cast<std::uint64_t>(written);
            data.remove_prefix(static_cast<std::size_t>(written));
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

}  // namespace

struct Fetch::State {
    const Environment& env;
    OpenTarget open_target;
    catalog::Thaws& thaws;
    FetchOptions options;
    SerialObserver observer;
    std::string target_name;

    mutable std::mutex mutex;           // guards what follows, and `thaws`
    std::map<std::int64_t, Thaw> work;  ///< rows of the ledger that belong to what is wanted, by id
    std::vector<std::string> problems;

    void want(const FetchRange& range, const std::vector<Thaw>& known);
    bool is_staged(const Thaw& thaw) const;
    void save(const Thaw& thaw);
    void give_up(Thaw thaw, const std::string& why);
    template <typename Action>
    void for_each_in(const std::vector<Thaw>& rows, Action action);
    std::vector<Thaw> rows_in(std::initializer_list<Thaw::State> states) const;
    void ask(store::Target& target, Thaw thaw);
    void poll(store::Target& target, Thaw thaw);
    void take(Thaw& thaw, const store::ThawState& state);
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

/// Puts what no known row covers on the list.
void Fetch::State::want(const FetchRange& range, const std::vector<Thaw>& known) {
    check_object_name(range.object.name);
    auto add = [&](std::uint64_t begin, std::uint64_t end) {
        Thaw thaw;
        thaw.target = target_name;
        thaw.name = range.object.name;
        thaw.object_id = range.object.id;
        thaw.object_bytes = range.object_bytes;
        thaw.offset = begin;
        thaw.length_bytes = end - begin;
        thaw.tier = static_cast<std::uint32_t>(options.tier);
        thaw.id = thaws.add(thaw);
        work[thaw.id] = thaw;
    };
    std::uint64_t at = range.offset;
    std::uint64_t end = range.offset + range.length_bytes;
    for (Thaw thaw : known) {  // by offset
        if (thaw.name != range.object.name) continue;
        std::uint64_t thaw_end = thaw.offset + thaw.length_bytes;
        if (thaw_end <= at || thaw.offset >= end) continue;
        bool lost = thaw.fetched_bytes > 0 && !is_staged(thaw);
        if (thaw.state == Thaw::State::failed || lost) {  // it is tried again
            thaw.state = thaw.state == Thaw::State::failed || thaw.ticket.empty() ? Thaw::State::wanted
                                                                                  : Thaw::State::asked;
            thaw.attempts = 0;
            if (lost) thaw.fetched_bytes = 0;
            thaws.update(thaw);
        }
        if (thaw.offset > at) add(at, thaw.offset);
        work[thaw.id] = thaw;
        at = std::max(at, thaw_end);
    }
    if (at < end) add(at, end);
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
template <typename Action>
void Fetch::State::for_each_in(const std::vector<Thaw>& rows, Action action) {
    if (rows.empty()) return;
    std::atomic<std::size_t> next = 0;
    std::mutex error_mutex;
    std::exception_ptr error;
    auto work_off = [&] {
        try {
            std::unique_ptr<store::Target> target = open_target();
            for (std::size_t i = next++; i < rows.size(); i = next++) action(*target, rows[i]);
        } catch (...) {
            next = rows.size();
            std::lock_guard lock(error_mutex);
            if (!error) error = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        std::size_t count = std::min<std::size_t>(std::max(1U, options.threads), rows.size());
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
    problems.push_back(format("{}: {}", thaw.name, why));
}

void Fetch::State::take(Thaw& thaw, const store::ThawState& state) {
    using Phase = store::ThawState::Phase;
    if (!state.ticket.empty()) thaw.ticket = state.ticket;
    thaw.message = state.message;
    thaw.until = state.until;
    if (state.phase == Phase::failed) {
        thaw.state = Thaw::State::wanted;
        thaw.ticket.clear();
        if (thaw.attempts >= kAttemptsMax) {
            give_up(thaw, state.message.empty() ? "it cannot be thawed" : state.message);
            return;
        }
    } else {
        thaw.state = state.phase == Phase::ready ? Thaw::State::ready : Thaw::State::asked;
    }
    save(thaw);
}

void Fetch::State::ask(store::Target& target, Thaw thaw) {
    store::ThawRequest request{
        {thaw.name, thaw.object_id}, thaw.offset, thaw.length_bytes, static_cast<store::ThawTier>(thaw.tier)};
    try {
        thaw.asked_at = env.clock.now();
        ++thaw.attempts;
        take(thaw, target.request_thaw(request));
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found && e.kind() != Error::Kind::invalid) throw;
        give_up(thaw, e.message());
    }
}

void Fetch::State::poll(store::Target& target, Thaw thaw) {
    store::ThawRequest request{
        {thaw.name, thaw.object_id}, thaw.offset, thaw.length_bytes, static_cast<store::ThawTier>(thaw.tier)};
    take(thaw, target.poll_thaw(request, thaw.ticket));
}

void Fetch::State::download(store::Target& target, Thaw thaw) {
    StagedFile file(options.dir, thaw.name, thaw.object_bytes);
    std::uint64_t step =
        std::max<std::uint64_t>(kCheckpointBytes, target.capabilities().range_alignment_bytes);
    try {
        while (thaw.fetched_bytes < thaw.length_bytes) {
            std::uint64_t at = thaw.offset + thaw.fetched_bytes;
            std::uint64_t length = std::min(step, thaw.length_bytes - thaw.fetched_bytes);
            std::uint64_t put = at;
            target.read({{thaw.name, thaw.object_id}, at, length, thaw.ticket}, [&](std::string_view piece) {
                file.write(put, piece);
                put += piece.size();
            });
            file.sync();
            thaw.fetched_bytes += length;
            if (thaw.fetched_bytes == thaw.length_bytes) thaw.state = Thaw::State::fetched;
            save(thaw);
            tell();
        }
    } catch (const Error& e) {
        bool expired = e.kind() == Error::Kind::not_ready || e.kind() == Error::Kind::not_found;
        if (e.kind() == Error::Kind::corrupt) {
            give_up(thaw, e.message());
            return;
        }
        if (!expired) throw;
        if (thaw.attempts >= kAttemptsMax) {
            give_up(thaw, e.message());
            return;
        }
        thaw.state = Thaw::State::wanted;  // asked for again: what was downloaded stays
        thaw.ticket.clear();
        save(thaw);
    }
}

/// One round: ask, look, download.
void Fetch::State::step() {
    auto asking = [this](store::Target& target, const Thaw& thaw) { ask(target, thaw); };
    for_each_in(rows_in({Thaw::State::wanted}), asking);
    for_each_in(rows_in({Thaw::State::asked}),
                [this](store::Target& target, const Thaw& thaw) { poll(target, thaw); });
    for_each_in(rows_in({Thaw::State::ready}),
                [this](store::Target& target, const Thaw& thaw) { download(target, thaw); });
    for_each_in(rows_in({Thaw::State::wanted}), asking);  // what had expired or failed
}

FetchState Fetch::State::summary() const {
    std::lock_guard lock(mutex);
    FetchState out;
    for (const auto& [id, thaw] : work) {
        ++out.ranges;
        out.bytes += thaw.length_bytes;
        out.fetched_bytes += thaw.fetched_bytes;
        if (thaw.state == Thaw::State::fetched) ++out.fetched;
        if (thaw.state == Thaw::State::wanted) {
            ++out.unasked;
            out.unasked_bytes += thaw.length_bytes;
        }
        if (thaw.state != Thaw::State::asked && thaw.state != Thaw::State::ready) continue;
        ++out.pending;
        out.asked_at = std::min(out.asked_at.value_or(thaw.asked_at), thaw.asked_at);
    }
    out.problems = problems;
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
    : state_(new State{
          env, std::move(open_target), thaws, std::move(options), SerialObserver(observer), {}, {}, {}, {}}) {
    state_->target_name = state_->open_target()->identity();
}
Fetch::~Fetch() = default;

void Fetch::want(const std::vector<FetchRange>& wanted) {
    std::lock_guard lock(state_->mutex);
    std::vector<Thaw> known = state_->thaws.all(state_->target_name);
    std::map<std::string, std::vector<Thaw>> by_name;
    for (Thaw& thaw : known) by_name[thaw.name].push_back(std::move(thaw));
    for (const FetchRange& range : wanted) state_->want(range, by_name[range.object.name]);
}

FetchState Fetch::state() const {
    return state_->summary();
}

FetchState Fetch::run() {
    state_->env.fs.make_directory(std::string(parent_path(state_->options.dir)),
                                  std::string(base_name(state_->options.dir)));
    for (;;) {
        state_->step();
        FetchState now = state_->summary();
        if (now.pending == 0 && now.unasked == 0) return now;
        if (!state_->options.wait) return now;
        state_->tell();
        state_->env.sleep_ns(state_->options.poll_seconds * 1'000'000'000);
    }
}

}  // namespace icecore::engine
