#include "cli/messages.h"

#include <syslog.h>

#include <array>

#include "base/format.h"
#include "base/json.h"
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
    print(Level::error, message, hint);
    err_.flush();
}

void Messages::warning(std::string_view message) {
    if (!quiet) print(Level::warning, message);
}

void Messages::note(std::string_view message) {
    if (!quiet) print(Level::note, message);
}

void Messages::detail(std::string_view message) {
    if (verbose && !quiet) print(Level::note, message);
}

void Messages::print(Level level, std::string_view message, std::string_view hint) {
    struct Form {
        std::string_view name, label, color;
        int priority;
    };
    static constexpr std::array<Form, 3> kForms = {{{"error", "error: ", kRed, LOG_ERR},
                                                    {"warning", "warning: ", kYellow, LOG_WARNING},
                                                    {"note", "", "", LOG_INFO}}};
    const Form& form = kForms[static_cast<std::size_t>(level)];
    switch (style) {
        case Style::events: {
            std::string line;
            JsonWriter json(line);
            json.begin_object().field("event", form.name).field("message", printable(message));
            if (level == Level::error) json.field("hint", printable(hint));
            json.end_object();
            err_ << line << '\n';
            return;
        }
        case Style::journal:
            err_ << format("<{}>{}{}\n", form.priority, form.label, printable(message));
            if (!hint.empty()) err_ << format("<{}>hint: {}\n", form.priority, printable(hint));
            return;
        case Style::text:
            break;
    }
    err_ << "icecore: ";
    if (color && !form.color.empty())
        err_ << form.color << form.label << kPlain;
    else
        err_ << form.label;
    err_ << printable(message) << '\n';
    if (!hint.empty()) err_ << "hint: " << printable(hint) << '\n';
}

}  // namespace icecore::cli
