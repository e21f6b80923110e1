#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/vault.h"
#include "store/glacier_upload.h"

namespace icecore::engine {
namespace {

using catalog::VaultArchive;

/// Parts of a stream that are in memory while they are sent; they are large, because nobody knows how many
/// there will be.
constexpr unsigned kStreamConnections = 3;

/// A user's file as what is sent.
class UserFile final : public RandomAccessSource {
  public:
    explicit UserFile(const std::string& path) : path_(path), fd_(open_file(path, O_RDONLY | O_NONBLOCK)) {
        stat_ = look();
        if (stat_.type != FileType::regular)
            throw Error(Error::Kind::invalid, path_ + " is not a regular file");
        if (stat_.size == 0)
            throw Error(Error::Kind::invalid, format("{} is empty, and a vault takes nothing empty", path_));
    }
    std::uint64_t size_bytes() const override { return stat_.size; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        std::size_t got = 0;
        try {
            got = pread_full(fd_.get(), buffer, size, offset);
        } catch (Error& e) {
            e.add_context(path_);
            throw;
        }
        if (got < size) changed();
    }
    void refuse_changed() const {
        FileStat now = look();
        if (now.size != stat_.size || now.mtime != stat_.mtime) changed();
    }
    /// What tells it from another file, or from itself after a change.
    std::string key() const {
        return format("{}\n{}:{}\n{}\n{}.{}", path_, stat_.dev, stat_.ino, stat_.size, stat_.mtime.sec,
                      stat_.mtime.nsec);
    }

  private:
    FileStat look() const {
        FileStat stat;
        if (!stat_at(fd_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at " + path_);
        return stat;
    }
    [[noreturn]] void changed() const {
        throw Error(Error::Kind::corrupt, format("{} changed while it was read", path_),
                    "nothing was stored; upload it again when it is at rest");
    }

    std::string path_;
    Fd fd_;
    FileStat stat_;
};

class IndexResume final : public store::ResumeState {
  public:
    IndexResume(catalog::VaultIndex& index, std::string key) : index_(index), key_(std::move(key)) {}
    std::string load() override { return index_.upload_state(key_); }
    void save(std::string_view state) override { index_.save_upload_state(key_, state); }
    void forget() { index_.forget_upload(key_); }

  private:
    catalog::VaultIndex& index_;
    std::string key_;
};

/// Tells the observer of bytes, out of `total` or of nobody knows how many (0).
class ByteProgress {
  public:
    ByteProgress(Observer& observer, Progress::Phase phase, std::uint64_t total_bytes) : observer_(observer) {
        progress_.phase = phase;
        progress_.bytes_total = total_bytes;
        progress_.files_total = 1;
    }
    void add(std::uint64_t bytes) {
        progress_.bytes += bytes;
        observer_.progress(progress_);
    }

  private:
    Observer& observer_;
    Progress progress_;
};

store::Upload digest_file(RandomAccessSource& file, const std::string& name, Observer& observer) {
    ByteProgress progress(observer, Progress::Phase::verifying, file.size_bytes());
    Sha256 linear;
    TreeHash tree;
    std::string buffer(TreeHash::kLeafBytes, '\0');
    for (std::uint64_t at = 0; at < file.size_bytes();) {
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.size_bytes() - at));
        file.read(at, buffer.data(), size);
        linear.update({buffer.data(), size});
        tree.update({buffer.data(), size});
        at += size;
        progress.add(size);
    }
    return {.name = name, .sha256 = linear.finish(), .tree_hash = tree.finish()};
}

}  // namespace

VaultArchive OpenVault::note_stored(const std::string& id, const std::string& name, std::uint64_t size_bytes,
                                    const Digest& tree_hash) {
    VaultArchive archive{.id = id,
                         .name = name,
                         .size_bytes = size_bytes,
                         .tree_hash = tree_hash,
                         .created_at = account_.environment().clock.now(),
                         .seen_at = {},
                         .deleted_at = {}};
    try {
        index_->add(archive);
    } catch (Error& e) {
        e.add_context(format("{} is stored in vault {} as id:{}, but that could not be noted here", name,
                             facts_.name, id));
        throw;
    }
    return archive;
}

VaultArchive OpenVault::upload_file(const std::string& path, const std::string& name) {
    check_archive_name(name);
    UserFile file(path);
    store::GlacierTargetOptions options = account_.target_options(facts_.name);
    // Too large for a vault? Before anything is read.
    cloud::GlacierClient::part_bytes_for(file.size_bytes(), options.part_bytes_min);
    store::Upload upload = digest_file(file, path, account_.observer());
    file.refuse_changed();
    IndexResume resume(*index_, format("{}\n{}", name, file.key()));
    ByteProgress progress(account_.observer(), Progress::Phase::uploading, file.size_bytes());
    std::string id;
    try {
        id = store::upload_to_vault(options, name, store::SameDescription::anybodys, upload, file, resume,
                                    [&](std::uint64_t bytes) { progress.add(bytes); });
    } catch (const Error& e) {
        if (e.kind() == Error::Kind::corrupt) file.refuse_changed();
        throw;
    }
    VaultArchive stored = note_stored(id, name, file.size_bytes(), upload.tree_hash);
    resume.forget();
    return stored;
}

VaultArchive OpenVault::upload_stream(const std::function<std::size_t(char*, std::size_t)>& read,
                                      const std::string& name, std::uint64_t part_bytes) {
    check_archive_name(name);
    store::GlacierTargetOptions options = account_.target_options(facts_.name);
    options.part_bytes_min = part_bytes;
    options.connections = std::min(options.connections, kStreamConnections);
    ByteProgress progress(account_.observer(), Progress::Phase::uploading, 0);
    store::StoredStream stored =
        store::upload_stream_to_vault(options, name, read, [&](std::uint64_t bytes) { progress.add(bytes); });
    return note_stored(stored.archive_id, name, stored.size_bytes, stored.tree_hash);
}

}  // namespace icecore::engine
