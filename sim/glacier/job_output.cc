#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "sim/glacier/operations.h"
#include "sim/glacier/part_file.h"

namespace icecore::sim::glacier {
namespace {

/// A range of a file. It is open already: an answer that has begun does not mind that the job expires.
class FileSource final : public BodySource {
  public:
    FileSource(const std::string& path, std::uint64_t first)
        : fd_(open_file(path, O_RDONLY)), first_(first) {}
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        if (pread_full(fd_.get(), buffer, size, first_ + offset) != size)
            throw Error(Error::Kind::corrupt, "a job's output is shorter than it was");
    }

  private:
    Fd fd_;
    std::uint64_t first_;
};

void add_archive_output(const Service& service, const Vault& vault, const Job& job, const ByteRange& range,
                        Response& out) {
    auto found = vault.archives.find(job.archive_id);
    if (found == vault.archives.end()) not_found("The archive ID was not found: " + job.archive_id);
    const Archive& archive = found->second;
    std::string dir = service.storage.archive_dir(vault, archive);
    ByteRange in_archive{job.range.first + range.first, job.range.first + range.last};
    out.set("Content-Type", "application/octet-stream");
    if (!archive.description.empty()) out.set("x-amz-archive-description", archive.description);
    // Both the job's range and this one must be nodes of the tree.
    if (!job.range_tree_hash.empty() && tree_hash_aligned(in_archive, archive.size_bytes))
        out.set("x-amz-sha256-tree-hash", range_tree_hash(dir, archive, in_archive).hex());
    out.stream = open_archive(std::move(dir), archive, in_archive);
}

}  // namespace

Response job_output(const Service& service, const Vault& vault, const Job& job, const Call& call) {
    bool of_archive = job.kind == Job::Kind::archive;
    std::uint64_t size_bytes = of_archive ? job.range.size_bytes() : job.inventory_bytes;
    ByteRange range{0, size_bytes - 1};
    Response out = empty_response(200);
    if (const std::string* header = call.request.header("Range")) {
        std::optional<ByteRange> wanted = parse_range_header(*header, size_bytes);
        if (!wanted) invalid(format("Invalid Range: {}. The output has {} bytes", *header, size_bytes));
        range = *wanted;
        out.status = 206;
        out.set("Content-Range", format("bytes {}/{}", format_range(range), size_bytes));
    }
    out.set("Accept-Ranges", "bytes");
    out.stream_bytes = range.size_bytes();
    if (of_archive) {
        add_archive_output(service, vault, job, range, out);
    } else {
        out.set("Content-Type", job.query.format == "JSON" ? "application/json" : "text/csv");
        out.stream =
            std::make_unique<FileSource>(service.storage.job_output_path(vault, job.id), range.first);
    }
    service.bill.add_egress(call.now, out.stream_bytes);
    return out;
}

}  // namespace icecore::sim::glacier
