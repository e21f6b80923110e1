#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/test_dir.h"

namespace icecore::cloud {

/// `openssl s_server` on a loopback port, with a certificate of its own for "localhost".
class TlsServer {
  public:
    enum class Validity : std::uint8_t { now, long_ago };

    explicit TlsServer(Validity validity = Validity::now) {
        if (validity == Validity::now)
            must(
                format("openssl req -x509 {} -days 2 -addext subjectAltName=DNS:localhost -keyout {} -out {}",
                       kOfLocalhost, key(), certificate()));
        else
            make_expired();
        start();
    }
    ~TlsServer() { end(); }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    std::string certificate() const { return dir_.path("cert.pem"); }
    std::string url(const std::string& host) const { return format("https://{}:{}/", host, port_); }
    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

  private:
    static constexpr std::string_view kOfLocalhost =
        "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost";

    std::string key() const { return dir_.path("key.pem"); }

    static void must(const std::string& command) {
        if (std::system((command + " >/dev/null 2>&1").c_str()) != 0)
            throw Error(Error::Kind::io, "failed: " + command);
    }
    /// Of a month in 2020, which only an authority can date back to.
    void make_expired() const {
        std::string authority = dir_.path("ca.cnf");
        std::ofstream(authority) << "[ca]\ndefault_ca=x\n[x]\ndatabase=" << dir_.path("index.txt")
                                 << "\ndefault_md=sha256\npolicy=p\nx509_extensions=e\nrand_serial=yes\n"
                                    "[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost\n";
        std::ofstream(dir_.path("index.txt"));
        must(format("openssl req -new {} -keyout {} -out {}", kOfLocalhost, key(), dir_.path("request")));
        must(
            format("openssl ca -batch -selfsign -notext -config {} -startdate 20200101000000Z -enddate "
                   "20200201000000Z -keyfile {} -in {} -out {} -outdir {}",
                   authority, key(), dir_.path("request"), certificate(), dir_.path("")));
    }

    void start() {
        int ends[2];
        if (pipe(ends) != 0) throw_errno("making a pipe");
        Fd output(ends[0]);
        Fd input(ends[1]);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclose(&actions, output.get());
        std::vector<std::string> words = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
                                          "-key",    key(),      "-cert",   certificate()};
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        int code = posix_spawnp(&pid_, "openssl", &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (code != 0) throw Error::from_errno(code, "starting openssl s_server");
        input.reset();
        port_ = read_port(output.get());
    }
    /// It says "ACCEPT 127.0.0.1:PORT" once it listens.
    static int read_port(int fd) {
        constexpr std::string_view kBefore = "ACCEPT 127.0.0.1:";
        std::string said;
        for (char c; read_full(fd, &c, 1) == 1; said += c) {
            std::size_t at = said.find(kBefore);
            if (c == '\n' && at != std::string::npos) return std::atoi(said.c_str() + at + kBefore.size());
        }
        throw Error(Error::Kind::io, "openssl s_server said: " + said);
    }

    TestDir dir_;
    pid_t pid_ = 0;
    int port_ = 0;
};

}  // namespace icecore::cloud
