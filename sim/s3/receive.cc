#include "sim/s3/receive.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "sim/lane.h"

namespace icecore::sim::s3 {
namespace {

/// From that size on a file is written by a thread of its own, past the page cache.
constexpr std::uint64_t kLargeBytes = 8 << 20;

/// A file that is removed unless it is kept.
class NewFile {
  public:
    explicit NewFile(std::string path) : path_(std::move(path)) {}
    ~NewFile() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    void keep() { path_.clear(); }

  private:
    std::string path_;
};

PayloadDigests receive_small(const std::string& path, Payload& payload,
                             std::optional<ChecksumAlgorithm> fallback) {
    Fd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return payload.read(
        [&](const std::shared_ptr<const Buffer>& piece) { write_full(fd.get(), piece->view()); }, fallback,
        true);
}

PayloadDigests receive_large(const std::string& path, Payload& payload,
                             std::optional<ChecksumAlgorithm> fallback) {
    std::unique_ptr<FileSystem> files = make_file_system();
    std::unique_ptr<OutputFile> file =
        files->create_large(std::string(parent_path(path)), std::string(base_name(path)));
    PayloadDigests out;
    {
        Lane writing([&](std::string_view data) { file->write(data); });
        out = payload.read([&](const std::shared_ptr<const Buffer>& piece) { writing.put(piece); }, fallback,
                           true);
        writing.finish();
    }
    file->seal();
    return out;
}

}  // namespace

Received receive(const Storage& storage, Payload& payload, std::optional<ChecksumAlgorithm> fallback) {
    std::string id = storage.new_blob_id();
    std::string path = storage.blob_path(id);
    NewFile file(path);
    Received out;
    out.digests = payload.size_bytes() < kLargeBytes ? receive_small(path, payload, fallback)
                                                     : receive_large(path, payload, fallback);
    file.keep();
    out.blob = std::make_shared<Blob>(id, path, out.digests.size_bytes);
    return out;
}

}  // namespace icecore::sim::s3
