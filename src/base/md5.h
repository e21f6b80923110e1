#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace icecore {

/// Incremental MD5 (RFC 1321): no protection against anybody who means harm, but what S3 stores call an
/// object (ETag), and some the only checksum that they have. One thread at a time. Reusable after finish().
class Md5 {
  public:
    Md5();
    ~Md5();
    Md5(Md5&&) noexcept;
    Md5& operator=(Md5&&) noexcept;
    void update(std::string_view data);
    /// 16 raw bytes; starts anew.
    std::string finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string md5(std::string_view data);

}  // namespace icecore
