#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <exception>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/http.h"

namespace icecore::cloud {
namespace {

constexpr long kUploadBufferBytes = 2 << 20;
constexpr long kDownloadBufferBytes = 512 << 10;
/// A server that does not answer "100 Continue" does not want to be asked.
constexpr long kExpectTimeoutMs = 1000;
constexpr std::size_t kHeadersBytesMax = 256 << 10;

void initialise_curl() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

/// One request while it is under way: what curl's callbacks work on. Exceptions must not pass through curl,
/// so the first one waits here.
struct Transfer {
    const HttpRequest& request;
    const BodySink& sink;
    const HttpOptions& options;
    HttpResponse response;
    std::uint64_t sent_bytes = 0;
    std::size_t header_bytes = 0;
    bool cut = false;  ///< a body that nobody asked for was longer than is kept
    std::exception_ptr thrown;

    std::uint64_t body_bytes() const {
        return request.content != nullptr ? request.content_bytes : request.body.size();
    }

    template <typename Action>
    std::size_t guarded(std::size_t on_error, Action action) {
        try {
            return action();
        } catch (...) {
            thrown = std::current_exception();
            return on_error;
        }
    }

    std::size_t give(char* buffer, std::size_t size) {
        auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, body_bytes() - sent_bytes));
        if (wanted == 0) return 0;
        if (request.content != nullptr)
            request.content->read(request.content_offset + sent_bytes, buffer, wanted);
        else
            request.body.copy(buffer, wanted, static_cast<std::size_t>(sent_bytes));
        sent_bytes += wanted;
        return wanted;
    }

    std::size_t take(std::string_view piece, int status) {
        if (sink && status >= 200 && status < 300) {
            sink(piece);
            return piece.size();
        }
        std::size_t room = kHttpBodyBytesMax - response.body.size();
        response.body += piece.substr(0, room);
        cut = piece.size() > room;
        return cut ? 0 : piece.size();
    }

    std::size_t take_header(std::string_view line) {
        std::size_t size = line.size();
        header_bytes += size;
        if (header_bytes > kHeadersBytesMax)
            throw Error(Error::Kind::corrupt, "its answer has endless headers");
        if (line.starts_with("HTTP/")) response.headers.clear();  // after "100 Continue" comes the real one
        std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return size;
        auto trim = [](std::string_view text) {
            while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
            while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
            return std::string(text);
        };
        response.headers.push_back({trim(line.substr(0, colon)), trim(line.substr(colon + 1))});
        return size;
    }
};

class CurlClient final : public HttpClient {
  public:
    explicit CurlClient(HttpOptions options) : options_(std::move(options)) {
        initialise_curl();
        handle_ = curl_easy_init();
        CHECK(handle_ != nullptr);
    }
    ~CurlClient() override { curl_easy_cleanup(handle_); }
    CurlClient(const CurlClient&) = delete;
    CurlClient& operator=(const CurlClient&) = delete;

    HttpResponse send(const HttpRequest& request, const BodySink& sink) override {
        parse_url(request.url);  // throws
        Transfer transfer{request, sink, options_, {}, 0, 0, false, {}};
        curl_easy_reset(handle_);  // connections stay
        curl_slist* headers = nullptr;
        prepare(transfer, headers);
        CURLcode code = curl_easy_perform(handle_);
        curl_slist_free_all(headers);
        long status = 0;
        curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
        transfer.response.status = static_cast<int>(status);
        if (transfer.thrown) std::rethrow_exception(transfer.thrown);
        if (code != CURLE_OK && !transfer.cut) fail(code, request.url);
        if (transfer.response.status < 100)
            throw Error(Error::Kind::corrupt, format("{} did not answer in HTTP", host_of(request.url)));
        return std::move(transfer.response);
    }

  private:
    template <typename Value>
    void set(CURLoption option, Value value) {
        CHECK(curl_easy_setopt(handle_, option, value) == CURLE_OK);
    }

    void prepare(Transfer& transfer, curl_slist*& headers) {
        const HttpRequest& request = transfer.request;
        set(CURLOPT_URL, request.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_PATH_AS_IS, 1L);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_FRESH_CONNECT, request.repeatable ? 0L : 1L);
        set(CURLOPT_TCP_NODELAY, 1L);
        set(CURLOPT_TCP_KEEPALIVE, 1L);
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
        set(CURLOPT_LOW_SPEED_LIMIT, 1L);
        set(CURLOPT_LOW_SPEED_TIME,
            static_cast<long>(std::max<std::int64_t>(1, options_.stall_timeout_ms / 1000)));
        set(CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectTimeoutMs);
        set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
        set(CURLOPT_BUFFERSIZE, kDownloadBufferBytes);
        if (!options_.user_agent.empty()) set(CURLOPT_USERAGENT, options_.user_agent.c_str());
        if (!options_.ca_bundle.empty()) set(CURLOPT_CAINFO, options_.ca_bundle.c_str());
        if (!options_.use_proxy) set(CURLOPT_NOPROXY, "*");
        prepare_method(transfer, headers);
        for (const HttpHeader& header : request.headers)
            headers = curl_slist_append(headers, (header.name + ": " + header.value).c_str());
        set(CURLOPT_HTTPHEADER, headers);
        prepare_callbacks(transfer);
    }

    void prepare_method(Transfer& transfer, curl_slist*& headers) {
        const std::string& method = transfer.request.method;
        if (method == "HEAD") {
            set(CURLOPT_NOBODY, 1L);
            return;
        }
        bool has_body = transfer.body_bytes() > 0 || method == "PUT" || method == "POST";
        if (!has_body) {
            set(CURLOPT_HTTPGET, 1L);
            set(CURLOPT_CUSTOMREQUEST, method.c_str());
            return;
        }
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_CUSTOMREQUEST, method.c_str());
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer.body_bytes()));
        // curl adds none of these by itself to an upload but Transfer-Encoding and Expect.
        headers = curl_slist_append(headers, "Transfer-Encoding:");
    }

    void prepare_callbacks(Transfer& transfer) {
        set(CURLOPT_READDATA, &transfer);
        set(
            CURLOPT_READFUNCTION,
            +[](char* buffer, std::size_t size, std::size_t count, void* user) -> std::size_t {
                auto* self = static_cast<Transfer*>(user);
                return self->guarded(CURL_READFUNC_ABORT, [&] { return self->give(buffer, size * count); });
            });
        set(CURLOPT_SEEKDATA, &transfer);
        set(
            CURLOPT_SEEKFUNCTION, +[](void* user, curl_off_t offset, int origin) -> int {
                if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
                static_cast<Transfer*>(user)->sent_bytes = static_cast<std::uint64_t>(offset);
                return CURL_SEEKFUNC_OK;
            });
        set(CURLOPT_HEADERDATA, &transfer);
        set(
            CURLOPT_HEADERFUNCTION,
            +[](char* data, std::size_t size, std::size_t count, void* user) -> std::size_t {
                auto* self = static_cast<Transfer*>(user);
                return self->guarded(0, [&] { return self->take_header({data, size * count}); });
            });
        transfer_handle_ = {&transfer, handle_};
        set(CURLOPT_WRITEDATA, &transfer_handle_);
        set(
            CURLOPT_WRITEFUNCTION,
            +[](char* data, std::size_t size, std::size_t count, void* user) -> std::size_t {
                auto [self, handle] = *static_cast<std::pair<Transfer*, CURL*>*>(user);
                long status = 0;
                curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
                return self->guarded(0, [&, self = self] {
                    return self->take({data, size * count}, static_cast<int>(status));
                });
            });
        set(CURLOPT_NOPROGRESS, 0L);
        set(CURLOPT_XFERINFODATA, &transfer);
        set(
            CURLOPT_XFERINFOFUNCTION, +[](void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
                const HttpOptions& options = static_cast<Transfer*>(user)->options;
                return options.cancelled && options.cancelled() ? 1 : 0;
            });
    }

    static std::string host_of(const std::string& url) { return parse_url(url).host; }

    [[noreturn]] void fail(CURLcode code, const std::string& url) const {
        std::string host = host_of(url);
        std::string what = curl_easy_strerror(code);
        switch (code) {
            case CURLE_ABORTED_BY_CALLBACK:
                throw Error(Error::Kind::cancelled, "the transfer was stopped");
            case CURLE_URL_MALFORMAT:
                throw Error(Error::Kind::invalid, format("\"{}\" is no URL that can be used", url));
            case CURLE_COULDNT_RESOLVE_HOST:
                throw Error(Error::Kind::transient, format("the name {} cannot be resolved", host),
                            "is the region or the endpoint spelled right, and is the network up?");
            case CURLE_COULDNT_RESOLVE_PROXY:
                throw Error(Error::Kind::transient, "the name of the proxy cannot be resolved",
                            "https_proxy, http_proxy or all_proxy in the environment names it");
            case CURLE_COULDNT_CONNECT:
                throw Error(Error::Kind::transient, format("cannot connect to {}", host),
                            "is the endpoint right, and does a firewall let this machine through?");
            case CURLE_OPERATION_TIMEDOUT:
                throw Error(Error::Kind::transient, format("{} took too long to answer", host));
            case CURLE_PEER_FAILED_VERIFICATION:
            case CURLE_SSL_CACERT_BADFILE:
            case CURLE_SSL_CERTPROBLEM:
            case CURLE_SSL_ISSUER_ERROR:
                throw Error(Error::Kind::denied, format("TLS: the certificate of {} is not trusted", host),
                            options_.ca_bundle.empty()
                                ? "AWS_CA_BUNDLE names a file with the certificates to trust; is there a "
                                  "proxy between?"
                                : format("only the certificates in {} are trusted", options_.ca_bundle));
            case CURLE_SSL_CONNECT_ERROR:
                throw Error(Error::Kind::transient, format("no TLS connection with {} could be made", host),
                            "is there something else at that address, or does it speak plain http?");
            case CURLE_PARTIAL_FILE:
                throw Error(Error::Kind::transient, format("the answer of {} ended before its end", host));
            case CURLE_GOT_NOTHING:
            case CURLE_SEND_ERROR:
            case CURLE_RECV_ERROR:
            case CURLE_SEND_FAIL_REWIND:
                throw Error(Error::Kind::transient, format("the connection to {} was lost", host));
            case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: no status line
            case CURLE_WEIRD_SERVER_REPLY:
            case CURLE_BAD_CONTENT_ENCODING:
            case CURLE_WRITE_ERROR:
                throw Error(Error::Kind::corrupt, format("{} did not answer in HTTP ({})", host, what),
                            "is the endpoint right?");
            default:
                throw Error(Error::Kind::transient, format("{}: {}", host, what));
        }
    }

    HttpOptions options_;
    CURL* handle_ = nullptr;
    std::pair<Transfer*, CURL*> transfer_handle_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(HttpOptions options) {
    return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace icecore::cloud
