#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"

extern char** environ;

namespace icecore {
namespace {

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

/// While it lives, writing to a pipe that nobody reads is EPIPE and no signal to this thread.
class NoPipeSignal {
  public:
    NoPipeSignal() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        timespec now{};
        if (sigismember(&before_, SIGPIPE) == 0) {
            while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

  private:
    sigset_t pipe_{};
    sigset_t before_{};
};

/// This program's environment with the differences asked for, as execve wants it.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        std::string_view text(*entry);
        if (!changes.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
    }
    for (const auto& [name, value] : changes) all.push_back(name + '=' + value);
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// A program with pipes to it and from it. Killed, if it still runs, and waited for on destruction.
class Child {
  public:
    explicit Child(const Process& process) : process_(process) {
        Pipe in;
        Pipe out;
        Pipe err;
        start(in.read.get(), out.write.get(), err.write.get());
        in_ = std::move(in.write);
        out_ = std::move(out.read);
        err_ = std::move(err.read);
        fcntl(in_.get(), F_SETFL, O_NONBLOCK);
        ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
        if (!ended_) {
            int code = errno;
            stop();
            throw Error::from_errno(code, "waiting for " + process.words[0]);
        }
    }
    ~Child() {
        if (pid_ > 0) stop();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    ProcessResult run() {
        result_.end = talk();
        if (result_.end != ProcessResult::End::exited) {
            stop();
            return std::move(result_);
        }
        int status = wait();
        bool signalled = WIFSIGNALED(status);
        if (signalled) result_.end = ProcessResult::End::signalled;
        result_.status = signalled ? WTERMSIG(status) : WEXITSTATUS(status);
        return std::move(result_);
    }

  private:
    enum : std::size_t { kIn, kOut, kErr, kEnded };

    void start(int in, int out, int err) {
        std::vector<std::string> words = process_.words;
        std::vector<std::string> variables = environment_with(process_.environment);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
        // Our own threads' masks and ignored signals are no concern of the program.
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        int failed = posix_spawnp(&pid_, words[0].c_str(), &actions, &attributes, pointers_to(words).data(),
                                  pointers_to(variables).data());
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (failed == 0) return;
        pid_ = -1;
        throw Error::from_errno(failed, "running " + words[0]);
    }

    /// Feeds it and reads both streams until the program has ended, or must be stopped.
    ProcessResult::End talk() {
        NoPipeSignal no_signal;
        auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(process_.limit_ms);
        std::array<pollfd, 4> fds = {{{in_.get(), POLLOUT, 0},
                                      {out_.get(), POLLIN, 0},
                                      {err_.get(), POLLIN, 0},
                                      {ended_.get(), POLLIN, 0}}};
        while (true) {
            feed(fds[kIn]);
            auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) return ProcessResult::End::time_over;
            bool exited = fds[kEnded].revents != 0;  // what its pipes hold is still to be read
            if (exited) fds[kIn].fd = -1;
            int ready = ::poll(fds.data(), exited ? 3 : 4,
                               exited ? 0 : static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
            if (ready < 0 && errno != EINTR) throw_errno("waiting for " + process_.words[0]);
            if (ready == 0 && exited) return ProcessResult::End::exited;
            if (ready <= 0) continue;
            take(fds[kOut], result_.out);
            take(fds[kErr], result_.err);
            if (process_.kill_if_more && result_.out.size() > process_.output_bytes_max)
                return ProcessResult::End::too_long;
            keep_beginning(result_.out);
            keep_beginning(result_.err);
        }
    }

    /// Writes what the pipe takes; closes it after the last byte, or if nobody reads.
    void feed(pollfd& fd) {
        if (fd.fd < 0) return;
        bool broken = false;
        while (!broken && !process_.input.empty() && fed_bytes_ < process_.input.size()) {
            ssize_t n =
                ::write(fd.fd, process_.input.data() + fed_bytes_, process_.input.size() - fed_bytes_);
            if (n > 0) fed_bytes_ += static_cast<std::size_t>(n);
            if (n < 0 && errno == EAGAIN) return;
            broken = n < 0 && errno != EINTR;
        }
        in_.reset();
        fd.fd = -1;
    }

    static void take(pollfd& fd, std::string& text) {
        if (fd.fd < 0 || fd.revents == 0) return;
        std::array<char, 16384> buffer;
        ssize_t got = ::read(fd.fd, buffer.data(), buffer.size());
        if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
        if (got == 0 || (got < 0 && errno != EINTR)) fd.fd = -1;
        fd.revents = 0;
    }

    void keep_beginning(std::string& text) {
        if (text.size() <= process_.output_bytes_max) return;
        result_.dropped_bytes += text.size() - process_.output_bytes_max;
        text.resize(process_.output_bytes_max);
    }

    /// Status of wait(2).
    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }

    void stop() {
        ::kill(-pid_, SIGKILL);
        wait();
    }

    const Process& process_;
    std::size_t fed_bytes_ = 0;
    ProcessResult result_;
    pid_t pid_ = -1;
    Fd in_;
    Fd out_;
    Fd err_;
    Fd ended_;
};

}  // namespace

std::string ProcessResult::text(std::int64_t limit_ms) const {
    switch (end) {
        case End::exited:
            return format("ended with status {}", status);
        case End::signalled:
            return format("was ended by signal {}", status);
        case End::time_over:
            return format("did not end within {} s", (limit_ms + 999) / 1000);
        case End::too_long:
            break;
    }
    return "prints too much";
}

std::string ProcessResult::said() const {
    return quotable(err.empty() ? out : err);
}

ProcessResult run_process(const Process& process) {
    CHECK(!process.words.empty());
    return Child(process).run();
}

}  // namespace icecore
