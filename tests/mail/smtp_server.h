#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/test_dir.h"

namespace icecore::testing {

/// smtp_server.py as a process of its own, which ends with the object; and the mails that it was given.
class SmtpServer {
  public:
    explicit SmtpServer(const std::vector<std::string>& options = {}) { start(options); }
    ~SmtpServer() { end(); }
    SmtpServer(const SmtpServer&) = delete;
    SmtpServer& operator=(const SmtpServer&) = delete;

    void start(std::vector<std::string> options) {
        std::string directory = dir_.path("");
        options.insert(options.begin(), {"/usr/bin/python3", ICECORE_SMTP_SERVER, directory});
        if (!port_.empty()) options.insert(options.end(), {"--port", port_});
        std::vector<char*> argv;
        for (std::string& word : options) argv.push_back(word.data());
        argv.push_back(nullptr);
        Fd log = open_file(dir_.path("server.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        std::array<int, 2> out{};
        CHECK(pipe2(out.data(), O_CLOEXEC) == 0);
        pid_ = fork();
        CHECK(pid_ >= 0);
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever becomes of the test
            dup2(out[1], STDOUT_FILENO);
            dup2(log.get(), STDERR_FILENO);
            execv(argv[0], argv.data());
            _exit(127);
        }
        close(out[1]);
        port_.clear();
        for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) port_ += c;
        close(out[0]);
        if (port_.empty())
            throw Error(Error::Kind::io, "no mail server: " + read_file(dir_.path("server.log")));
    }
    /// It is down; start() makes it listen on the same port again.
    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

    /// With --hang-data: returns when a message has been sent that gets no answer. To be called with what
    /// begins to send it.
    template <typename Begin>
    void wait_for_data(Begin begin) {
        std::string fifo = dir_.path("reached");
        CHECK(mkfifo(fifo.c_str(), 0600) == 0);
        begin();
        EXPECT_EQ(read_file(fifo), "here");  // opening it waits for the server
    }

    const std::string& port() const { return port_; }
    std::string url() const { return format("smtp://127.0.0.1:{}", port_); }
    std::size_t count() const {
        std::size_t count = 0;
        while (path_exists(mail_file(count + 1))) ++count;
        return count;
    }
    std::string mail_file(std::size_t number) const { return dir_.path(format("{}.eml", number)); }
    std::string mail(std::size_t number) const { return read_file(mail_file(number)); }
    Json facts(std::size_t number) const {
        return parse_json(read_file(dir_.path(format("{}.json", number))));
    }

  private:
    TestDir dir_;
    pid_t pid_ = 0;
    std::string port_;
};

/// A certificate for "localhost" and 127.0.0.1 that it signed itself, with its key.
class SelfSigned {
  public:
    SelfSigned() {
        std::string make = format(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
            "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {} -out {} 2>/dev/null",
            key(), certificate());
        CHECK(std::system(make.c_str()) == 0);
    }
    std::string certificate() const { return dir_.path("cert.pem"); }
    std::string key() const { return dir_.path("key.pem"); }
    /// Options of smtp_server.py: these, and `more`.
    std::vector<std::string> options(std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--cert", certificate(), "--key", key()});
        return more;
    }

  private:
    TestDir dir_;
};

}  // namespace icecore::testing
