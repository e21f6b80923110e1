#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace icecore::report {

/// A mail as its sender knows it. Texts are UTF-8; bytes that are none, and control characters in header
/// fields, are written as escape_path does: a file's name can neither begin a header field nor end one.
struct MailMessage {
    struct Attachment {
        std::string name;  ///< of the file, ASCII
        std::string type;  ///< "application/gzip"
        std::string content;
    };
    std::string from;  ///< addresses as mail_address_fault lets pass
    std::vector<std::string> to;
    std::string subject;
    Timestamp date;
    std::string message_id;  ///< "what.ever@host", without the angle brackets
    std::string text;        ///< lines ended by '\n'
    std::string html;        ///< shown instead by whom it can be shown to
    std::vector<Attachment> attachments;
};

/// The message on the wire: RFC 5322 and 2045 to 2047, 7-bit, lines of at most 78 characters ended by CRLF
/// (of RFC 5322's 998 where a header field has no blank to be folded at). Reproducible: the same message
/// gives the same bytes.
std::string encode_mail(const MailMessage& message);

/// Why `address` is none that mail can be sent to ("ann@example.org", or "root" on this machine), or "".
/// Names, comments and quoted parts are not taken, nor anything but ASCII.
std::string mail_address_fault(std::string_view address);

/// "Sun, 29 Nov 2026 00:36:33 +0000".
std::string format_mail_date(Timestamp time);

/// A Message-ID for what is told: the same for the same `about`, so that who gets it twice can know.
std::string make_message_id(std::string_view about, std::string_view host);

/// `text` in HTML, where text or an attribute in double quotes may stand: & < > " and ' escaped, and all
/// that is not valid UTF-8 or is a control character but for line breaks and tabs as escape_path has it.
std::string escape_html(std::string_view text);

}  // namespace icecore::report
