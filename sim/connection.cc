#include "sim/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include "base/error.h"
#include "base/format.h"

namespace icecore::sim {
namespace {

/// How much of an unwanted body is read so that the connection can be used again.
constexpr std::uint64_t kSkipBytesMax = 16 << 20;
constexpr std::size_t kBlanksBytes = 64 << 10;
constexpr int kGentleCloseMs = 2000;

/// "Sun, 22 Nov 2026 03:15:00 GMT": the real time, which signatures are checked against.
std::string http_date() {
    std::time_t now = std::time(nullptr);
    std::tm tm{};
    gmtime_r(&now, &tm);
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(tm.tm_wday)],
                  tm.tm_mday, kMonths[static_cast<std::size_t>(tm.tm_mon)], tm.tm_year + 1900, tm.tm_hour,
                  tm.tm_min, tm.tm_sec);
}

}  // namespace

Connection::Connection(Fd socket) : socket_(std::move(socket)) {
    timeval timeout{kIdleSecMax, 0};
    int yes = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

std::size_t Connection::receive(char* buffer, std::size_t size) {
    for (;;) {
        ssize_t got = ::recv(socket_.get(), buffer, size, 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) throw ConnectionLost();
    }
}

void Connection::send_all(std::string_view data) {
    while (!data.empty()) {
        ssize_t sent = ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) throw ConnectionLost();
        data.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bool Connection::read_head(Request& out) {
    CHECK(left_ == 0);
    std::size_t size = 0;
    while ((size = parse_head(ahead_, out)) == 0) {
        std::array<char, 16 << 10> buffer;
        std::size_t got = receive(buffer.data(), buffer.size());
        if (got == 0 && ahead_.empty()) return false;
        if (got == 0) throw ConnectionLost();
        ahead_.append(buffer.data(), got);
    }
    ahead_.erase(0, size);
    left_ = out.content_bytes.value_or(0);
    continue_expected_ = out.expects_continue && left_ > 0;
    return true;
}

void Connection::next(Buffer& piece) {
    piece.clear();
    if (left_ == 0) return;
    if (continue_expected_) send_all("HTTP/1.1 100 Continue\r\n\r\n");
    continue_expected_ = false;
    std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kChunkBytes));
    std::size_t have = std::min(want, ahead_.size());
    char* buffer = piece.extend(want);
    std::copy_n(ahead_.data(), have, buffer);
    ahead_.erase(0, have);
    while (have < want) {
        std::size_t got = receive(buffer + have, want - have);
        if (got == 0) throw ConnectionLost();
        have += got;
    }
    left_ -= want;
}

bool Connection::skip_body() {
    if (continue_expected_ || left_ > kSkipBytesMax) return left_ == 0;
    while (left_ > 0) next(chunk_);
    return true;
}

void Connection::send(const Response& response, std::string_view method, bool keep_alive,
                      const Delivery& delivery) {
    std::string head = format("HTTP/1.1 {} {}\r\nDate: {}\r\nServer: icecore-sim\r\n", response.status,
                              status_text(response.status), http_date());
    for (const HttpHeader& header : response.headers) head += header.name + ": " + header.value + "\r\n";
    bool bodyless = method == "HEAD" || response.status == 204 || response.status == 304;
    if (bodyless && response.head_bytes)
        head += format("Content-Length: {}\r\n", *response.head_bytes);
    else if (response.status != 204 && response.status != 304 && !delivery.endless)
        head += format("Content-Length: {}\r\n", response.body_bytes());
    if (!keep_alive) head += "Connection: close\r\n";
    head += "\r\n";
    bool plain = !response.stream && !delivery.cut_after_bytes && !delivery.corrupt_byte_at &&
                 delivery.bytes_per_sec == 0 && !delivery.endless;
    if (plain || bodyless) return send_all(bodyless ? head : head + response.body);
    send_all(head);
    send_body(response, delivery);
}

void Connection::send_body(const Response& response, const Delivery& delivery) {
    std::uint64_t size = response.body_bytes();
    std::uint64_t end = std::min(size, delivery.cut_after_bytes.value_or(size));
    std::uint64_t chunk_bytes = kChunkBytes;
    if (delivery.bytes_per_sec > 0)
        chunk_bytes = std::clamp<std::uint64_t>(delivery.bytes_per_sec / 10, 1, kChunkBytes);
    for (std::uint64_t at = 0; at < end;) {
        std::size_t count = static_cast<std::size_t>(std::min(end - at, chunk_bytes));
        chunk_.clear();
        char* buffer = chunk_.extend(count);
        if (response.stream)
            response.stream->read(at, buffer, count);
        else
            std::copy_n(response.body.data() + at, count, buffer);
        if (delivery.corrupt_byte_at && *delivery.corrupt_byte_at - at < count)
            buffer[*delivery.corrupt_byte_at - at] ^= 0x01;
        send_all(chunk_.view());
        at += count;
        if (delivery.bytes_per_sec > 0 && at < end) {
            auto pause = std::chrono::nanoseconds(count * 1'000'000'000 / delivery.bytes_per_sec);
            std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(pause, std::chrono::seconds(1)));
        }
    }
    const std::string blanks(delivery.endless ? kBlanksBytes : 0, ' ');
    while (delivery.endless) send_all(blanks);
    if (!delivery.cut_after_bytes) return;
    drop();
    throw ConnectionLost();
}

bool Connection::wait_readable(std::int64_t timeout_ms) {
    pollfd entry{socket_.get(), POLLIN | POLLRDHUP, 0};
    int ready = 0;
    do {
        ready = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 0, 1 << 30)));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

void Connection::wait_for_hangup(std::int64_t timeout_ms) {
    std::array<char, 4096> buffer;
    auto now = [] { return std::chrono::steady_clock::now(); };
    auto until = now() + std::chrono::milliseconds(timeout_ms);
    try {
        while (!stopped_ && now() < until) {
            auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now()).count() + 1;
            if (wait_readable(left) && receive(buffer.data(), buffer.size()) == 0) return;
        }
    } catch (const ConnectionLost&) {
        return;  // that is what was waited for
    }
}

void Connection::drop() {
    linger abort{1, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close();
}

void Connection::close_gently() {
    if (!socket_) return;
    ::shutdown(socket_.get(), SHUT_WR);
    wait_for_hangup(kGentleCloseMs);
    close();
}

void Connection::close() {
    std::lock_guard lock(closing_);
    socket_.reset();
}

void Connection::shut_down() {
    stopped_ = true;
    std::lock_guard lock(closing_);
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace icecore::sim
