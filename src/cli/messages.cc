#include "cli/messages.h"

#include "base/text.h"

namespace icecore::cli {
namespace {

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_control(std::string_view sequence) {
    auto byte = static_cast<unsigned char>(sequence[0]);
    if (sequence.size() == 1) return byte < 0x20 || byte == 0x7f;
    return byte == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;  // U+0080 to U+009F
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t length = utf8_sequence_length(text);
        if (length > 0 && !is_control(text.substr(0, length))) {
            out += text.substr(0, length);
        } else {
            length = length == 0 ? 1 : length;
            for (char byte : text.substr(0, length)) out += "\\x" + to_hex({&byte, 1});
        }
        text.remove_prefix(length);
    }
    return out;
}

void Messages::error(const Error& error) {
    this->error(error.message(), error.hint());
}

void Messages::error(std::string_view message, std::string_view hint) {
    print("error: ", kRed, message);
    if (!hint.empty()) err_ << "hint: " << printable(hint) << '\n';
    err_.flush();
}

void Messages::warning(std::string_view message) {
    if (!quiet) print("warning: ", kYellow, message);
}

void Messages::note(std::string_view message) {
    if (!quiet) print("", "", message);
}

void Messages::detail(std::string_view message) {
    if (verbose && !quiet) print("", "", message);
}

void Messages::print(std::string_view label, std::string_view color_code, std::string_view message) {
    err_ << "icecore: ";
    if (color && !label.empty())
        err_ << color_code << label << kPlain;
    else
        err_ << label;
    err_ << printable(message) << '\n';
}

}  // namespace icecore::cli
