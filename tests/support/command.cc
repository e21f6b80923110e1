#include "support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace icecore::testing {
namespace {

struct Pipe {
    Fd read_end;
    Fd write_end;
};

Pipe make_pipe() {
    std::array<int, 2> fds{};
    if (pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("making a pipe");
    return {Fd(fds[0]), Fd(fds[1])};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (std::string& s : strings) out.push_back(s.data());
    out.push_back(nullptr);
    return out;
}

/// Our environment with `changes` ("NAME=value") put over it.
std::vector<std::string> environment(const std::vector<std::string>& changes) {
    std::vector<std::string> out = changes;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        std::string_view text = *entry;
        std::string_view name = text.substr(0, text.find('=') + 1);
        bool replaced = false;
        for (const std::string& change : changes) replaced = replaced || change.starts_with(name);
        if (!replaced) out.emplace_back(text);
    }
    return out;
}

void check_spawn(int code, const std::string& program) {
    if (code != 0) throw Error::from_errno(code, "running " + program);
}

/// posix_spawn's actions and attributes for one program: descriptors 0 to 2, directory, default SIGPIPE.
class SpawnSetup {
  public:
    SpawnSetup() {
        CHECK(posix_spawn_file_actions_init(&actions_) == 0);
        CHECK(posix_spawnattr_init(&attributes_) == 0);
        sigset_t signals;
        sigemptyset(&signals);
        CHECK(posix_spawnattr_setsigmask(&attributes_, &signals) == 0);
        sigaddset(&signals, SIGPIPE);
        CHECK(posix_spawnattr_setsigdefault(&attributes_, &signals) == 0);
        CHECK(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) == 0);
    }
    ~SpawnSetup() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;

    void use(int fd, int as) { CHECK(posix_spawn_file_actions_adddup2(&actions_, fd, as) == 0); }
    void change_dir(const std::string& dir) {
        CHECK(posix_spawn_file_actions_addchdir_np(&actions_, dir.c_str()) == 0);
    }
    pid_t run(Argv argv, std::vector<std::string> env) {
        pid_t pid = 0;
        std::vector<char*> arguments = pointers(argv);
        std::vector<char*> variables = pointers(env);
        check_spawn(
            posix_spawnp(&pid, argv[0].c_str(), &actions_, &attributes_, arguments.data(), variables.data()),
            argv[0]);
        return pid;
    }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

/// Reads both descriptors to their ends, whichever has something.
void drain(Fd& out_fd, Fd& err_fd, std::string& out, std::string& err) {
    std::array<Fd*, 2> fds{&out_fd, &err_fd};
    std::array<std::string*, 2> texts{&out, &err};
    std::array<char, 65536> buffer{};
    while (out_fd || err_fd) {
        std::array<pollfd, 2> wanted{pollfd{out_fd.get(), POLLIN, 0}, pollfd{err_fd.get(), POLLIN, 0}};
        if (poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR)
            throw_errno("waiting for a program");
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (wanted[i].revents == 0) continue;
            ssize_t n = read(wanted[i].fd, buffer.data(), buffer.size());
            if (n > 0) texts[i]->append(buffer.data(), static_cast<std::size_t>(n));
            if (n == 0) fds[i]->reset();
            if (n < 0 && errno != EINTR) throw_errno("reading a program's output");
        }
    }
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) throw_errno("waiting for a program");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Programs that run; those still unwaited for (an error stopped us) are waited for on destruction. Their
/// input and output ends are closed by then, so that they end by themselves.
struct Children {
    std::vector<pid_t> pids;
    Children() = default;
    Children(const Children&) = delete;
    Children& operator=(const Children&) = delete;
    ~Children() {
        for (pid_t pid : pids) waitpid(pid, nullptr, 0);
    }
};

}  // namespace

CommandResult run_command(const Argv& argv, const CommandOptions& options) {
    return run_pipeline({argv}, options);
}

CommandResult run_pipeline(const std::vector<Argv>& programs, const CommandOptions& options) {
    CHECK(!programs.empty());
    CommandResult result;
    Children children;
    Pipe err = make_pipe();
    Fd input = open_file(options.stdin_file, O_RDONLY);
    std::vector<std::string> env = environment(options.env);
    for (std::size_t i = 0; i < programs.size(); ++i) {
        CHECK(!programs[i].empty());
        Pipe out;
        if (i + 1 == programs.size() && options.stdout_file)
            out.write_end = open_file(*options.stdout_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        else
            out = make_pipe();
        SpawnSetup setup;
        setup.use(input.get(), STDIN_FILENO);
        setup.use(out.write_end.get(), STDOUT_FILENO);
        setup.use(err.write_end.get(), STDERR_FILENO);
        if (!options.cwd.empty()) setup.change_dir(options.cwd);
        children.pids.push_back(setup.run(programs[i], env));
        input = std::move(out.read_end);
    }
    err.write_end.reset();
    drain(input, err.read_end, result.out, result.err);
    for (pid_t pid : std::exchange(children.pids, {})) {
        int status = wait_for(pid);
        if (status != 0) result.status = status;
    }
    return result;
}

}  // namespace icecore::testing
