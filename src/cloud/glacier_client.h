#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random_access_source.h"
#include "cloud/aws_client.h"

namespace icecore::cloud {

/// The Amazon Glacier vault API, version 2012-06-01 (Amazon S3 Glacier Developer Guide, "API reference"), one
/// function an operation. Ids are opaque.

struct GlacierVault {
    std::string name;
    std::string arn;
    Timestamp created;
    std::optional<Timestamp> last_inventory;  ///< none before the first one
    std::uint64_t archives = 0;               ///< as of that
    std::uint64_t size_bytes = 0;             ///< as of that, with the service's overhead
};

struct GlacierUpload {
    std::string id;
    std::string description;
    std::uint64_t part_bytes = 0;
    Timestamp created;
};

struct GlacierPart {
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    Digest tree_hash;
};

/// Bytes that are sent, with the digests that the service wants to know before.
struct GlacierContent {
    RandomAccessSource* source = nullptr;
    std::uint64_t offset = 0;  ///< in the source and, for a part, in the archive
    std::uint64_t length_bytes = 0;
    Digest sha256;
    Digest tree_hash;
};

enum class GlacierTier : std::uint8_t { bulk, standard, expedited };

struct GlacierJob {
    enum class Kind : std::uint8_t { archive, inventory };
    enum class Status : std::uint8_t { in_progress, succeeded, failed };
    std::string id;
    Kind kind = Kind::archive;
    Status status = Status::in_progress;
    std::string message;      ///< of the service: why it failed
    std::string description;  ///< what the job was given when it was begun
    Timestamp created;
    std::optional<Timestamp> completed;
    std::string tier;                 ///< "Bulk", "Standard", "Expedited"; empty for inventories
    std::string archive_id;           ///< archive
    std::uint64_t archive_bytes = 0;  ///< archive: size of all of it
    Digest archive_tree_hash;         ///< archive: of all of it
    std::uint64_t range_offset = 0;   ///< archive: what is retrieved of it
    std::uint64_t range_bytes = 0;
    Digest range_tree_hash;             ///< none unless the range is a node of the archive's hash tree
    std::uint64_t inventory_bytes = 0;  ///< inventory, succeeded
    std::string inventory_format;       ///< inventory: "JSON", "CSV"
    std::string inventory_marker;       ///< inventory with a limit: where the next goes on; empty at the end
    bool inventory_whole = true;        ///< inventory: of all archives
};

struct GlacierArchiveJob {
    std::string archive_id;
    GlacierTier tier = GlacierTier::bulk;
    std::uint64_t offset = 0;        ///< a multiple of 1 MiB
    std::uint64_t length_bytes = 0;  ///< ends at a multiple of 1 MiB or at the archive's end; 0: all of it
    std::string description;
};

struct GlacierInventoryEntry {
    std::string archive_id;
    std::string description;
    Timestamp created;
    std::uint64_t size_bytes = 0;
    Digest tree_hash;
};

/// What came of downloading a job's output.
struct GlacierOutput {
    std::uint64_t length_bytes = 0;
    Digest tree_hash;         ///< what the service says that the bytes have; none where it does not say
    std::string description;  ///< the archive's
};

/// One thread at a time. Errors as AwsClient::call; besides, Error{corrupt} for an answer that is not as the
/// API has it (malformed JSON, a missing header, another tree hash than that of what was sent).
class GlacierClient {
  public:
    static constexpr std::uint64_t kMegabyte = 1 << 20;
    static constexpr std::uint64_t kPartsMax = 10'000;
    static constexpr std::uint64_t kPartBytesMax = std::uint64_t{4} << 30;
    static constexpr std::uint64_t kSingleBytesMax = std::uint64_t{4} << 30;
    static constexpr std::size_t kDescriptionBytesMax = 1024;

    /// `account`: 12 digits, or "-" for that of the credentials.
    GlacierClient(AwsOptions options, std::string account);

    // Vaults
    void create_vault(const std::string& vault);
    GlacierVault describe_vault(const std::string& vault);
    void list_vaults(const std::function<void(const GlacierVault&)>& visit);
    void delete_vault(const std::string& vault);

    // Archives
    /// Returns the archive's id.
    std::string upload_archive(const std::string& vault, const std::string& description,
                               const GlacierContent& content);
    void delete_archive(const std::string& vault, const std::string& archive_id);

    // Multipart uploads
    /// Not repeated when its reply was lost, so that no upload is left that nobody knows of:
    /// Error{transient}, and list_multipart() tells.
    std::string initiate_multipart(const std::string& vault, const std::string& description,
                                   std::uint64_t part_bytes);
    void upload_part(const std::string& vault, const std::string& upload_id, const GlacierContent& content);
    /// Returns the archive's id. May be repeated for a while after a lost reply.
    std::string complete_multipart(const std::string& vault, const std::string& upload_id,
                                   std::uint64_t size_bytes, const Digest& tree_hash);
    void abort_multipart(const std::string& vault, const std::string& upload_id);
    /// Returns the upload's part size.
    std::uint64_t list_parts(const std::string& vault, const std::string& upload_id,
                             const std::function<void(const GlacierPart&)>& visit);
    void list_multipart(const std::string& vault, const std::function<void(const GlacierUpload&)>& visit);

    // Jobs; initiating returns the job's id. It costs money, so it is not repeated when the reply was lost:
    // Error{transient}, and list_jobs() tells.
    std::string initiate_archive_job(const std::string& vault, const GlacierArchiveJob& job);
    std::string initiate_inventory_job(const std::string& vault, const std::string& description);
    GlacierJob describe_job(const std::string& vault, const std::string& job_id);
    void list_jobs(const std::string& vault, const std::function<void(const GlacierJob&)>& visit);
    /// `length_bytes` bytes at `offset` of the output, relative to the job's range. Throws Error{not_found}
    /// for an expired job, Error{not_ready} for one that is in progress. `sink` may have had bytes when an
    /// Error comes.
    GlacierOutput get_job_output(const std::string& vault, const std::string& job_id, std::uint64_t offset,
                                 std::uint64_t length_bytes, const BodySink& sink);
    /// An inventory job's output, which must be JSON. Returns the inventory's moment. Memory: one entry.
    /// `visit` may have had entries when an Error comes.
    Timestamp get_inventory(const std::string& vault, const std::string& job_id,
                            const std::function<void(const GlacierInventoryEntry&)>& visit);

    /// The smallest part size that an archive of `size_bytes` can be sent in, at least `wanted_bytes`: 1 MiB
    /// times a power of two.
    static std::uint64_t part_bytes_for(std::uint64_t size_bytes, std::uint64_t wanted_bytes);
    /// Throws Error{invalid} for a name that no vault can have.
    static void check_vault_name(std::string_view name);

  private:
    std::string vault_path(std::string_view vault, std::string_view rest = {}) const;
    HttpResponse call(AwsRequest request, const BodySink& sink = {});
    HttpResponse call_output(const std::string& vault, AwsRequest request, const BodySink& sink);
    std::string initiate_job(const std::string& vault, std::string body, const std::string& doing);
    template <typename VisitPage>
    void page_through(const AwsRequest& first, std::string_view limit, const VisitPage& visit_page);

    AwsClient client_;
    std::string account_;
};

}  // namespace icecore::cloud
