#include "sim/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/file.h"

namespace icecore::sim {
namespace {

void write_to(const std::string& path, int flags, std::string_view text) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_CREAT | O_WRONLY, 0600));
    if (!fd) throw_errno("writing " + path);
    write_full(fd.get(), text);
}

/// The last byte of the file, if there is one.
std::string read_last(const std::string& path) {
    if (!path_exists(path)) return {};
    Fd fd = open_file(path, O_RDONLY);
    off_t size = ::lseek(fd.get(), 0, SEEK_END);
    char last = 0;
    if (size <= 0 || pread_full(fd.get(), &last, 1, static_cast<std::uint64_t>(size) - 1) != 1) return {};
    return {last};
}

}  // namespace

std::optional<std::string> read_if_there(const std::string& path) {
    if (!path_exists(path)) return std::nullopt;
    return read_file(path);
}

void write_whole(const std::string& path, std::string_view text) {
    std::string partial = path + ".partial";
    write_to(partial, O_TRUNC, text);
    if (std::rename(partial.c_str(), path.c_str()) != 0) throw_errno("renaming " + partial);
}

void append_line(const std::string& path, std::string_view line) {
    if (std::string last = read_last(path); !last.empty() && last != "\n") {
        std::string whole = read_file(path);
        whole.resize(whole.rfind('\n') + 1);
        write_whole(path, whole);
    }
    write_to(path, O_APPEND, std::string(line) + "\n");
}

}  // namespace icecore::sim
