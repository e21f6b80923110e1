#include "archive/dumpdir.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

[[noreturn]] void corrupt(std::size_t offset, std::string_view what) {
    throw Error(Error::Kind::corrupt, format("damaged dumpdir at offset {}: {}", offset, what));
}

void append_entry(char flag, std::string_view name, std::string& out) {
    CHECK(!name.empty() && name.find('\0') == std::string_view::npos);
    out.append(1, flag).append(name).append(1, '\0');
}

}  // namespace

std::string encode_dumpdir(Dumpdir dumpdir) {
    std::ranges::sort(dumpdir.entries, {},
                      [](const Dumpdir::Entry& x) -> const std::string& { return x.name; });
    std::size_t bytes = 1;
    for (const auto& [from, to] : dumpdir.renames) bytes += from.size() + to.size() + 4;
    for (const auto& entry : dumpdir.entries) bytes += entry.name.size() + 2;
    std::string out;
    out.reserve(bytes);
    for (const auto& [from, to] : dumpdir.renames) {
        append_entry('R', from, out);
        append_entry('T', to, out);
    }
    for (const auto& [flag, name] : dumpdir.entries) {
        CHECK(flag == 'Y' || flag == 'N' || flag == 'D');
        append_entry(flag, name, out);
    }
    out += '\0';
    return out;
}

Dumpdir parse_dumpdir(std::string_view bytes) {
    Dumpdir dumpdir;
    bool target_expected = false;
    std::string temporary;  // what an empty name in a rename means
    std::size_t at = 0;
    for (;;) {
        const auto end = bytes.find('\0', at);
        if (end == std::string_view::npos) corrupt(at, "it has no end");
        if (end == at) break;
        const char flag = bytes[at];
        std::string name(bytes.substr(at + 1, end - at - 1));
        if (target_expected != (flag == 'T')) corrupt(at, "a rename is not one R and one T");
        if (name.empty() && (flag == 'R' || flag == 'T')) name = temporary;
        if (name.empty()) corrupt(at, "a name is empty");
        switch (flag) {
            case 'X':
                temporary = name + (name.ends_with('/') ? "" : "/") + "tar.XXXXXX";
                dumpdir.renames.push_back({{}, temporary});
                break;
            case 'R':
                dumpdir.renames.push_back({std::move(name), {}});
                break;
            case 'T':
                dumpdir.renames.back().to = std::move(name);
                break;
            case 'Y':
            case 'N':
            case 'D':
                dumpdir.entries.push_back({flag, std::move(name)});
                break;
            default:
                corrupt(at, "an unknown flag");
        }
        target_expected = flag == 'R';
        at = end + 1;
    }
    if (target_expected) corrupt(at, "a rename is not one R and one T");
    if (at + 1 != bytes.size()) corrupt(at + 1, "it goes on after its end");
    return dumpdir;
}

}  // namespace icecore::archive
