#include "cloud/credential_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/text.h"
#include "cloud/credential_reply.h"
#include "cloud/shell_words.h"

extern char** environ;

namespace icecore::cloud {
namespace {

constexpr std::size_t kOutputBytesMax = 64 << 10;

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

/// A program with its output in pipes. Killed, if it still runs, and waited for on destruction.
class Child {
  public:
    explicit Child(std::vector<std::string>& words) {
        Pipe out;
        Pipe err;
        start(words, out, err);
        out_ = std::move(out.read);
        err_ = std::move(err.read);
        ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
        if (!ended_) {
            int code = errno;
            stop();
            throw Error::from_errno(code, "waiting for a credential process");
        }
    }
    ~Child() {
        if (pid_ > 0) stop();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    enum class End : std::uint8_t { exited, time_over, too_long };

    /// Reads both streams until the program has ended.
    End read(std::int64_t limit_ms) {
        auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
        std::array<pollfd, 3> fds = {
            {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
        while (true) {
            auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) return End::time_over;
            bool exited = fds[2].revents != 0;
            int ready = ::poll(fds.data(), 2 + (exited ? 0 : 1), exited ? 0 : static_cast<int>(left.count()));
            if (ready < 0 && errno != EINTR) throw_errno("waiting for a credential process");
            if (ready == 0 && exited) return End::exited;
            if (ready <= 0) continue;
            take(fds[0], out_text);
            take(fds[1], err_text);
            if (out_text.size() > kOutputBytesMax) return End::too_long;
            err_text.resize(std::min(err_text.size(), kOutputBytesMax));
        }
    }

    /// Status of wait(2). Only after read() said that it ended.
    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }

    std::string out_text;
    std::string err_text;

  private:
    void start(std::vector<std::string>& words, Pipe& out, Pipe& err) {
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
        // Our own threads' masks and ignored signals are no concern of the program.
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        int failed = posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (failed != 0)
            throw Error(Error::Kind::denied,
                        format("credential_process: cannot run {}: {}", words[0], std::strerror(failed)));
    }

    void stop() {
        ::kill(pid_, SIGKILL);
        wait();
    }

    static void take(pollfd& fd, std::string& text) {
        if (fd.fd < 0 || fd.revents == 0) return;
        std::array<char, 4096> buffer;
        ssize_t got = ::read(fd.fd, buffer.data(), buffer.size());
        if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
        if (got <= 0) fd.fd = -1;
        fd.revents = 0;
    }

    pid_t pid_ = -1;
    Fd out_;
    Fd err_;
    Fd ended_;
};

/// What a program said on stderr, for a message. Long runs of letters and digits that look drawn by lot are
/// left out: some programs print credentials there.
std::string said(const std::string& text) {
    constexpr std::size_t kSecretBytesMin = 32;
    auto in_secret = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '+';
    };
    auto any = [](std::string_view run, char from, char to) {
        return std::any_of(run.begin(), run.end(), [&](char c) { return c >= from && c <= to; });
    };
    std::string shown;
    for (auto at = text.begin(); at != text.end();) {
        auto end = std::find_if_not(at, text.end(), in_secret);
        std::string_view run(at, end);
        bool random = any(run, '0', '9') && any(run, 'a', 'z') && any(run, 'A', 'Z');
        shown += run.size() >= kSecretBytesMin && random ? "(left out)" : run;
        if (end != text.end()) shown += *end++;
        at = end;
    }
    std::string quoted = quotable(shown);
    return quoted.empty() ? "it said nothing" : quoted;
}

}  // namespace

Credentials run_credential_process(const std::string& command, std::int64_t limit_ms) {
    std::vector<std::string> words = split_words(command);
    if (words.empty()) throw Error(Error::Kind::invalid, "credential_process is empty");
    auto fail = [&](std::string_view why) {
        throw Error(Error::Kind::denied, format("credential_process: {} {}", words[0], why));
    };
    Child child(words);
    switch (child.read(limit_ms)) {
        case Child::End::time_over:
            fail(format("did not end within {} s", (limit_ms + 999) / 1000));
            break;
        case Child::End::too_long:
            fail("prints more than credentials");
            break;
        case Child::End::exited:
            break;
    }
    int status = child.wait();
    if (WIFSIGNALED(status)) fail(format("was ended by signal {}", WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        fail(format("failed with status {}: {}", WEXITSTATUS(status), said(child.err_text)));
    Json json;
    try {
        json = parse_json(child.out_text);
    } catch (const Error&) {
        json = {};
    }
    if (!json.is_object() || json.value("Version", Json()) != 1) fail("did not print JSON of \"Version\": 1");
    return parse_credentials_json(child.out_text, words[0]);
}

}  // namespace icecore::cloud
