#include "cloud/inventory_parser.h"

#include <utility>

#include "base/error.h"

namespace icecore::cloud {
namespace {

constexpr std::size_t kEntryBytesMax = 64 << 10;
constexpr unsigned kDepthMax = 8;

[[noreturn]] void corrupt(const char* what) {
    throw Error(Error::Kind::corrupt, what);
}

}  // namespace

InventoryParser::InventoryParser(std::function<void(std::string_view)> entry) : entry_(std::move(entry)) {}

void InventoryParser::feed(std::string_view piece) {
    for (char c : piece) take(c);
}

void InventoryParser::take(char c) {
    bool opens = !quoted_ && (c == '{' || c == '[');
    bool closes = !quoted_ && (c == '}' || c == ']');
    if (quoted_) {
        if (escaped_)
            escaped_ = false;
        else if (c == '\\')
            escaped_ = true;
        else if (c == '"')
            quoted_ = false;
    } else if (c == '"') {
        quoted_ = true;
    }
    if (opens) {
        ++depth_;
        if (depth_ > kDepthMax) corrupt("the inventory is nested too deeply");
        if (depth_ == 1 && c != '{') corrupt("the inventory is not a JSON object");
        if (depth_ == 2 && (c != '[' || ++lists_ > 1)) corrupt("the inventory holds more than a list");
        if (depth_ == 3 && c != '{') corrupt("an entry of the inventory is not a JSON object");
    }
    if (closes && depth_ == 0) corrupt("the inventory is not JSON");
    bool in_entry = depth_ >= 3;
    bool separator = depth_ == 2 && !opens && !closes;
    if (separator && c != ',' && c != ' ' && c != '\n' && c != '\r' && c != '\t')
        corrupt("an entry of the inventory is not a JSON object");
    std::string& out = in_entry ? open_ : frame_;
    if (!separator) out += c;
    if (out.size() > kEntryBytesMax) corrupt("an entry of the inventory is too long");
    if (!closes) return;
    --depth_;
    if (depth_ == 2 && in_entry) entry_(std::exchange(open_, {}));
}

std::string InventoryParser::finish() {
    if (depth_ != 0 || quoted_ || lists_ != 1) corrupt("the inventory ends before its end");
    return std::move(frame_);
}

}  // namespace icecore::cloud
