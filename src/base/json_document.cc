#include "base/json_document.h"

#include "base/error.h"
#include "base/format.h"

namespace icecore {
namespace {

/// The parser makes some 70 bytes of "[": a long text is looked through before it is parsed.
void check_shape(std::string_view text, std::size_t values_max) {
    constexpr std::size_t kBytesAlwaysGood = 1 << 20;
    constexpr std::size_t kDepthMax = 16;
    if (text.size() <= kBytesAlwaysGood) return;
    std::size_t depth = 0;
    std::size_t values = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (quoted && c == '\\') ++i;
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == '[' || c == '{') ++depth;
        if ((c == ']' || c == '}') && depth > 0) --depth;
        values += c == ',' || c == '[' || c == '{' ? 1 : 0;
        if (depth > kDepthMax || values > values_max)
            throw Error(Error::Kind::corrupt, "it is too deep or holds too many values");
    }
}

}  // namespace

Json parse_json(std::string_view text, std::size_t values_max) {
    check_shape(text, values_max);
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& e) {
        throw Error(Error::Kind::corrupt, format("not valid JSON at byte {}", e.byte));
    } catch (const Json::exception&) {
        throw Error(Error::Kind::corrupt, "not valid JSON");
    }
}

}  // namespace icecore
