#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/stream_hash.h"
#include "store/target.h"

// What the tests of targets share.

namespace icecore::store {

constexpr std::uint64_t kMiB = 1 << 20;

/// `size` pseudo-random bytes, other ones for each seed, made when they are read. Counts what is read and
/// fails where it is told to.
class PatternSource final : public RandomAccessSource {
  public:
    PatternSource(std::uint64_t seed, std::uint64_t size_bytes) : seed_(seed), size_bytes_(size_bytes) {}

    std::uint64_t size_bytes() const override { return size_bytes_; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        ASSERT_LE(offset + size, size_bytes_);
        if (fail_at && offset + size > *fail_at) throw Error(fail_kind, "the source fails");
        bytes_read += size;
        fill(offset, buffer, size);
    }

    /// Uncounted.
    std::string bytes(std::uint64_t offset, std::uint64_t size) const {
        std::string out(size, '\0');
        fill(offset, out.data(), size);
        return out;
    }

    /// An upload of it as `name`, with the digests of parts of that size.
    Upload upload(std::string name, std::uint64_t part_bytes = 0) const {
        Upload upload;
        upload.name = std::move(name);
        StreamHash hash(part_bytes);
        for (std::uint64_t at = 0; at < size_bytes_; at += kMiB) {
            std::string piece = bytes(at, std::min(kMiB, size_bytes_ - at));
            hash.update(piece);
        }
        StreamHash::Result hashed = hash.finish();
        upload.sha256 = hashed.whole.sha256;
        upload.tree_hash = hashed.whole.tree_hash;
        upload.parts = hashed.parts;
        return upload;
    }

    std::uint64_t bytes_read = 0;
    std::optional<std::uint64_t> fail_at;  ///< reads beyond fail
    Error::Kind fail_kind = Error::Kind::io;

  private:
    /// Eight bytes of the pattern (splitmix64).
    std::uint64_t word(std::uint64_t index) const {
        std::uint64_t x = (index + 1) * 0x9e3779b97f4a7c15U + seed_ * 0xd1342543de82ef95U;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
        return x ^ (x >> 31);
    }
    void fill(std::uint64_t offset, char* buffer, std::uint64_t size) const {
        while (size > 0) {
            std::uint64_t value = word(offset / 8);
            std::uint64_t skip = offset % 8;
            std::uint64_t n = std::min(size, 8 - skip);
            std::memcpy(buffer, reinterpret_cast<const char*>(&value) + skip, n);
            buffer += n;
            offset += n;
            size -= n;
        }
    }

    std::uint64_t seed_;
    std::uint64_t size_bytes_;
};

class MemoryResume final : public ResumeState {
  public:
    std::string load() override { return state; }
    void save(std::string_view saved) override { state = saved; }
    std::string state;
};

/// The Error that `action` throws; a test that fails if it throws none.
inline Error thrown_by(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "must throw";
    return {Error::Kind::cancelled, "nothing was thrown"};
}

inline Error::Kind kind_thrown_by(const std::function<void()>& action) {
    return thrown_by(action).kind();
}

inline ObjectRef put_whole(Target& target, const Upload& upload, RandomAccessSource& source) {
    MemoryResume resume;
    return target.put(upload, source, resume, [](std::uint64_t) {});
}

/// Must be readable.
inline std::string read_range(Target& target, const ObjectRef& object, std::uint64_t offset,
                              std::uint64_t size) {
    std::string out;
    target.read({object, offset, size, {}}, [&](std::string_view piece) { out += piece; });
    return out;
}

/// A clock that stands until somebody sleeps.
class VirtualClock final : public Clock {
  public:
    Timestamp now() const override { return add_ns({1'700'000'000, 0}, ns_); }
    std::int64_t monotonic_ns() const override { return ns_; }
    std::function<void(std::int64_t)> sleep() {
        return [this](std::int64_t ns) {
            EXPECT_GT(ns, 0);
            ns_ += ns;
        };
    }
    void advance(std::int64_t ns) { ns_ += ns; }

  private:
    std::int64_t ns_ = 0;
};

}  // namespace icecore::store
