#include <array>
#include <charconv>

#include "archive/frame.h"
#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

struct MethodName {
    Compression::Method method;
    std::string_view name;
    std::string_view suffix;
    int level_default;
    int level_max;  ///< 0: takes no level
};

constexpr std::array kMethods = {
    MethodName{Compression::Method::none, "none", ".tar", Compression{}.level, 0},
    MethodName{Compression::Method::gzip, "gzip", ".tar.gz", 6, 12},
    MethodName{Compression::Method::zstd, "zstd", ".tar.zst", 3, 19},
};

const MethodName& method_name(Compression::Method method) {
    auto index = static_cast<std::size_t>(method);
    CHECK(index < kMethods.size() && kMethods[index].method == method);
    return kMethods[index];
}

[[noreturn]] void refuse(std::string_view text) {
    throw Error(
        Error::Kind::invalid,
        format(
            "compression \"{}\": expected \"zstd\" or \"zstd:1\" to \"zstd:19\", \"gzip\" or \"gzip:1\" to "
            "\"gzip:12\", or \"none\"",
            text));
}

}  // namespace

Compression parse_compression(std::string_view text) {
    std::size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    for (const MethodName& m : kMethods) {
        if (m.name != name) continue;
        if (colon == std::string_view::npos) return {m.method, m.level_default};
        std::string_view digits = text.substr(colon + 1);
        int level = 0;
        const char* last = digits.data() + digits.size();
        auto [end, ec] = std::from_chars(digits.data(), last, level);
        if (ec != std::errc{} || end != last || level < 1 || level > m.level_max) refuse(text);
        return {m.method, level};
    }
    refuse(text);
}

std::string to_string(const Compression& compression) {
    const MethodName& m = method_name(compression.method);
    return m.level_max == 0 ? std::string(m.name) : format("{}:{}", m.name, compression.level);
}

std::string_view archive_suffix(Compression::Method method) {
    return method_name(method).suffix;
}

}  // namespace icecore::archive
