#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::cloud {

/// A request as it came over the wire.
struct WireRequest {
    std::string head;  ///< all of it, with the empty line
    std::string body;
    /// "GET /path?query HTTP/1.1"
    std::string line() const { return head.substr(0, head.find("\r\n")); }
    /// Value of the header `name`, which is spelled as it was sent; "(none)" if there is none.
    std::string header(std::string_view name) const {
        std::size_t at = head.find(format("\r\n{}: ", name));
        if (at == std::string::npos) return "(none)";
        at += name.size() + 4;
        return head.substr(at, head.find("\r\n", at) - at);
    }
};

/// One accepted connection of a ScriptedServer, in the hands of its script.
class Connection {
  public:
    Connection(int fd, std::size_t number, std::function<void(const WireRequest&)> record)
        : fd_(fd), number_(number), record_(std::move(record)) {}

    /// 0 for the first one that the server accepted.
    std::size_t number() const { return number_; }

    /// Reads to the end of the headers; false when the peer has hung up.
    bool read_head(WireRequest& request) {
        std::size_t end;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
            if (!receive()) return false;
        request.head = buffer_.substr(0, end + 4);
        buffer_.erase(0, end + 4);
        return true;
    }
    /// Reads what Content-Length says.
    bool read_body(WireRequest& request) {
        std::size_t length = std::strtoul(request.header("Content-Length").c_str(), nullptr, 10);
        while (buffer_.size() < length)
            if (!receive()) return false;
        request.body = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return true;
    }
    /// Reads a whole request, and says 100 Continue if that is waited for.
    bool read_request(WireRequest& request) {
        if (!read_head(request)) return false;
        if (request.header("Expect") == "100-continue") send("HTTP/1.1 100 Continue\r\n\r\n");
        if (!read_body(request)) return false;
        record_(request);
        return true;
    }
    bool read_request() {
        WireRequest request;
        return read_request(request);
    }
    /// False when the peer has hung up.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// A response with a Content-Length; `headers` end with "\r\n" each.
    bool respond(int status, std::string_view body, std::string_view headers = "") {
        return send(
            format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body));
    }
    /// Says nothing until the peer hangs up.
    void stall() {
        while (receive()) buffer_.clear();
    }
    /// When the script ends, the connection is reset instead of closed politely.
    void reset_at_end() {
        linger now{1, 0};
        setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    void shut_down() { shutdown(fd_.get(), SHUT_RDWR); }

  private:
    bool receive() {
        std::string piece(64 << 10, '\0');
        ssize_t got = recv(fd_.get(), piece.data(), piece.size(), 0);
        if (got <= 0) return false;
        buffer_.append(piece, 0, static_cast<std::size_t>(got));
        return true;
    }

    Fd fd_;
    std::size_t number_;
    std::function<void(const WireRequest&)> record_;
    std::string buffer_;
};

/// An HTTP server on a loopback port of the kernel's choice that does to each connection, in a thread of its
/// own, what the test's script says: answers byte by byte, hangs up, says nothing. A connection ends with its
/// script, all of them with the server.
class ScriptedServer {
  public:
    using Script = std::function<void(Connection&)>;

    explicit ScriptedServer(Script script) : script_(std::move(script)) {
        listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (!listener_ || bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), 64) != 0 ||
            getsockname(listener_.get(), generic, &length) != 0)
            throw_errno("making a test server");
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~ScriptedServer() {
        shutdown(listener_.get(), SHUT_RDWR);  // ends accept()
        acceptor_.join();
        for (Served& served : served_) {
            std::unique_lock lock(mutex_);
            if (!served.done) served.connection->shut_down();
            lock.unlock();
            served.thread.join();
        }
    }
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    int port() const { return port_; }
    std::string url(std::string_view path = "") const { return format("http://127.0.0.1:{}{}", port_, path); }
    /// What was read with read_request, in order of arrival.
    std::vector<WireRequest> requests() const {
        std::lock_guard lock(mutex_);
        return requests_;
    }
    std::size_t connections() const {
        std::lock_guard lock(mutex_);
        return served_.size();
    }
    /// Waits until so many scripts have ended and their connections are closed.
    void wait_for_ends(std::size_t count) {
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [&] {
            return std::count_if(served_.begin(), served_.end(), [](const Served& s) { return s.done; }) >=
                   static_cast<std::ptrdiff_t>(count);
        });
    }

  private:
    struct Served {
        std::unique_ptr<Connection> connection;
        std::thread thread;
        bool done = false;
    };

    void accept_all() {
        for (;;) {
            int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            std::lock_guard lock(mutex_);
            auto record = [this](const WireRequest& request) {
                std::lock_guard inner(mutex_);
                requests_.push_back(request);
            };
            served_.push_back({std::make_unique<Connection>(fd, served_.size(), record), {}, false});
            Served& served = served_.back();
            served.thread = std::thread([this, &served] {
                script_(*served.connection);
                std::lock_guard inner(mutex_);
                served.done = true;
                served.connection.reset();
                ended_.notify_all();
            });
        }
    }

    Script script_;
    Fd listener_;
    int port_ = 0;
    std::thread acceptor_;
    mutable std::mutex mutex_;
    std::condition_variable ended_;
    std::list<Served> served_;
    std::vector<WireRequest> requests_;
};

/// Runs `call`, which must fail, and returns its Error.
template <typename Call>
Error error_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no Error";
    return {Error::Kind::io, "none"};
}

}  // namespace icecore::cloud
