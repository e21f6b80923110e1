#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "scan/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // Lines of patterns; the last line is a path to match.
        std::vector<std::string> lines;
        for (std::size_t begin = 0; begin <= bytes.size();) {
            std::size_t end = bytes.find(0x0a, begin);
            if (end == std::string_view::npos) end = bytes.size();
            lines.emplace_back(bytes.substr(begin, end - begin));
            begin = end + 1;
        }
        std::string path = lines.back();
        lines.pop_back();
        icecore::scan::PatternList list("exclude", lines);
        list.match(path, true);
        if (!lines.empty()) icecore::scan::matches_name_or_path(lines.front(), path);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
