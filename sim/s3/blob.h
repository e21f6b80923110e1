#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/http_message.h"

namespace icecore::sim::s3 {

/// A file of bytes that never change. Parts and versions hold it; whoever reads keeps it alive. Once nothing
/// that the journal knows uses it, it is removed with the last one who holds it. Thread-safe.
class Blob {
  public:
    Blob(std::string id, std::string path, std::uint64_t size_bytes)
        : id_(std::move(id)), path_(std::move(path)), size_bytes_(size_bytes) {}
    ~Blob();
    Blob(const Blob&) = delete;
    Blob& operator=(const Blob&) = delete;

    const std::string& id() const { return id_; }
    const std::string& path() const { return path_; }
    std::uint64_t size_bytes() const { return size_bytes_; }

    /// Counts what the journal knows: parts and versions.
    void use() { ++uses_; }
    void unuse() { --uses_; }

  private:
    std::string id_;
    std::string path_;
    std::uint64_t size_bytes_;
    std::atomic<int> uses_ = 0;
};

/// Reads the blobs one after the other, from `first` of all their bytes on.
std::unique_ptr<BodySource> open_blobs(std::vector<std::shared_ptr<Blob>> blobs, std::uint64_t first);

}  // namespace icecore::sim::s3
