#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_member.h"
#include "archive/tar_reader.h"
#include "base/error.h"

namespace icecore::archive::tar_testing {

/// A directory of its own for one test, removed at the end.
class TempDir {
  public:
    TempDir() {
        std::string name = ::testing::TempDir() + "/archive-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

struct RunResult {
    int status = 0;
    std::string output;  ///< stdout and stderr
};

/// Runs a shell command in `dir` with a fixed locale.
inline RunResult run(const std::string& dir, const std::string& command, const std::string& locale = "C") {
    const std::string whole =
        "cd '" + dir + "' && export LC_ALL=" + locale + " TZ=UTC0 && { " + command + "\n} 2>&1";
    FILE* const pipe = popen(whole.c_str(), "r");
    if (pipe == nullptr) std::abort();
    RunResult result;
    char buffer[4096];
    for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        result.output.append(buffer, got);
    const int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

/// Runs a command that must succeed; returns what it printed.
inline std::string run_ok(const std::string& dir, const std::string& command,
                          const std::string& locale = "C") {
    auto result = run(dir, command, locale);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.output;
    return std::move(result.output);
}

inline void put_file(const std::string& path, std::string_view content) {
    std::ofstream out(path, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) std::abort();
}

inline std::string get_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in) << path;
    std::ostringstream content;
    content << in.rdbuf();
    return content.str();
}

/// Appends a whole member with its content and padding.
inline void append_member(const TarMember& member, std::string_view content, std::string& out) {
    append_header(member, out);
    EXPECT_EQ(content.size(), content_bytes(member)) << member.name;
    out.append(content).append(padding(content.size()), '\0');
}

inline TarMember make_file(std::string name, std::uint64_t size_bytes) {
    TarMember member;
    member.name = std::move(name);
    member.mode = 0644;
    member.uid = getuid();
    member.gid = getgid();
    member.mtime = {1'700'000'000, 123'456'789};
    member.size_bytes = size_bytes;
    return member;
}

inline TarMember make_directory(std::string name) {
    TarMember member = make_file(std::move(name), 0);
    member.type = FileType::directory;
    member.mode = 0755;
    return member;
}

struct ReadMember {
    TarMember member;
    std::string content;
};

/// Reads an archive to its end.
inline std::vector<ReadMember> read_all(std::string_view bytes) {
    StringSource source(bytes);
    TarReader reader(source);
    std::vector<ReadMember> members;
    while (auto member = reader.next()) {
        std::string content;
        char buffer[1000];
        for (std::size_t got = 0; (got = reader.read_content(buffer, sizeof buffer)) > 0;)
            content.append(buffer, got);
        members.push_back({std::move(*member), std::move(content)});
    }
    return members;
}

/// The file that a sparse member's content stands for.
inline std::string expand(const TarMember& member, std::string_view content) {
    if (!member.sparse) return std::string(content);
    std::string out(member.size_bytes, '\0');
    for (const auto& region : *member.sparse) {
        out.replace(region.offset, region.length_bytes, content.substr(0, region.length_bytes));
        content.remove_prefix(region.length_bytes);
    }
    return out;
}

/// The kind of Error that `action` throws; fails the test if it throws none.
template <typename Action>
Error::Kind kind_of_error(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    ADD_FAILURE() << "no Error was thrown";
    return Error::Kind::cancelled;
}

}  // namespace icecore::archive::tar_testing
