#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/connection.h"
#include "sim/http_message.h"

namespace icecore::sim {

/// What becomes of a request.
struct Answer {
    Response response;
    Delivery delivery = {};
    bool drop = false;  ///< no response at all: the connection breaks
    /// No response at all: nothing is said that long, or until the peer leaves; then the connection breaks.
    std::optional<std::int64_t> hang_ms = std::nullopt;
};

/// Called by many threads at a time. What it throws is answered with status 500.
using RequestHandler = std::function<Answer(const Request&, RequestBody&)>;

/// An HTTP/1.1 server: a thread a connection, a bounded number of them.
class Server {
  public:
    static constexpr std::size_t kConnectionsMax = 256;

    /// Listens on `address` ("127.0.0.1:8080", "[::1]:0"; port 0: the kernel chooses). Throws Error.
    Server(const std::string& address, RequestHandler handler);
    /// run() must have returned, or never been called.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// "127.0.0.1:43817".
    std::string address() const;
    /// Accepts connections until stop(). One thread.
    void run();
    /// Makes run() end all connections and return. Any thread.
    void stop();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::sim
