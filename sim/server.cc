#include "sim/server.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::sim {
namespace {

struct AddressList {
    addrinfo* first = nullptr;
    ~AddressList() {
        if (first != nullptr) freeaddrinfo(first);
    }
};

Fd listen_on(const std::string& address) {
    std::size_t colon = address.rfind(':');
    if (colon == std::string::npos)
        throw Error(Error::Kind::invalid, format("\"{}\" is no address to listen on", address),
                    "expected HOST:PORT, as in 127.0.0.1:0");
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    std::optional<std::uint64_t> port = parse_decimal(address.substr(colon + 1));
    if (!port || *port > 65535)
        throw Error(Error::Kind::invalid, format("\"{}\" has no port that can be listened on", address),
                    "expected HOST:PORT, as in 127.0.0.1:0");
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
    AddressList found;
    int code = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &wanted, &found.first);
    if (code != 0)
        throw Error(Error::Kind::invalid, format("cannot listen on {}: {}", address, gai_strerror(code)),
                    "expected a numeric HOST:PORT, as in 127.0.0.1:0");
    Fd fd(::socket(found.first->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int yes = 1;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(fd.get(), found.first->ai_addr, found.first->ai_addrlen) != 0 ||
        ::listen(fd.get(), SOMAXCONN) != 0)
        throw_errno(format("listening on {}", address));
    return fd;
}

Response plain_error(int status, const std::string& message) {
    Response out{.status = status, .headers = {}, .body = message + "\n"};
    out.set("Content-Type", "text/plain");
    return out;
}

/// One request and its answer. False: the connection is over.
bool serve_one(Connection& connection, const RequestHandler& handler) {
    Request request;
    try {
        if (!connection.read_head(request)) return false;
    } catch (const Error& error) {
        connection.send(plain_error(400, error.message()), "GET", false, {});
        return false;
    }
    Answer answer;
    if (request.chunked) {
        answer.response = plain_error(411, "a body needs Content-Length");
        request.keep_alive = false;
    } else {
        try {
            answer = handler(request, connection);
        } catch (const ConnectionLost&) {
            throw;
        } catch (const std::exception& error) {
            std::fprintf(stderr, "icecore-sim: %s %s: %s\n", request.method.c_str(), request.path.c_str(),
                         error.what());
            answer.response = plain_error(500, error.what());
        }
    }
    if (answer.hang_ms) connection.wait_for_hangup(*answer.hang_ms);
    if (answer.drop || answer.hang_ms) {
        connection.drop();
        return false;
    }
    bool keep_alive = connection.skip_body() && request.keep_alive && !answer.delivery.endless;
    connection.send(answer.response, request.method, keep_alive, answer.delivery);
    return keep_alive;
}

}  // namespace

struct Server::State {
    struct Peer {
        explicit Peer(Fd socket) : connection(std::move(socket)) {}
        Connection connection;
        std::atomic<bool> done = false;
        std::jthread thread;
    };

    Fd listener;
    RequestHandler handler;
    std::mutex mutex;
    std::condition_variable freed;
    bool stopped = false;  // below: by mutex
    std::list<Peer> peers;

    void serve(Peer& peer) {
        try {
            while (serve_one(peer.connection, handler)) {
            }
        } catch (const std::exception&) {
            // The peer is gone: nobody is left to be told.
        }
        peer.connection.close_gently();
        std::lock_guard lock(mutex);
        peer.done = true;
        freed.notify_all();
    }

    /// Waits for room for one more connection; false when the server stops.
    bool make_room() {
        std::unique_lock lock(mutex);
        for (;;) {
            peers.remove_if([](const Peer& peer) { return peer.done.load(); });
            if (stopped || peers.size() < kConnectionsMax) return !stopped;
            freed.wait(lock);
        }
    }

    /// Until a connection ends, which frees what was short; or for a second.
    void pause() {
        std::unique_lock lock(mutex);
        freed.wait_for(lock, std::chrono::seconds(1));
    }

    void add(Fd socket) {
        std::lock_guard lock(mutex);
        if (stopped) return;
        Peer& peer = peers.emplace_back(std::move(socket));
        peer.thread = std::jthread([this, &peer] { serve(peer); });
    }
};

Server::Server(const std::string& address, RequestHandler handler) : state_(std::make_unique<State>()) {
    state_->listener = listen_on(address);
    state_->handler = std::move(handler);
}

Server::~Server() = default;

std::string Server::address() const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (getsockname(state_->listener.get(), generic, &size) != 0) throw_errno("asking for the port");
    CHECK(getnameinfo(generic, size, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    bool brackets = address.ss_family == AF_INET6;
    return format("{}{}{}:{}", brackets ? "[" : "", host.data(), brackets ? "]" : "", port.data());
}

void Server::run() {
    while (state_->make_room()) {
        Fd socket(::accept4(state_->listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (socket)
            state_->add(std::move(socket));
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            state_->pause();
    }
    for (State::Peer& peer : state_->peers) peer.thread.join();
    state_->peers.clear();
}

void Server::stop() {
    std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    ::shutdown(state_->listener.get(), SHUT_RDWR);
    for (State::Peer& peer : state_->peers) peer.connection.shut_down();
    state_->freed.notify_all();
}

}  // namespace icecore::sim
