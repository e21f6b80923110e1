#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/io.h"
#include "cli/program.h"

namespace icecore::cli {

/// A clock that stands still until it is told otherwise.
class FakeClock final : public Clock {
  public:
    Timestamp now() const override { return now_; }
    std::int64_t monotonic_ns() const override { return monotonic_ns_; }
    void set(Timestamp now) { now_ = now; }
    void advance_ns(std::int64_t ns) {
        now_ = add_ns(now_, ns);
        monotonic_ns_ += ns;
    }

  private:
    Timestamp now_{1795402800, 0};  // 2026-11-23T03:00:00Z
    std::int64_t monotonic_ns_ = 5'000'000'000;
};

/// A directory of the test's own, gone at the end.
class TempDir {
  public:
    TempDir() : path_((std::filesystem::temp_directory_path() / "icecore-cli-XXXXXX").string()) {
        CHECK(mkdtemp(path_.data()) != nullptr);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// Runs command lines in memory: streams are strings, the environment is a map.
class TestProgram {
  public:
    int run(const std::vector<std::string>& args, const std::string& input = {}) {
        in.str(input);
        in.clear();
        out.str({});
        err.str({});
        return run_program(args, io);
    }

    std::istringstream in;
    std::ostringstream out, err;
    FakeClock clock;
    std::unique_ptr<FileSystem> fs = make_file_system();
    std::map<std::string, std::string> environment;
    Io io{.in = in,
          .out = out,
          .err = err,
          .clock = clock,
          .fs = *fs,
          .environment = [this](const std::string& name) -> std::optional<std::string> {
              auto found = environment.find(name);
              return found == environment.end() ? std::nullopt : std::optional(found->second);
          },
          .sleep_ns = [this](std::int64_t ns) { clock.advance_ns(ns); },
          .random = [] { return 0.5; },
          .cwd = "/",
          .host = "attic",
          .read_password = [this](const std::string& question) -> std::optional<std::string> {
              out << question;
              std::string line;
              return std::getline(in, line) ? std::optional(line) : std::nullopt;
          }};
};

inline void write_text(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

}  // namespace icecore::cli
