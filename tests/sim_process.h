#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/test_dir.h"
#include "cloud/aws_client.h"
#include "cloud/glacier_client.h"

namespace icecore::testing {

/// The most memory that a process has had so far (VmHWM of proc(5)).
inline std::uint64_t peak_memory_bytes(pid_t pid) {
    std::ifstream status(format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) << 10;
    throw Error(Error::Kind::not_found, "the process is not there");
}

/// icecore-sim as a process of its own, on a port of loopback that the kernel chooses, with a clock that
/// stands until it is moved. Ends with the object.
class SimProcess {
  public:
    /// `more` are further arguments.
    explicit SimProcess(std::vector<std::string> more = {}) : more_(std::move(more)) { start(); }
    ~SimProcess() { end(SIGTERM); }
    SimProcess(const SimProcess&) = delete;
    SimProcess& operator=(const SimProcess&) = delete;

    /// kill -9, and a new process on the same data.
    void restart() {
        end(SIGKILL);
        start();
    }

    const std::string& endpoint() const { return endpoint_; }

    void advance_hours(int hours) {
        control("POST", "clock", format("{{\"advance_seconds\":{}}}", hours * 3600));
    }
    /// One fault, or a list of them, as JSON.
    void order(const std::string& faults) { control("POST", "faults", faults); }
    void clear_faults() { control("DELETE", "faults", ""); }
    std::uint64_t peak_memory_bytes() const { return testing::peak_memory_bytes(pid_); }
    Json bill() { return parse_json(control("GET", "bill", "")); }

    cloud::AwsOptions aws() const {
        cloud::AwsOptions aws;
        aws.endpoint = endpoint_;
        aws.scope = {"us-east-1", "glacier"};
        aws.credentials = cloud::make_static_credentials({"KEY", "SECRET", "", {}});
        aws.clock = &clock_;
        aws.http.user_agent = "icecore/test";
        aws.sleep_ns = [](std::int64_t) {};
        aws.random = [] { return 0.5; };
        return aws;
    }
    cloud::GlacierClient client() const { return {aws(), "-"}; }

  private:
    void start() {
        std::array<int, 2> out{};
        ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
        std::string data = dir_.path("sim");
        std::vector<std::string> words = {ICECORE_SIM, "--listen",      "127.0.0.1:0", "--data",
                                          data,        "--credentials", "KEY:SECRET",  "--region",
                                          "us-east-1", "--freeze"};
        words.insert(words.end(), more_.begin(), more_.end());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = fork();
        ASSERT_GE(pid_, 0);
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever becomes of the test
            dup2(out[1], STDOUT_FILENO);
            execv(argv[0], argv.data());
            _exit(127);
        }
        close(out[1]);
        std::string line;
        for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) line += c;
        close(out[0]);
        std::string expected = "listening on ";
        ASSERT_EQ(line.substr(0, expected.size()), expected) << line;
        endpoint_ = "http://" + line.substr(expected.size());
    }

    void end(int signal) const {
        kill(pid_, signal);
        waitpid(pid_, nullptr, 0);
    }

    std::string control(const std::string& method, const std::string& what, const std::string& body) const {
        cloud::HttpRequest request;
        request.method = method;
        request.url = endpoint_ + "/_sim/" + what;
        request.body = body;
        cloud::HttpResponse response = cloud::make_http_client({})->send(request);
        EXPECT_EQ(response.status, 200) << response.body;
        return response.body;
    }

    TestDir dir_;
    SystemClock clock_;
    pid_t pid_ = 0;
    std::vector<std::string> more_;
    std::string endpoint_;
};

}  // namespace icecore::testing
