#include "report/mail_message.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "base/base64.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"

namespace icecore::report {
namespace {

constexpr std::size_t kLineCharsMax = 76;
constexpr std::size_t kEncodedWordBytesMax = 42;  // of UTF-8: 56 of base64 and 12 around it

bool is_printable_ascii(char c) {
    return c >= ' ' && c <= '~';
}

/// One line of valid UTF-8 without control characters. Unlike escape_path's, backslashes stand as they are.
std::string one_line(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t length = text[0] == '\\' ? 1 : utf8_sequence_length(text);
        std::string_view piece = text.substr(0, std::max<std::size_t>(length, 1));
        out += piece == "\\" ? std::string(piece) : escape_path(piece);
        text.remove_prefix(piece.size());
    }
    return out;
}

/// RFC 2047: words of base64, none ending inside a character.
std::string encoded_words(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t size = 0;
        while (size < text.size()) {
            std::size_t next = std::max<std::size_t>(utf8_sequence_length(text.substr(size)), 1);
            if (size + next > kEncodedWordBytesMax) break;
            size += next;
        }
        out += (out.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") + to_base64(text.substr(0, size)) + "?=";
        text.remove_prefix(size);
    }
    return out;
}

/// A field's value, folded before words. No line of the result is blank.
std::string folded(std::size_t column, std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t end = text.find(' ', 1);
        std::string_view word = text.substr(0, end);
        if (column + word.size() > kLineCharsMax && word.starts_with(' ') && word.size() > 1) {
            out += "\r\n";
            column = 0;
        }
        out += word;
        column += word.size();
        text.remove_prefix(word.size());
    }
    return out;
}

void header(std::string& out, std::string_view name, std::string_view value) {
    std::string text = one_line(value);
    bool plain =
        std::all_of(text.begin(), text.end(), is_printable_ascii) && text.find("=?") == std::string::npos;
    bool blank_edge = !text.empty() && (text.front() == ' ' || text.back() == ' ');
    out += name;
    out += ": ";
    out += plain && !blank_edge ? folded(name.size() + 2, text) : encoded_words(text);
    out += "\r\n";
}

/// RFC 2045, 6.7. Line breaks of the text are line breaks of the mail.
std::string quoted_printable(std::string_view text) {
    std::string out;
    std::size_t column = 0;
    auto put = [&](std::string_view piece, bool last) {
        if (column + piece.size() > kLineCharsMax - (last ? 0 : 1)) {
            out += "=\r\n";
            column = 0;
        }
        out += piece;
        column += piece.size();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '\n') {
            out += "\r\n";
            column = 0;
            continue;
        }
        bool last = i + 1 == text.size() || text[i + 1] == '\n';
        bool blank = c == ' ' || c == '\t';
        bool plain = (is_printable_ascii(c) && c != '=') || c == '\t';
        if (plain && !(blank && last))
            put({&c, 1}, last);
        else
            put(format("={:02X}", static_cast<unsigned char>(c)), last);
    }
    return out;
}

void append_base64(std::string& out, std::string_view content) {
    constexpr std::size_t kBytesALine = kLineCharsMax / 4 * 3;
    for (; !content.empty(); content.remove_prefix(std::min(kBytesALine, content.size())))
        out += to_base64(content.substr(0, kBytesALine)) + "\r\n";
}

/// In quoted-printable and base64 no line can hold "=_".
std::string boundary(std::string_view which, const MailMessage& message) {
    return format("=_{}_{}", which, sha256(message.message_id).hex().substr(0, 24));
}

void append_text_part(std::string& out, const std::string& border, std::string_view type,
                      std::string_view content) {
    out += format("--{}\r\nContent-Type: {}; charset=utf-8\r\n", border, type);
    out += "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    out += quoted_printable(content) + "\r\n";
}

void append_attachment(std::string& out, const std::string& border, const MailMessage::Attachment& file) {
    std::string name;
    for (char c : file.name) name += is_printable_ascii(c) && c != '"' && c != '\\' ? c : '_';
    out += format("--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\n", border, file.type);
    out += format("Content-Disposition: attachment;\r\n filename=\"{}\"\r\n\r\n", name);
    append_base64(out, file.content);
}

}  // namespace

std::string encode_mail(const MailMessage& message) {
    std::string out;
    std::string recipients;
    for (const std::string& to : message.to) recipients += (recipients.empty() ? "" : ", ") + to;
    header(out, "From", message.from);
    header(out, "To", recipients);
    header(out, "Subject", message.subject);
    header(out, "Date", format_mail_date(message.date));
    header(out, "Message-ID", format("<{}>", message.message_id));
    header(out, "MIME-Version", "1.0");
    header(out, "Auto-Submitted", "auto-generated");  // RFC 3834: no "I am on holiday" in return
    std::string mixed = boundary("mixed", message);
    std::string alternative = boundary("alternative", message);
    out += format("Content-Type: multipart/mixed;\r\n boundary=\"{}\"\r\n\r\n--{}\r\n", mixed, mixed);
    out += format("Content-Type: multipart/alternative;\r\n boundary=\"{}\"\r\n\r\n", alternative);
    append_text_part(out, alternative, "text/plain", message.text);
    append_text_part(out, alternative, "text/html", message.html);
    out += format("--{}--\r\n", alternative);
    for (const MailMessage::Attachment& file : message.attachments) append_attachment(out, mixed, file);
    return out + format("--{}--\r\n", mixed);
}

std::string mail_address_fault(std::string_view address) {
    constexpr std::size_t kAddressCharsMax = 254;
    constexpr std::string_view kForm = "expected a mail address such as \"ann@example.org\"";
    constexpr std::string_view kLocal = "!#$%&'*+-/=?^_`{|}~.";
    auto all = [](std::string_view text, std::string_view besides) {
        return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
            return (std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80) ||
                   besides.find(c) != std::string_view::npos;
        });
    };
    std::size_t at = address.rfind('@');
    std::string_view local = address.substr(0, at);
    std::string_view domain = at == std::string_view::npos ? "localhost" : address.substr(at + 1);
    bool literal = domain.size() > 2 && domain.front() == '[' && domain.back() == ']';
    if (literal) domain = domain.substr(1, domain.size() - 2);
    auto dotted = [](std::string_view text) {
        return text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos;
    };
    bool right = address.size() <= kAddressCharsMax && all(local, kLocal) && local.front() != '-' &&
                 all(domain, literal ? ".:-" : ".-_") && dotted(local) && dotted(domain);
    return right ? "" : std::string(kForm);
}

std::string format_mail_date(Timestamp time) {
    constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    std::time_t sec = time.sec;
    gmtime_r(&sec, &parts);
    return format("{}, {} {} {:04} {:02}:{:02}:{:02} +0000",
                  kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                  kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900, parts.tm_hour,
                  parts.tm_min, parts.tm_sec);
}

std::string make_message_id(std::string_view about, std::string_view host) {
    std::string domain;
    for (char c : host)
        domain += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '-';
    while (domain.starts_with('.')) domain.erase(0, 1);
    return format("icecore.{}@{}", sha256(about).hex().substr(0, 32), domain.empty() ? "localhost" : domain);
}

std::string escape_html(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t length = std::max<std::size_t>(utf8_sequence_length(text), 1);
        std::string_view piece = text.substr(0, length);
        text.remove_prefix(length);
        switch (piece[0]) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            case '\n':
            case '\t':
            case '\\':
                out += piece;
                break;
            default:
                out += escape_path(piece);
        }
    }
    return out;
}

}  // namespace icecore::report
