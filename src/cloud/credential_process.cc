#include "cloud/credential_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/json_document.h"

extern char** environ;

namespace icecore::cloud {
namespace {

constexpr std::size_t kOutputBytesMax = 64 << 10;
constexpr std::size_t kQuotedBytesMax = 500;

struct Pipe {
    Fd read;
    Fd write;
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("making a pipe");
        read = Fd(ends[0]);
        write = Fd(ends[1]);
    }
};

/// Reads both streams to their ends, or until the time is over or one is too long. False: it did not end.
bool read_both(int out, int err, std::string& out_text, std::string& err_text, std::int64_t limit_ms) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
    std::array<pollfd, 2> fds = {{{out, POLLIN, 0}, {err, POLLIN, 0}}};
    std::array<std::string*, 2> texts = {&out_text, &err_text};
    std::array<char, 4096> buffer{};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                                          std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR) throw_errno("waiting for a credential process");
        for (std::size_t i = 0; i < fds.size(); ++i) {
            if (ready <= 0 || fds[i].fd < 0 || fds[i].revents == 0) continue;
            ssize_t got = ::read(fds[i].fd, buffer.data(), buffer.size());
            if (got <= 0) fds[i].fd = -1;
            if (got > 0) texts[i]->append(buffer.data(), static_cast<std::size_t>(got));
            if (texts[i]->size() > kOutputBytesMax) return false;
        }
    }
    return true;
}

}  // namespace

std::vector<std::string> split_words(std::string_view command) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < command.size(); ++i) {
        char c = command[i];
        bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (quote == 0 && blank) {
            if (in_word) words.push_back(std::move(word));
            word.clear();
            in_word = false;
            continue;
        }
        in_word = true;
        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && i + 1 < command.size() &&
                   (quote == 0 || command[i + 1] == '"' || command[i + 1] == '\\')) {
            word += command[++i];
        } else {
            word += c;
        }
    }
    if (quote != 0) throw Error(Error::Kind::invalid, "credential_process has a quote that is not closed");
    if (in_word) words.push_back(std::move(word));
    return words;
}

Credentials parse_credentials_json(std::string_view text, std::string_view what) {
    auto fail = [&](std::string_view why) {
        throw Error(Error::Kind::denied, format("the credentials of {} cannot be used: {}", what, why));
    };
    Json json;
    try {
        json = parse_json(text);
    } catch (const Error&) {
        fail("they are not JSON");
    }
    if (!json.is_object()) fail("they are not a JSON object");
    auto text_of = [&](const char* key) {
        auto found = json.find(key);
        return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    Credentials out;
    out.access_key_id = text_of("AccessKeyId");
    out.secret_access_key = text_of("SecretAccessKey");
    out.session_token = text_of("SessionToken");
    if (out.session_token.empty()) out.session_token = text_of("Token");
    if (out.access_key_id.empty() || out.secret_access_key.empty())
        fail("AccessKeyId or SecretAccessKey is missing");
    if (std::string expires = text_of("Expiration"); !expires.empty()) {
        // "+00:00" stands for "Z" with some.
        if (expires.ends_with("+00:00")) expires = expires.substr(0, expires.size() - 6) + "Z";
        out.expires = parse_utc(expires);
        if (!out.expires) fail("Expiration is not a time");
    }
    return out;
}

Credentials run_credential_process(const std::string& command, std::int64_t limit_ms) {
    std::vector<std::string> words = split_words(command);
    if (words.empty()) throw Error(Error::Kind::invalid, "credential_process is empty");
    Pipe out;
    Pipe err;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    int failed = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        throw Error(Error::Kind::denied,
                    format("credential_process: cannot run {}: {}", words[0], std::strerror(failed)));
    out.write = Fd();
    err.write = Fd();
    std::string out_text;
    std::string err_text;
    bool ended = read_both(out.read.get(), err.read.get(), out_text, err_text, limit_ms);
    if (!ended) ::kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended)
        throw Error(Error::Kind::denied,
                    format("credential_process: {} took longer than {} s, or printed too much", words[0],
                           limit_ms / 1000));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw Error(Error::Kind::denied, format("credential_process: {} failed: {}", words[0],
                                                err_text.substr(0, kQuotedBytesMax)));
    Json json;
    try {
        json = parse_json(out_text);
    } catch (const Error&) {
        json = {};
    }
    if (!json.is_object() || json.value("Version", Json()) != 1)
        throw Error(Error::Kind::denied,
                    format("credential_process: {} did not print JSON of \"Version\": 1", words[0]));
    return parse_credentials_json(out_text, words[0]);
}

}  // namespace icecore::cloud
