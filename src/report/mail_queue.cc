#include "report/mail_queue.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/json_document.h"
#include "base/text.h"

namespace icecore::report {
namespace {

constexpr std::size_t kFileBytesMax = 4 << 20;
constexpr std::size_t kErrorBytesMax = 2000;

std::optional<Timestamp> read_time(const Json& json, const char* key) {
    auto found = json.find(key);
    if (found == json.end() || !found->is_string()) return std::nullopt;
    return parse_utc(found->get<std::string>());
}

std::string read_text(const Json& json, const char* key) {
    auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t read_count(const Json& json, const char* key) {
    auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Failure::Kind read_kind(const Json& failure) {
    std::string name = read_text(failure, "kind");
    for (Failure::Kind kind : {Failure::Kind::no_run, Failure::Kind::besides})
        if (name == failure_kind_name(kind)) return kind;
    return Failure::Kind::not_offsite;
}

std::uint32_t read_run(const Json& json, const char* key) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(read_count(json, key), UINT32_MAX));
}

/// What is not as it should be is left out.
MailState decode(std::string_view text) {
    MailState state;
    Json json = parse_json(text);
    if (!json.is_object() || read_count(json, "version") != 1) return state;
    state.mailed_through = read_run(json, "mailed_through");
    state.left_out = read_count(json, "left_out");
    state.tries = static_cast<unsigned>(std::min<std::uint64_t>(read_count(json, "tries"), 1'000'000));
    state.last_error = read_text(json, "last_error");
    state.last_error_at = read_time(json, "last_error_at");
    state.last_sent = read_time(json, "last_sent");
    auto failures = json.find("failures");
    if (failures == json.end() || !failures->is_array()) return state;
    for (const Json& one : *failures) {
        auto at = one.is_object() ? read_time(one, "at") : std::nullopt;
        if (!at) continue;
        state.failures.push_back(
            {read_kind(one), *at, read_run(one, "run"), read_text(one, "error"), read_text(one, "hint")});
    }
    return state;
}

std::string encode(const MailState& state) {
    std::string text;
    JsonWriter json(text);
    auto time = [&](std::string_view key, const std::optional<Timestamp>& value) {
        if (value) json.key(key).time(*value);
    };
    json.begin_object().field("version", 1U).field("mailed_through", state.mailed_through);
    json.field("tries", state.tries).field("last_error", quotable(state.last_error, kErrorBytesMax));
    time("last_error_at", state.last_error_at);
    time("last_sent", state.last_sent);
    json.field("left_out", state.left_out).key("failures").begin_array();
    for (const Failure& failure : state.failures) {
        json.begin_object().field("kind", failure_kind_name(failure.kind)).key("at").time(failure.at);
        json.field("run", failure.run);
        json.field("error", quotable(failure.error, kErrorBytesMax));
        json.field("hint", quotable(failure.hint, kErrorBytesMax)).end_object();
    }
    json.end_array().end_object();
    return text + "\n";
}

MailState read_state(const std::string& path) {
    try {
        return path_exists(path) ? decode(read_file(path, kFileBytesMax)) : MailState{};
    } catch (const Error&) {
        return {};
    }
}

void make_directories(const std::string& path, FileSystem& fs) {
    if (path.empty() || path_exists(path)) return;
    std::string parent(parent_path(path));
    make_directories(parent, fs);
    fs.make_directory(parent.empty() ? "/" : parent, std::string(base_name(path)));
}

}  // namespace

MailState MailQueue::read(const Places& places) {
    MailState state = read_state(join_path(places.backup_dir, kMailStateName));
    if (places.state_dir.empty()) return state;
    MailState more = read_state(join_path(places.state_dir, places.state_name));
    state.failures.insert(state.failures.end(), more.failures.begin(), more.failures.end());
    std::stable_sort(state.failures.begin(), state.failures.end(),
                     [](const Failure& a, const Failure& b) { return a.at < b.at; });
    state.left_out += more.left_out;
    if (state.last_error_at < more.last_error_at) {
        state.tries += more.tries;
        state.last_error = more.last_error;
        state.last_error_at = more.last_error_at;
    }
    return state;
}

MailQueue::MailQueue(FileSystem& fs, Places places) : fs_(fs), places_(std::move(places)) {
    std::string dir = path_exists(places_.backup_dir) ? places_.backup_dir : places_.state_dir;
    lock_ = open_at(AT_FDCWD, join_path(dir, kMailLockName).c_str(), O_RDWR | O_CREAT, 0600);
    // Where no file can be made, nobody else keeps anything, either.
    while (lock_ && flock(lock_.get(), LOCK_EX) != 0 && errno == EINTR) continue;
    state_ = read(places_);
}

void MailQueue::add(const Failure& failure) {
    state_.failures.push_back(failure);
    if (state_.failures.size() > kFailuresMax) {  // how it began and how it is now say most
        state_.failures.erase(state_.failures.begin() + kFailuresMax / 2);
        ++state_.left_out;
    }
    write();
}

void MailQueue::note_failed(std::string error, Timestamp now) {
    ++state_.tries;
    state_.last_error = std::move(error);
    state_.last_error_at = now;
    write();
}

void MailQueue::note_sent(std::uint32_t through, Timestamp now) {
    std::uint32_t before = state_.mailed_through;
    state_ = {};
    state_.mailed_through = through > 0 ? through : before;
    state_.last_sent = now;
    if (!path_exists(places_.backup_dir)) return write();  // there is no run, either
    write_file_durably(fs_, places_.backup_dir, std::string(kMailStateName), encode(state_), true);
    drop_other();
}

/// All of it to the first place that takes it; then the other has nothing more to say.
void MailQueue::write() {
    std::string state_file =
        places_.state_dir.empty() ? "" : join_path(places_.state_dir, places_.state_name);
    try {
        if (!path_exists(places_.backup_dir))
            throw Error(Error::Kind::not_found, format("there is no directory {}", places_.backup_dir));
        write_file_durably(fs_, places_.backup_dir, std::string(kMailStateName), encode(state_), true);
    } catch (const Error&) {
        if (places_.state_dir.empty()) throw;
        make_directories(places_.state_dir, fs_);
        MailState here = read_state(join_path(places_.backup_dir, kMailStateName));
        MailState rest = state_;  // what is kept there stays there
        std::erase_if(rest.failures, [&](const Failure& failure) {
            return std::find(here.failures.begin(), here.failures.end(), failure) != here.failures.end();
        });
        rest.left_out -= std::min(rest.left_out, here.left_out);
        write_file_durably(fs_, places_.state_dir, places_.state_name, encode(rest), true);
        return;
    }
    drop_other();
}

void MailQueue::drop_other() {
    if (places_.state_dir.empty() || !path_exists(join_path(places_.state_dir, places_.state_name))) return;
    fs_.remove(places_.state_dir, places_.state_name);
}

}  // namespace icecore::report
