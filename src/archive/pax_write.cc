#include <algorithm>
#include <charconv>
#include <iterator>

#include "archive/pax_records.h"

namespace icecore::archive {
namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr std::uint32_t kNsecPerSec = 1'000'000'000;
constexpr int kFractionDigits = 9;

std::size_t count_digits(std::size_t value) {
    std::size_t count = 1;
    for (; value >= 10; value /= 10) ++count;
    return count;
}

template <typename T>
void append_decimal(T value, std::string& out) {
    char digits[24];
    const auto result = std::to_chars(std::begin(digits), std::end(digits), value);
    out.append(digits, result.ptr);
}

/// "LENGTH ": the length counts its own digits.
void append_length(std::size_t rest_bytes, std::string& out) {
    std::size_t digits = count_digits(rest_bytes);
    if (count_digits(rest_bytes + digits) > digits) ++digits;
    append_decimal(rest_bytes + digits, out);
    out += ' ';
}

}  // namespace

void append_pax_record(std::string_view key, std::string_view value, std::string& out) {
    append_length(key.size() + value.size() + 3, out);
    out.append(key).append(1, '=').append(value).append(1, '\n');
}

void append_pax_record(std::string_view key, std::uint64_t value, std::string& out) {
    char digits[24];
    const auto result = std::to_chars(std::begin(digits), std::end(digits), value);
    append_pax_record(key, std::string_view(digits, result.ptr), out);
}

void append_pax_record(std::string_view key, Timestamp value, std::string& out) {
    char text[40];
    char* end = text;
    const bool negative = value.sec < 0;
    std::uint32_t nsec = value.nsec < kNsecPerSec ? value.nsec : 0;
    if (negative) *end++ = '-';
    auto sec = static_cast<std::uint64_t>(value.sec);
    if (negative && nsec != 0) {
        ++sec;
        nsec = kNsecPerSec - nsec;
    }
    end = std::to_chars(end, std::end(text), negative ? 0 - sec : sec).ptr;
    if (nsec != 0) {
        *end++ = '.';
        for (int i = kFractionDigits; i-- > 0; nsec /= 10) end[i] = static_cast<char>('0' + nsec % 10);
        end += kFractionDigits;
        while (end[-1] == '0') --end;
    }
    append_pax_record(key, std::string_view(text, end), out);
}

void append_pax_xattr(std::string_view name, std::string_view value, std::string& out) {
    const auto is_special = [](char c) { return c == '=' || c == '%'; };
    const auto escapes = static_cast<std::size_t>(std::ranges::count_if(name, is_special));
    append_length(kXattrPrefix.size() + name.size() + 2 * escapes + value.size() + 3, out);
    out += kXattrPrefix;
    for (const char c : name) {
        if (is_special(c)) {
            out += c == '=' ? "%3D" : "%25";
        } else {
            out += c;
        }
    }
    out.append(1, '=').append(value).append(1, '\n');
}

}  // namespace icecore::archive
