#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::cloud {

/// A mail server and how to speak to it.
struct SmtpOptions {
    std::string url;  ///< as parse_smtp_url takes it
    /// "smtp://" only. False: TLS where the server offers it. True: nothing is sent without.
    bool starttls_required = false;
    std::string user;  ///< empty: no login
    std::string password;
    std::string ca_bundle;   ///< a file of trusted certificates; empty: the system's
    std::string hello_name;  ///< who this machine says it is (EHLO)
    std::int64_t connect_timeout_ms = 20'000;
    std::int64_t total_timeout_ms = 120'000;  ///< and as long again to take leave
};

/// Whom a message goes to, whatever its headers say.
struct SmtpEnvelope {
    std::string from;
    std::vector<std::string> to;  ///< at least one
};

struct SmtpUrl {
    bool tls = false;  ///< "smtps://": TLS from the first byte on
    std::string host;  ///< with the brackets of an IPv6 address
    std::string port;  ///< empty: 25, or 465 for smtps
    /// The server runs on this machine: "localhost", 127.0.0.0/8, [::1].
    bool loopback() const;
};
/// "smtp://HOST[:PORT]" or "smtps://HOST[:PORT]", nothing more. Throws Error{invalid}; a password in it is
/// not quoted.
SmtpUrl parse_smtp_url(std::string_view url);

/// A recipient that the mail server did not take.
struct RefusedRecipient {
    std::string address;
    std::string reply;  ///< what the server said, a status first
    bool operator==(const RefusedRecipient&) const = default;
};

/// Hands a message (RFC 5322, lines ended by CRLF) over to a mail server; when it returns, the server has
/// answered for it, and those get it that are not in the list returned: at least one. No proxies.
///
/// A password is never sent without TLS except to this machine, whatever `starttls_required` says. The
/// certificate must be trusted, except by STARTTLS on this machine where TLS is not required: there plain
/// text would do, and local servers have certificates of their own making. A server that offers no login
/// gets the message without one.
///
/// Throws Error: transient (no such name, no connection, time over, connection lost, a refusal for now:
/// 4xx); denied (login refused, no STARTTLS, certificate not trusted, a refusal for good: 5xx);
/// invalid (URL, addresses with control characters or angle brackets, unusable CA bundle); io. Messages name
/// the server and what it said last, never the password.
std::vector<RefusedRecipient> send_mail(const SmtpOptions& options, const SmtpEnvelope& envelope,
                                        std::string_view message);

}  // namespace icecore::cloud
