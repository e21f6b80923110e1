#include "engine/vault_retrieve.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/glacier_reader.h"

namespace icecore::engine {
namespace {

/// Reads the first `size_bytes` of a file into `tree`; false if there are fewer.
bool hash_file(int fd, std::uint64_t size_bytes, TreeHash& tree) {
    std::string buffer(TreeHash::kLeafBytes, '\0');
    for (std::uint64_t at = 0; at < size_bytes;) {
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_bytes - at));
        if (pread_full(fd, buffer.data(), size, at) < size) return false;
        tree.update({buffer.data(), size});
        at += size;
    }
    return true;
}

/// Reads the archive from `offset` on. False if the whole then has another hash than it should.
bool read_on(OpenVault& vault, const cloud::GlacierJob& job, std::uint64_t offset, std::uint64_t piece_bytes,
             TreeHash& tree, const std::function<void(std::string_view)>& sink) {
    store::GlacierReader reader(vault.account().client(), vault.name());
    reader.set_piece_bytes(piece_bytes);
    Progress progress;
    progress.phase = Progress::Phase::fetching;
    progress.files_total = 1;
    progress.bytes = offset;
    progress.bytes_total = job.archive_bytes;
    reader.read(job, offset, job.archive_bytes - offset, [&](std::string_view piece) {
        sink(piece);
        tree.update(piece);
        progress.bytes += piece.size();
        vault.account().observer().progress(progress);
    });
    return job.archive_tree_hash.empty() || tree.finish() == job.archive_tree_hash;
}

[[noreturn]] void wrong_bytes(const OpenVault& vault) {
    throw Error(
        Error::Kind::corrupt,
        format("what came from vault {} is not what was stored there: its tree hash differs", vault.name()));
}

}  // namespace

void retrieve_to_file(OpenVault& vault, const cloud::GlacierJob& job, const std::string& path,
                      std::uint64_t piece_bytes) {
    std::string dir(parent_path(path));
    std::unique_ptr<PartialFile> file = vault.account().environment().fs.open_partial(
        dir.empty() ? "/" : dir, std::string(base_name(path)), true);
    std::uint64_t there = std::min(file->size_bytes(), job.archive_bytes) / piece_bytes * piece_bytes;
    for (;; there = 0) {
        file->cut(there);
        TreeHash tree;
        bool good = hash_file(file->fd(), there, tree) &&
                    read_on(vault, job, there, piece_bytes, tree,
                            [&](std::string_view piece) { file->write(piece); });
        if (good) break;
        if (there == 0) {
            file->cut(0);
            wrong_bytes(vault);
        }
        // What was left from before was not of this archive.
    }
    file->seal();
}

void retrieve_to_stream(OpenVault& vault, const cloud::GlacierJob& job, std::uint64_t piece_bytes,
                        const std::function<void(std::string_view)>& sink) {
    TreeHash tree;
    if (!read_on(vault, job, 0, piece_bytes, tree, sink)) wrong_bytes(vault);
}

bool file_has(const std::string& path, std::uint64_t size_bytes, const Digest& tree_hash) {
    std::error_code error;
    if (tree_hash.empty() || !std::filesystem::is_regular_file(path, error) ||
        std::filesystem::file_size(path, error) != size_bytes)
        return false;
    TreeHash tree;
    Fd fd = open_file(path, O_RDONLY);
    return hash_file(fd.get(), size_bytes, tree) && tree.finish() == tree_hash;
}

}  // namespace icecore::engine
