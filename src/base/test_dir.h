#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace icecore {

/// A temporary directory of a test, removed with all it holds.
class TestDir {
  public:
    TestDir() {
        std::string name = std::filesystem::temp_directory_path() / "icecore-test-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw_errno("making a temporary directory");
        path_ = name;
    }
    ~TestDir() { EXPECT_EQ(std::system(("rm -rf " + path_).c_str()), 0); }
    TestDir(const TestDir&) = delete;
    TestDir& operator=(const TestDir&) = delete;

    std::string path() const { return path_; }
    std::string path(std::string_view name) const { return join_path(path_, name); }

  private:
    std::string path_;
};

}  // namespace icecore
