#include "base/json.h"

#include <charconv>
#include <cmath>
#include <iterator>

#include "base/format.h"
#include "base/text.h"

namespace icecore {
namespace {

bool needs_escape(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void put_escape(char c, std::string& out) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\r':
            out += "\\r";
            return;
        default:
            format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
}

template <typename T>
void put_decimal(T value, std::string& out) {
    char digits[24];
    out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

}  // namespace

void JsonWriter::separate() {
    if (need_comma_) out_ += ',';
    need_comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
    separate();
    out_ += '{';
    need_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_object() {
    out_ += '}';
    need_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::begin_array() {
    separate();
    out_ += '[';
    need_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_array() {
    out_ += ']';
    need_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    string(name);
    out_ += ':';
    need_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    separate();
    out_ += '"';
    while (!value.empty()) {
        // What needs no escape goes in one piece: that is all of nearly every string.
        std::size_t plain = 0;
        while (plain < value.size() && !needs_escape(value[plain])) ++plain;
        out_ += value.substr(0, plain);
        value.remove_prefix(plain);
        if (value.empty()) break;
        put_escape(value[0], out_);
        value.remove_prefix(1);
    }
    out_ += '"';
    return *this;
}

JsonWriter& JsonWriter::path(std::string_view value) {
    return string(escape_path(value));
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
    separate();
    put_decimal(value, out_);
    return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
    separate();
    put_decimal(value, out_);
    return *this;
}

JsonWriter& JsonWriter::number(double value) {
    if (!std::isfinite(value)) return null();
    separate();
    format_to(std::back_inserter(out_), "{}", value);
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::null() {
    separate();
    out_ += "null";
    return *this;
}

JsonWriter& JsonWriter::time(Timestamp value) {
    return string(format_iso_utc(value));
}

}  // namespace icecore
