#include "support/temp_dir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/error.h"
#include "base/text.h"
#include "support/directory.h"

namespace icecore::testing {

TempDir::TempDir() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern = join_path(base != nullptr && *base != '\0' ? base : "/tmp", "icecore-test-XXXXXX");
    if (mkdtemp(pattern.data()) == nullptr) throw_errno("making a temporary directory like " + pattern);
    char* real = realpath(pattern.c_str(), nullptr);
    if (real == nullptr) throw_errno("finding " + pattern);
    path_ = real;
    std::free(real);  // NOLINT(cppcoreguidelines-no-malloc): realpath's
}

TempDir::~TempDir() {
    try {
        remove_tree_at(AT_FDCWD, path_);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "leaving %s behind: %s\n", path_.c_str(), e.what());
    }
}

std::string TempDir::operator/(std::string_view name) const {
    return join_path(path_, name);
}

std::string TempDir::make_dir(std::string_view name) const {
    std::string path = join_path(path_, name);
    if (mkdir(path.c_str(), 0755) != 0) throw_errno("making directory " + path);
    return path;
}

}  // namespace icecore::testing
