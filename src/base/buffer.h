#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace icecore {

/// Bytes that grow at the end without being zeroed first, for megabytes that a system call or a compressor
/// fills. Never gives memory back: clear() keeps it. One thread at a time. Throws std::bad_alloc.
class Buffer {
  public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer(std::move(other)).swap(*this);
        return *this;
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::size_t capacity() const { return capacity_; }
    std::string_view view() const { return {bytes_.get(), size_}; }

    void clear() { size_ = 0; }
    /// Drops what is behind the first `size` bytes.
    void truncate(std::size_t size) {
        CHECK(size <= size_);
        size_ = size;
    }
    void reserve(std::size_t capacity) {
        if (capacity <= capacity_) return;
        auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
        if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
        bytes_ = std::move(bytes);
        capacity_ = capacity;
    }
    /// Appends `count` bytes of any value and returns the first: for the caller to fill.
    char* extend(std::size_t count) {
        if (count > capacity_ - size_) reserve(std::max(size_ + count, capacity_ * 2));
        size_ += count;
        return bytes_.get() + (size_ - count);
    }
    void append(std::string_view data) {
        if (!data.empty()) std::memcpy(extend(data.size()), data.data(), data.size());
    }
    void append_zeros(std::size_t count) {
        if (count > 0) std::memset(extend(count), 0, count);
    }

  private:
    void swap(Buffer& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace icecore
