#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/file.h"
#include "sim/http_message.h"

namespace icecore::sim {

/// The peer is gone, or silent for too long; or it was dropped on purpose.
class ConnectionLost : public std::exception {
  public:
    const char* what() const noexcept override { return "connection lost"; }
};

/// How the body of a response is delivered, when not as fast and as right as can be.
struct Delivery {
    std::optional<std::uint64_t> cut_after_bytes = std::nullopt;  ///< then the connection is dropped
    std::optional<std::uint64_t> corrupt_byte_at = std::nullopt;  ///< that byte of the body is another
    std::uint64_t bytes_per_sec = 0;                              ///< 0: no limit
    bool endless = false;  ///< after the body more bytes come, until the peer leaves
};

/// The server's side of an HTTP/1.1 connection: requests one after the other. Memory: about 1 MiB. One
/// thread at a time, except shut_down().
class Connection final : public RequestBody {
  public:
    static constexpr std::size_t kChunkBytes = 1 << 20;
    /// A peer that neither sends nor takes anything that long is given up.
    static constexpr int kIdleSecMax = 60;

    explicit Connection(Fd socket);

    /// Reads the head of the next request. False when the peer has no more. Throws ConnectionLost,
    /// Error{invalid} for what is no HTTP.
    bool read_head(Request& out);

    std::uint64_t left_bytes() const override { return left_; }
    void next(Buffer& piece) override;
    /// Reads what is left of the body and forgets it, so that the next request can be read; false if it is
    /// too much for that.
    bool skip_body();

    /// Throws ConnectionLost, and what the body's source throws.
    void send(const Response& response, std::string_view method, bool keep_alive, const Delivery& delivery);

    /// Resets the connection: the peer sees it break.
    void drop();
    /// Waits until the peer hangs up or the server stops, but not longer than that.
    void wait_for_hangup(std::int64_t timeout_ms);
    /// Ends what we send, then waits a little for the peer to end too: it can still read the last response.
    void close_gently();
    /// Makes every call on it fail from now on. Any thread.
    void shut_down();

  private:
    void send_all(std::string_view data);
    void send_body(const Response& response, const Delivery& delivery);
    std::size_t receive(char* buffer, std::size_t size);
    bool wait_readable(std::int64_t timeout_ms);

    void close();

    std::mutex closing_;  ///< held while `socket_` is closed, or shut down by another thread
    Fd socket_;
    std::string ahead_;  ///< received, not used yet
    Buffer chunk_;
    std::uint64_t left_ = 0;
    bool continue_expected_ = false;
    std::atomic<bool> stopped_ = false;
};

}  // namespace icecore::sim
