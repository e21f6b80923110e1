#include "cloud/smtp_client.h"

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/curl_handle.h"
#include "cloud/http.h"

namespace icecore::cloud {
namespace {

constexpr std::string_view kForm = "expected smtp://HOST, smtp://HOST:PORT or smtps://HOST";

/// One message on its way, as libcurl's callbacks see it.
struct Transfer {
    std::string_view rest;
    const std::vector<std::string>& to;
    std::string refusal = {};  ///< the last line with a status of 4xx or 5xx
    std::vector<RefusedRecipient> refused = {};
    std::size_t asked_for = 0;       ///< recipients that the server was asked to take
    bool answers_recipient = false;  ///< what comes next from the server is about the last of them

    static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
        auto& rest = static_cast<Transfer*>(self)->rest;
        std::string_view piece = rest.substr(0, size * count);
        std::memcpy(buffer, piece.data(), piece.size());
        rest.remove_prefix(piece.size());
        return piece.size();
    }
    static std::size_t on_reply(char* data, std::size_t size, std::size_t count, void* self) noexcept {
        std::string_view line = trimmed({data, size * count});
        try {
            if (line.size() >= 3 && (line[0] == '4' || line[0] == '5'))
                static_cast<Transfer*>(self)->note_refusal(quotable(line));
        } catch (...) {
            return 0;
        }
        return size * count;
    }
    /// The commands, which tell what the replies are about. They may hold a password: nothing is kept.
    static int on_command(CURL*, curl_infotype type, char* data, std::size_t size, void* self) noexcept {
        if (type != CURLINFO_HEADER_OUT) return 0;
        auto& transfer = *static_cast<Transfer*>(self);
        std::string_view command(data, size);
        transfer.answers_recipient = command.starts_with("RCPT TO:");
        if (transfer.answers_recipient) ++transfer.asked_for;
        // Then a recipient was taken, and what the others were refused for ends nothing.
        if (command.starts_with("DATA")) transfer.refusal.clear();
        return 0;
    }
    void note_refusal(const std::string& reply) {
        refusal = reply;
        if (!answers_recipient || asked_for > to.size()) return;
        const std::string& address = to[asked_for - 1];
        if (refused.empty() || refused.back().address != address) refused.push_back({address, {}});
        refused.back().reply = reply;  // of several lines, the last
    }
};

void check_address(const std::string& address) {
    bool control = std::any_of(address.begin(), address.end(),
                               [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
    if (address.empty() || control || address.find_first_of("<>") != std::string::npos)
        throw Error(Error::Kind::invalid, format("no mail address: \"{}\"", quotable(address)));
}

std::string angled(const std::string& address) {
    check_address(address);
    return format("<{}>", address);
}

/// What a failure means to the caller.
struct Meaning {
    Error::Kind kind;
    std::string_view what;
    std::string_view hint = {};
};

Meaning meaning(CURLcode code, const SmtpOptions& options, const Transfer& transfer) {
    using Kind = Error::Kind;
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return {Kind::transient, "name not found",
                    "is the mail server's name right, and the network up?"};
        case CURLE_COULDNT_CONNECT:
            return {Kind::transient, "no connection", "is the mail server running, and is that its port?"};
        case CURLE_OPERATION_TIMEDOUT:
            return {Kind::transient, "it took too long",
                    "is that a mail server's port? smtps:// is for 465, smtp:// for 25 and 587"};
        case CURLE_USE_SSL_FAILED:
            return {Kind::denied, "the server offers no STARTTLS, and nothing is sent without it",
                    options.user.empty()
                        ? "starttls = \"auto\" would send in plain text"
                        : "a password goes in plain text to this machine only; try smtps://"};
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
            return {Kind::denied, "TLS: the server's certificate is not accepted",
                    "if that server is meant, name a file with the certificate it is trusted by: ca_bundle"};
        case CURLE_SSL_CACERT_BADFILE:
            return {Kind::invalid, "TLS: the file of trusted certificates cannot be used",
                    "look at ca_bundle"};
        case CURLE_SSL_CONNECT_ERROR:
            return {Kind::transient, "TLS failed",
                    "does that port speak TLS at once? smtps:// is for 465, smtp:// for 25 and 587"};
        case CURLE_LOGIN_DENIED:
            if (transfer.refusal.empty()) return {Kind::denied, "the server offers no way to log in"};
            return {transfer.refusal[0] == '4' ? Kind::transient : Kind::denied, "login refused",
                    "look at user and at the password's file or command"};
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_SEND_ERROR:
            if (transfer.refusal.empty()) return {Kind::transient, "the connection was lost"};
            break;
        case CURLE_URL_MALFORMAT:
            return {Kind::invalid, "the URL is malformed", kForm};
        default:
            break;
    }
    if (transfer.refusal.empty()) return {Kind::io, "the transfer failed"};
    return {transfer.refusal[0] == '4' ? Kind::transient : Kind::denied, "the message was refused"};
}

[[noreturn]] void fail(CURLcode code, const SmtpOptions& options, const SmtpUrl& url,
                       const Transfer& transfer, std::string_view detail) {
    Meaning means = meaning(code, options, transfer);
    if (!transfer.refusal.empty()) detail = transfer.refusal;
    if (detail.empty()) detail = curl_easy_strerror(code);
    throw Error(means.kind, format("mail server {}: {}: {}", url.host, means.what, trimmed(detail)),
                std::string(means.hint));
}

long tls_wish(const SmtpOptions& options, const SmtpUrl& url) {
    bool password_leaves = !options.user.empty() && !url.loopback();
    return options.starttls_required || password_leaves ? CURLUSESSL_ALL : CURLUSESSL_TRY;
}

void set_up_connection(CURL* handle, const SmtpOptions& options, const SmtpUrl& url) {
    std::string name = options.hello_name.empty() ? "localhost" : options.hello_name;
    std::string colon = url.port.empty() ? "" : ":";
    set(handle, CURLOPT_URL,
        format("{}://{}{}{}/{}", url.tls ? "smtps" : "smtp", url.host, colon, url.port, percent_encode(name))
            .c_str());
    set(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_PROXY, "");
    set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout_ms));
    set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options.total_timeout_ms));
    // libcurl says QUIT to a server that did not answer in time, and waits for the answer to that.
    set(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>((options.total_timeout_ms + 999) / 1000));
    set_tls(handle, options.ca_bundle);
    set(handle, CURLOPT_USE_SSL, tls_wish(options, url));
    if (!url.tls && url.loopback() && !options.starttls_required) {
        set(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        set(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (options.user.empty()) return;
    set(handle, CURLOPT_USERNAME, options.user.c_str());
    set(handle, CURLOPT_PASSWORD, options.password.c_str());
}

}  // namespace

bool SmtpUrl::loopback() const {
    return host == "localhost" || host == "[::1]" || is_loopback_ipv4(host);
}

SmtpUrl parse_smtp_url(std::string_view text) {
    auto refuse = [](std::string_view why) { throw Error(Error::Kind::invalid, std::string(why)); };
    SmtpUrl url;
    url.tls = text.starts_with("smtps://");
    if (!url.tls && !text.starts_with("smtp://")) refuse(kForm);
    text.remove_prefix(url.tls ? 8 : 7);
    if (text.ends_with('/')) text.remove_suffix(1);
    if (text.find('@') != std::string_view::npos)
        refuse("no user or password in the URL: there are keys for them");
    bool bracketed = text.starts_with('[');
    std::size_t host_end = bracketed ? text.find(']') : text.find(':');
    if (bracketed && host_end == std::string_view::npos) refuse(kForm);
    if (host_end == std::string_view::npos) host_end = text.size();
    if (bracketed) ++host_end;
    url.host = text.substr(0, host_end);
    std::string_view rest = text.substr(host_end);
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:";
    bool fits = !url.host.empty() && url.host.find_first_not_of(kAllowed) == std::string::npos &&
                (bracketed || url.host.find_first_of("[]:") == std::string::npos);
    if (!fits) refuse(kForm);
    if (rest.empty()) return url;
    url.port = rest.substr(1);
    bool number = rest[0] == ':' && !url.port.empty() && url.port.size() <= 5 &&
                  url.port.find_first_not_of("0123456789") == std::string::npos;
    if (!number || std::stoul(url.port) == 0 || std::stoul(url.port) > 65535) refuse(kForm);
    return url;
}

std::vector<RefusedRecipient> send_mail(const SmtpOptions& options, const SmtpEnvelope& envelope,
                                        std::string_view message) {
    SmtpUrl url = parse_smtp_url(options.url);
    CHECK(!envelope.to.empty());
    std::array<char, CURL_ERROR_SIZE> detail{};
    Transfer transfer{.rest = message, .to = envelope.to};
    EasyHandle owned = make_easy_handle();
    CURL* handle = owned.get();
    set(handle, CURLOPT_ERRORBUFFER, detail.data());
    set_up_connection(handle, options, url);
    set(handle, CURLOPT_MAIL_FROM, angled(envelope.from).c_str());
    CurlList recipients;
    for (const std::string& to : envelope.to) append(recipients, angled(to));
    set(handle, CURLOPT_MAIL_RCPT, recipients.get());
    set(handle, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    set(handle, CURLOPT_DEBUGFUNCTION, &Transfer::on_command);
    set(handle, CURLOPT_DEBUGDATA, &transfer);
    set(handle, CURLOPT_VERBOSE, 1L);
    set(handle, CURLOPT_UPLOAD, 1L);
    set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(message.size()));
    set(handle, CURLOPT_READFUNCTION, &Transfer::on_read);
    set(handle, CURLOPT_READDATA, &transfer);
    set(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_reply);
    set(handle, CURLOPT_HEADERDATA, &transfer);
    CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) fail(code, options, url, transfer, detail.data());
    return std::move(transfer.refused);
}

}  // namespace icecore::cloud
