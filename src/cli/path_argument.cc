#include "cli/path_argument.h"

#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

/// The components of `path`, empty ones and "." left out.
std::vector<std::string_view> components(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        std::size_t end = std::min(path.find('/'), path.size());
        std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (!part.empty() && part != ".") parts.push_back(part);
    }
    return parts;
}

std::string join(const std::vector<std::string_view>& parts) {
    std::string out;
    for (std::string_view part : parts) {
        if (!out.empty()) out += '/';
        out += part;
    }
    return out;
}

}  // namespace

std::string lexically_normal(std::string_view path) {
    std::vector<std::string_view> kept;
    for (std::string_view part : components(path)) {
        if (part != "..")
            kept.push_back(part);
        else if (!kept.empty())
            kept.pop_back();
    }
    return "/" + join(kept);
}

std::string absolute_path(std::string_view path, std::string_view cwd) {
    if (path.starts_with('/')) return lexically_normal(path);
    return lexically_normal(format("{}/{}", cwd, path));
}

std::string data_path(std::string_view text, std::string_view data_dir) {
    if (text.empty()) throw UsageError("an empty path", "\".\" is the whole data directory");
    std::vector<std::string_view> parts = components(text);
    for (std::string_view part : parts) {
        if (part == "..") {
            throw UsageError(format("{}: \"..\" is not allowed in a path", escape_path(text)),
                             "paths are relative to the data directory, or absolute inside it");
        }
    }
    std::string path = join(parts);
    if (text[0] != '/') return path;
    std::string root = join(components(data_dir));
    if (!is_below(path, root)) {
        throw UsageError(
            format("{} is not inside the data directory {}", escape_path(text), escape_path(data_dir)),
            "paths are relative to the data directory, or absolute inside it");
    }
    if (path.size() == root.size()) return {};
    return root.empty() ? path : path.substr(root.size() + 1);
}

}  // namespace icecore::cli
