#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/curl_handle.h"
#include "cloud/http.h"

namespace icecore::cloud {
namespace {

constexpr std::size_t kHeadersBytesMax = 256 << 10;
constexpr long kReceiveBufferBytes = 512 << 10;  // the largest that libcurl 7.88 takes
constexpr long kUploadBufferBytes = 512 << 10;   // faster than more or less of it, over loopback
/// Smaller bodies are sent at once; larger ones wait for "100 Continue", which spares sending what is
/// refused, but not for long: not every server says it.
constexpr std::uint64_t kExpectBytesMin = 1 << 20;
constexpr long kExpectTimeoutMs = 300;

/// One request and its response, as libcurl's callbacks see them. What they throw is kept, for it must not
/// pass through C.
class Transfer {
  public:
    Transfer(CURL* handle, const HttpOptions& options, const HttpRequest& request, const BodySink& sink)
        : handle_(handle), options_(options), request_(request), sink_(sink) {}

    std::uint64_t upload_bytes() const {
        return request_.content ? request_.content_bytes : request_.body.size();
    }

    void attach() {
        set(handle_, CURLOPT_READFUNCTION, &on_read);
        set(handle_, CURLOPT_READDATA, this);
        set(handle_, CURLOPT_SEEKFUNCTION, &on_seek);
        set(handle_, CURLOPT_SEEKDATA, this);
        set(handle_, CURLOPT_WRITEFUNCTION, &on_write);
        set(handle_, CURLOPT_WRITEDATA, this);
        set(handle_, CURLOPT_HEADERFUNCTION, &on_header);
        set(handle_, CURLOPT_HEADERDATA, this);
        set(handle_, CURLOPT_XFERINFOFUNCTION, &on_progress);
        set(handle_, CURLOPT_XFERINFODATA, this);
        set(handle_, CURLOPT_NOPROGRESS, 0L);
    }

    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }
    /// Whether the response was ended on our side because there was more of it than is kept.
    bool cut() const { return response_.cut; }
    bool body_begun() const { return body_begun_; }
    /// libcurl does not mind headers that end with the connection.
    HttpResponse take_response() {
        response_.status = static_cast<int>(info(handle_, CURLINFO_RESPONSE_CODE));
        if (!complete_ || response_.status < 200)
            throw Error(Error::Kind::transient,
                        format("{}: the connection was lost in the middle of the response",
                               parse_url(request_.url).host));
        return std::move(response_);
    }

  private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
        auto* transfer = static_cast<Transfer*>(self);
        std::size_t had = 0;
        return transfer->safely([&] { had = transfer->read(buffer, size * count); }) ? had
                                                                                     : CURL_READFUNC_ABORT;
    }
    static int on_seek(void* self, curl_off_t offset, int origin) noexcept {
        auto* transfer = static_cast<Transfer*>(self);
        bool fits = origin == SEEK_SET && offset >= 0 &&
                    static_cast<std::uint64_t>(offset) <= transfer->upload_bytes();
        if (!fits) return CURL_SEEKFUNC_FAIL;
        transfer->sent_bytes_ = static_cast<std::uint64_t>(offset);
        return CURL_SEEKFUNC_OK;
    }
    static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self) noexcept {
        auto* transfer = static_cast<Transfer*>(self);
        bool ok = transfer->safely([&] { transfer->write({data, size * count}); });
        return ok && !transfer->response_.cut ? size * count : 0;
    }
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
        auto* transfer = static_cast<Transfer*>(self);
        return transfer->safely([&] { transfer->header({data, size * count}); }) ? size * count : 0;
    }
    static int on_progress(void* self, curl_off_t, curl_off_t received, curl_off_t,
                           curl_off_t sent) noexcept {
        auto* transfer = static_cast<Transfer*>(self);
        return transfer->safely([&] { transfer->watch(received + sent); }) ? 0 : 1;
    }

    template <typename Action>
    bool safely(Action action) noexcept {
        if (thrown_) return false;
        try {
            action();
            return true;
        } catch (...) {
            thrown_ = std::current_exception();
            return false;
        }
    }

    std::size_t read(char* buffer, std::size_t size) {
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, upload_bytes() - sent_bytes_));
        if (request_.content)
            request_.content->read(request_.content_offset + sent_bytes_, buffer, size);
        else
            std::memcpy(buffer, request_.body.data() + sent_bytes_, size);
        sent_bytes_ += size;
        moved();
        return size;
    }

    void write(std::string_view data) {
        body_begun_ = true;
        long status = info(handle_, CURLINFO_RESPONSE_CODE);
        if (sink_ && status >= 200 && status <= 299) {
            sink_(data);
        } else {
            std::size_t room = kHttpBodyBytesMax - response_.body.size();
            response_.body.append(data.substr(0, room));
            response_.cut = data.size() > room;
        }
        moved();
    }

    void header(std::string_view line) {
        header_bytes_ += line.size();
        if (header_bytes_ > kHeadersBytesMax)
            throw Error(Error::Kind::corrupt, format("{}: more than {} KiB of response headers",
                                                     parse_url(request_.url).host, kHeadersBytesMax >> 10));
        moved();
        bool status_line = line.starts_with("HTTP/");
        if (body_begun_ || (complete_ && !status_line)) return;  // trailers are of no use to anyone
        complete_ = trimmed(line).empty();
        if (status_line) return response_.headers.clear();  // those before were of a 1xx
        std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return;
        response_.headers.push_back(
            {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
    }

    /// Called by libcurl at least each second.
    void watch(curl_off_t total_bytes) {
        if (options_.cancelled && options_.cancelled())
            throw Error(Error::Kind::cancelled, format("{}: cancelled", parse_url(request_.url).host));
        if (std::exchange(total_bytes_, total_bytes) != total_bytes) moved();
        if (std::chrono::steady_clock::now() - moved_at_ >=
            std::chrono::milliseconds(options_.stall_timeout_ms))
            throw Error(Error::Kind::transient,
                        format("{}: nothing has moved for {} s", parse_url(request_.url).host,
                               static_cast<double>(options_.stall_timeout_ms) / 1000));
    }

    /// The time that the caller's content and sink take is not the peer's.
    void moved() { moved_at_ = std::chrono::steady_clock::now(); }

    CURL* handle_;
    const HttpOptions& options_;
    const HttpRequest& request_;
    const BodySink& sink_;
    HttpResponse response_;
    std::uint64_t sent_bytes_ = 0;
    std::size_t header_bytes_ = 0;
    bool complete_ = false;  ///< the headers are
    bool body_begun_ = false;
    curl_off_t total_bytes_ = 0;
    SteadyTime moved_at_ = std::chrono::steady_clock::now();
    std::exception_ptr thrown_;
};

void add_line(CurlList& list, const std::string& line) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        throw Error(Error::Kind::invalid, "a request header holds a line break or a zero byte");
    append(list, line);
}

/// The request's headers as libcurl wants them. Host is that of the URL to the letter, for it is signed: by
/// itself libcurl would leave out a port that is the scheme's.
CurlList header_list(const HttpRequest& request, const Url& url, std::uint64_t upload_bytes) {
    CurlList list;
    add_line(list, "Host: " + url.host);
    if (upload_bytes < kExpectBytesMin) add_line(list, "Expect:");
    for (const HttpHeader& header : request.headers)
        add_line(list, header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    return list;
}

/// What a failure means to the caller.
struct Meaning {
    Error::Kind kind;
    std::string_view what;
    std::string_view hint;
};

/// What can be done about a certificate, by what OpenSSL has against it (X509_V_… in openssl/x509_vfy.h).
std::string_view certificate_hint(long verdict) {
    constexpr long kNothing = 1;  // or 0: it did not come to that, because of the host name
    constexpr long kNotYetValid = 9;
    constexpr long kExpired = 10;
    if (verdict <= kNothing)
        return "it is another host's: is the endpoint spelled as the certificate has it?";
    if (verdict == kNotYetValid || verdict == kExpired)
        return "is this machine's clock right? If it is, whoever runs that host must renew its certificate";
    return "if that host is meant, name a file with the certificate that it is trusted by in AWS_CA_BUNDLE";
}

Meaning meaning(CURLcode code, const Transfer& transfer, long verdict) {
    using Kind = Error::Kind;
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return {Kind::transient, "name not found",
                    "is the region or endpoint spelled right, and is the network up?"};
        case CURLE_COULDNT_RESOLVE_PROXY:
            return {Kind::transient, "name of the proxy not found", "look at http_proxy and https_proxy"};
        case CURLE_COULDNT_CONNECT:
            return {Kind::transient, "no connection",
                    "is the network up, and does a firewall let it through?"};
        case CURLE_PROXY:
            return {Kind::transient, "the proxy fails", "look at http_proxy and https_proxy"};
        case CURLE_OPERATION_TIMEDOUT:
            return {Kind::transient, "timeout",
                    "is that the service's host and port, and is the network up?"};
        case CURLE_PARTIAL_FILE:
            return {Kind::transient, "the connection was lost in the middle of the response", {}};
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_SEND_FAIL_REWIND:
        case CURLE_RECV_ERROR:
            return {Kind::transient, "the connection was lost", {}};
        case CURLE_SSL_CONNECT_ERROR:
            return {Kind::transient, "TLS failed", "does that port speak https, and not http?"};
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return {Kind::denied, "TLS: the host's certificate is not accepted", certificate_hint(verdict)};
        case CURLE_SSL_CACERT_BADFILE:
            return {Kind::invalid, "TLS: the file of trusted certificates cannot be used",
                    "look at AWS_CA_BUNDLE"};
        case CURLE_URL_MALFORMAT:
            return {Kind::invalid, "the URL is malformed", {}};
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return {Kind::corrupt, "the answer is no HTTP", "is that the service's host and port?"};
        case CURLE_OUT_OF_MEMORY:  // what a header line above libcurl's limit of 100 KB counts as, too
            if (transfer.body_begun()) throw std::bad_alloc();
            return {Kind::corrupt, "a response header that is too long", {}};
        default:
            return {Kind::io, "the transfer failed", {}};
    }
}

/// A proxy that answers CONNECT with a refusal.
void throw_if_proxy_refused(CURL* handle, const std::string& host) {
    long status = info(handle, CURLINFO_HTTP_CONNECTCODE);
    if (status < 300) return;
    bool lasting = status < 500 && status != 408 && status != 429;
    throw Error(lasting ? Error::Kind::denied : Error::Kind::transient,
                format("{}: the proxy refused the connection with status {}", host, status),
                "look at https_proxy and no_proxy; a proxy that wants a password has it in its URL");
}

class CurlHttpClient final : public HttpClient {
  public:
    explicit CurlHttpClient(HttpOptions options) : options_(std::move(options)) {}

    HttpResponse send(const HttpRequest& request, const BodySink& sink) override {
        Url url = parse_url(request.url);
        curl_easy_reset(handle_.get());  // keeps the connections
        Transfer transfer(handle_.get(), options_, request, sink);
        CurlList headers = header_list(request, url, transfer.upload_bytes());
        set_up_connection();
        set(handle_.get(), CURLOPT_FRESH_CONNECT, request.repeatable ? 0L : 1L);
        set(handle_.get(), CURLOPT_HTTPHEADER, headers.get());
        set_up_request(request, transfer.upload_bytes());
        transfer.attach();
        CURLcode code = curl_easy_perform(handle_.get());
        transfer.rethrow();
        if (code != CURLE_OK && !transfer.cut()) fail(code, url.host, transfer);
        return transfer.take_response();
    }

  private:
    void set_up_connection() {
        CURL* handle = handle_.get();
        detail_.front() = '\0';
        set(handle, CURLOPT_ERRORBUFFER, detail_.data());
        set(handle, CURLOPT_NOSIGNAL, 1L);  // SIGPIPE is none: TLS, too, writes with MSG_NOSIGNAL
        set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(handle, CURLOPT_FOLLOWLOCATION, 0L);
        set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
        set(handle, CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectTimeoutMs);
        set(handle, CURLOPT_TCP_NODELAY, 1L);
        set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
        // Refused when a malformed URL has left the buffer of the last request in place; that one serves.
        static_cast<void>(curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kReceiveBufferBytes));
        set(handle, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
        set_tls(handle, options_.ca_bundle);
        if (!options_.use_proxy) set(handle, CURLOPT_PROXY, "");
        set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (!options_.user_agent.empty()) set(handle, CURLOPT_USERAGENT, options_.user_agent.c_str());
    }

    void set_up_request(const HttpRequest& request, std::uint64_t upload_bytes) {
        CURL* handle = handle_.get();
        CHECK(!request.method.empty() && std::all_of(request.method.begin(), request.method.end(),
                                                     [](char c) { return c >= 'A' && c <= 'Z'; }));
        set(handle, CURLOPT_URL, request.url.c_str());
        set(handle, CURLOPT_PATH_AS_IS, 1L);
        if (upload_bytes > 0 || request.content || request.method == "POST" || request.method == "PUT") {
            set(handle, CURLOPT_UPLOAD, 1L);
            set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(upload_bytes));
        } else if (request.method == "HEAD") {
            set(handle, CURLOPT_NOBODY, 1L);
        }
        set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }

    [[noreturn]] void fail(CURLcode code, const std::string& host, const Transfer& transfer) {
        if (code == CURLE_RECV_ERROR || code == CURLE_COULDNT_CONNECT)
            throw_if_proxy_refused(handle_.get(), host);
        Meaning means = meaning(code, transfer, info(handle_.get(), CURLINFO_SSL_VERIFYRESULT));
        std::string_view detail = detail_.data();
        if (detail.empty()) detail = curl_easy_strerror(code);
        std::string message = format("{}: {}: {}", host, means.what, trimmed(detail));
        if (code == CURLE_SSL_CACERT_BADFILE) message += format(" ({})", options_.ca_bundle);
        throw Error(means.kind, std::move(message), std::string(means.hint));
    }

    HttpOptions options_;
    std::array<char, CURL_ERROR_SIZE> detail_{};  ///< written to by the handle as long as that lives
    EasyHandle handle_ = make_easy_handle();
};

}  // namespace

std::optional<Timestamp> parse_http_date(const std::string& text) {
    time_t sec = curl_getdate(text.c_str(), nullptr);
    return sec < 0 ? std::nullopt : std::optional(Timestamp{sec, 0});
}

std::unique_ptr<HttpClient> make_http_client(HttpOptions options) {
    return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace icecore::cloud
