#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "scan/walker.h"

namespace icecore::scan {

/// A temporary directory that is removed with all it holds, however deep.
class TestTree {
  public:
    TestTree() {
        std::string name = std::filesystem::temp_directory_path() / "icecore-scan-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw_failure("mkdtemp");
        root_ = name;
        fd_ = open_file(root_, O_RDONLY | O_DIRECTORY);
    }
    ~TestTree() {
        // rm(1) goes down by descriptors and so copes with any depth.
        EXPECT_EQ(std::system(("rm -rf " + root_).c_str()), 0);
    }
    TestTree(const TestTree&) = delete;
    TestTree& operator=(const TestTree&) = delete;

    int fd() const { return fd_.get(); }
    std::string path(std::string_view name = {}) const {
        return name.empty() ? root_ : join_path(root_, name);
    }

    /// Makes the directory and those above it.
    void dir(std::string_view name) { std::filesystem::create_directories(path(name)); }
    /// Makes the file and the directories above it.
    void file(std::string_view name, std::string_view content = "x") {
        dir(parent_path(name));
        std::ofstream(path(name), std::ios::binary) << content;
    }
    void remove(std::string_view name) { std::filesystem::remove_all(path(name)); }

  private:
    static void throw_failure(const char* what) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    std::string root_;
    Fd fd_;
};

/// Writes down each call as a line: "enter a", "child a/x", "listed a", "excluded a/y (rule)", …
class Recorder : public TreeVisitor {
  public:
    bool enter(const std::string& path, const FileStat& stat) override {
        EXPECT_EQ(stat.type, FileType::directory);
        lines.push_back("enter " + path);
        if (on_enter) on_enter(path);
        return path != unentered;
    }
    void child(const std::string& dir, int dir_fd, const std::string& name, const FileStat& stat) override {
        std::string path = join_path(dir, name);
        FileStat here;
        EXPECT_TRUE(stat_at(dir_fd, name.c_str(), here));
        EXPECT_EQ(here.ino, stat.ino) << path;
        lines.push_back("child " + path);
        paths.push_back(path);
        if (on_child) on_child(path);
    }
    void listed(const std::string& path, bool partial) override {
        lines.push_back((partial ? "partial " : "listed ") + path);
        if (on_listed) on_listed(path);
    }
    void excluded(const std::string& path, bool is_directory, const std::string& rule) override {
        lines.push_back("excluded " + path + (is_directory ? " [d]" : "") + " (" + rule + ")");
    }
    void socket(const std::string& path) override { lines.push_back("socket " + path); }
    void failed(const std::string& path, int error, std::string_view doing) override {
        lines.push_back("failed " + path + " " + strerrorname_np(error) + " (" + std::string(doing) + ")");
    }

    std::vector<std::string> lines;
    std::vector<std::string> paths;  ///< of the children
    std::string unentered = "*";     ///< enter() says no to this directory
    std::function<void(const std::string&)> on_enter;
    std::function<void(const std::string&)> on_child;
    std::function<void(const std::string&)> on_listed;
};

}  // namespace icecore::scan
