#include "store/dir_copy.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "store/progress.h"

namespace icecore::store {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

/// One copy. The state in `resume` is "dir-1 SHA256 SIZE": that many bytes of the partial file are durable.
class Copy {
  public:
    Copy(FileSystem& fs, const std::string& dir, std::uint64_t checkpoint_bytes, const Upload& upload,
         RandomAccessSource& source, ResumeState& resume, const std::function<void(std::uint64_t)>& sent)
        : fs_(fs),
          dir_(dir),
          checkpoint_bytes_(checkpoint_bytes),
          upload_(upload),
          source_(source),
          size_bytes_(source.size_bytes()),
          resume_(resume),
          progress_(sent),
          file_(fs.open_partial(dir, upload.name, upload.replace)) {}

    void run() {
        std::uint64_t kept_bytes = left_from_before();
        std::optional<Sha256> hash = hash_left(kept_bytes);
        if (!hash) kept_bytes = 0;
        Digest digest = copy_from(kept_bytes, hash ? std::move(*hash) : Sha256());
        // What was left was not what it should be, or the source is not: only a whole copy tells.
        if (digest != upload_.sha256 && kept_bytes > 0) digest = copy_from(0, Sha256());
        if (digest != upload_.sha256)
            throw Error(Error::Kind::corrupt,
                        "the file to be stored does not have the SHA-256 it should have",
                        "it was changed or damaged after it was made");
        prove();
        file_->seal();
    }

    /// Leaves nothing for a next copy to go on with.
    void discard() {
        try {
            fs_.remove(dir_, partial_name(upload_.name));
            resume_.save({});
        } catch (const std::exception&) {
            // The error that brings us here is the one to be told; what is left is hashed before it is used.
        }
    }

  private:
    std::string state_prefix() const { return "dir-1 " + upload_.sha256.hex() + " "; }

    /// How much of the partial file is of this upload, as far as the state tells.
    std::uint64_t left_from_before() const {
        std::string state = resume_.load();
        std::string prefix = state_prefix();
        if (!state.starts_with(prefix)) return 0;
        std::uint64_t bytes = 0;
        const char* end = state.data() + state.size();
        auto [rest, error] = std::from_chars(state.data() + prefix.size(), end, bytes);
        bool fits =
            error == std::errc() && rest == end && bytes <= size_bytes_ && bytes <= file_->size_bytes();
        return fits ? bytes : 0;
    }

    /// Nothing if what is left cannot be read.
    std::optional<Sha256> hash_left(std::uint64_t size_bytes) const {
        Sha256 hash;
        try {
            read_pieces(file_->fd(), 0, size_bytes, [&](std::string_view piece) { hash.update(piece); });
        } catch (const Error&) {
            return std::nullopt;
        }
        return hash;
    }

    /// Copies all but the first `start_bytes`, which `hash` has had. Returns the digest of the whole.
    Digest copy_from(std::uint64_t start_bytes, Sha256 hash) {
        file_->cut(start_bytes);
        done_bytes_ = durable_bytes_ = start_bytes;
        progress_.start_again();
        stoppable([&] { progress_.add(start_bytes); });
        std::vector<char> buffer(kPieceBytes);
        while (done_bytes_ < size_bytes_) {
            auto size =
                static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size_bytes_ - done_bytes_));
            stoppable([&] { source_.read(done_bytes_, buffer.data(), size); });
            std::string_view piece(buffer.data(), size);
            hash.update(piece);
            file_->write(piece);
            done_bytes_ += size;
            if (done_bytes_ - durable_bytes_ >= checkpoint_bytes_) checkpoint();
            stoppable([&] { progress_.add(size); });
        }
        return hash.finish();
    }

    void checkpoint() {
        file_->sync();
        durable_bytes_ = done_bytes_;
        resume_.save(state_prefix() + std::to_string(done_bytes_));
    }

    /// Runs what may end the copy without anything being wrong with the file: what is written is kept.
    template <typename Action>
    void stoppable(Action action) {
        try {
            action();
        } catch (...) {
            try {
                if (done_bytes_ > durable_bytes_) checkpoint();
            } catch (const std::exception&) {
                // The stop is what is to be told; the last checkpoint stands.
            }
            throw;
        }
    }

    /// Throws unless the disk has what the source had.
    void prove() {
        file_->sync();
        FileStat stat;
        if (!stat_at(file_->fd(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at the copy");
        if (stat.size == size_bytes_ && hash_on_disk(file_->fd(), size_bytes_) == upload_.sha256) return;
        throw Error(
            Error::Kind::corrupt, "the disk returns other bytes than were written to it",
            "store it again; if that fails, too, the disk, its connection or this machine's memory does");
    }

    FileSystem& fs_;
    const std::string& dir_;
    std::uint64_t checkpoint_bytes_;
    const Upload& upload_;
    RandomAccessSource& source_;
    std::uint64_t size_bytes_;
    ResumeState& resume_;
    Progress progress_;
    std::unique_ptr<PartialFile> file_;
    std::uint64_t done_bytes_ = 0;
    std::uint64_t durable_bytes_ = 0;  ///< of them, by the last checkpoint
};

}  // namespace

void read_pieces(int fd, std::uint64_t offset, std::uint64_t length_bytes,
                 const std::function<void(std::string_view)>& sink) {
    std::vector<char> buffer(std::min<std::uint64_t>(kPieceBytes, length_bytes));
    while (length_bytes > 0) {
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length_bytes));
        if (pread_full(fd, buffer.data(), size, offset) < size)
            throw Error(Error::Kind::corrupt, format("the file ends before byte {}", offset + size));
        sink(std::string_view(buffer.data(), size));
        offset += size;
        length_bytes -= size;
    }
}

Digest hash_on_disk(int fd, std::uint64_t size_bytes) {
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    Sha256 hash;
    read_pieces(fd, 0, size_bytes, [&](std::string_view piece) { hash.update(piece); });
    return hash.finish();
}

void copy_proven(FileSystem& fs, const std::string& dir, std::uint64_t checkpoint_bytes, const Upload& upload,
                 RandomAccessSource& source, ResumeState& resume,
                 const std::function<void(std::uint64_t)>& sent) {
    Copy copy(fs, dir, checkpoint_bytes, upload, source, resume, sent);
    try {
        copy.run();
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::corrupt || e.kind() == Error::Kind::exists) copy.discard();
        throw;
    }
}

}  // namespace icecore::store
