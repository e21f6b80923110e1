#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random_access_source.h"
#include "cloud/aws_client.h"
#include "cloud/s3_types.h"

namespace icecore::cloud {

/// Where the bucket's name stands in a request.
enum class S3Addressing : std::uint8_t {
    automatic,     ///< in the host name at Amazon, unless it has dots (no certificate fits that); else in the
                   ///< path
    path,          ///< https://HOST/BUCKET/KEY
    virtual_host,  ///< https://BUCKET.HOST/KEY
};

struct S3Options {
    AwsOptions aws;  ///< `scope` = {region, "s3"}
    std::string bucket;
    S3Addressing addressing = S3Addressing::automatic;
    /// Told what the user should know and nothing is wrong with: another region than said. Any thread.
    std::function<void(const std::string&)> on_notice = {};
};

/// Bytes that are sent. S3 wants their SHA-256 as the payload's hash and keeps it as the checksum.
struct S3Content {
    RandomAccessSource* source = nullptr;
    std::uint64_t offset = 0;  ///< in the source
    std::uint64_t length_bytes = 0;
    Digest sha256;
};

/// One bucket of Amazon S3 (API 2006-03-01) or of a store that speaks its language; one function an
/// operation. `doing` arguments say what is being done, for messages.
///
/// One thread at a time. Errors as AwsClient::call, and besides: Error{corrupt} for an answer that is not as
/// the API has it. A denied request names the action that is not allowed. A bucket of another region than
/// said is looked for there, once, and `on_notice` told; a redirection is never followed with a signed
/// request to another host than the endpoint's, or than Amazon's for that region if the endpoint is Amazon's.
class S3Client {
  public:
    static constexpr std::uint64_t kPartBytesMin = 5 << 20;
    static constexpr std::uint64_t kPartBytesMax = std::uint64_t{5} << 30;
    static constexpr std::uint64_t kSingleBytesMax = std::uint64_t{5} << 30;
    static constexpr unsigned kPartsMax = 10'000;

    explicit S3Client(S3Options options);
    ~S3Client();
    S3Client(S3Client&&) noexcept;

    /// With the region that the bucket turned out to be in: for more clients of the same.
    const S3Options& options() const { return options_; }
    bool at_amazon() const;
    /// "s3://BUCKET/KEY"
    std::string url_of(std::string_view key) const;

    // Objects
    /// `create_only`: Error with the code PreconditionFailed (status 412) if there is an object of this key.
    S3Stored put_object(const std::string& key, const S3ObjectOptions& object, const S3Content& content,
                        bool create_only, const std::string& doing);
    /// nullopt if there is no such object (or bucket: the answer does not tell).
    std::optional<S3Head> head_object(const std::string& key, const std::string& version_id = {});
    /// Throws ServiceError with the code InvalidObjectState for a cold object that has no copy to read, and
    /// Error{corrupt} if the object ends before. `sink` may have had bytes when an Error comes.
    void get_object(const std::string& key, const std::string& version_id, std::uint64_t offset,
                    std::uint64_t length_bytes, const BodySink& sink);
    /// Of a version, or with a new delete marker where versions are kept.
    void delete_object(const std::string& key, const std::string& version_id = {});

    // Multipart uploads
    /// Not repeated when its reply was lost (Error{transient}): list_uploads() tells.
    std::string create_upload(const std::string& key, const S3ObjectOptions& object,
                              const std::string& doing);
    S3Stored upload_part(const std::string& key, const std::string& upload_id, unsigned number,
                         const S3Content& content);
    /// `parts` in order of their numbers; with a checksum of each if `checksum` has one. Error{not_found} if
    /// the upload is not known (any more): an object may have come of it. May take minutes.
    S3Stored complete_upload(const std::string& key, const std::string& upload_id,
                             const std::vector<S3Part>& parts, const S3Checksum& checksum, bool create_only);
    /// One that is not there is no error.
    void abort_upload(const std::string& key, const std::string& upload_id);
    /// False if the upload is not known.
    bool list_parts(const std::string& key, const std::string& upload_id,
                    const std::function<void(const S3Part&)>& visit);
    void list_uploads(const std::string& prefix, const std::function<void(const S3Upload&)>& visit);

    // Listings, 1,000 to a request
    /// Objects whose keys begin with `prefix` and come after `after`, by key; with the state of their
    /// restores. Ends when `visit` returns false.
    void list_objects(const std::string& prefix, const std::string& after,
                      const std::function<bool(const S3Object&)>& visit);
    /// Versions and delete markers, of a key the newest first.
    void list_versions(const std::string& prefix, const std::function<bool(const S3Object&)>& visit);
    /// Asks for one object at most: whether the bucket is there and lets us in.
    void check(const std::string& prefix);

    // Cold objects
    S3RestoreAnswer restore_object(const std::string& key, const std::string& version_id, unsigned days,
                                   S3Tier tier);

    // Locks
    void put_retention(const std::string& key, const std::string& version_id, const std::string& mode,
                       Timestamp until);
    std::optional<Timestamp> get_retention(const std::string& key, const std::string& version_id);

    // The bucket
    /// Where it says it is: "us-east-1".
    std::string get_location();
    /// Whether versions are, or were once, kept.
    bool has_versions();
    S3LockConfiguration get_lock_configuration();
    std::vector<S3LifecycleRule> get_lifecycle();
    /// Adds a rule that gives up unfinished uploads below `prefix`; other rules stay. Not safe against
    /// somebody who changes them in the same second.
    void add_abort_rule(const std::string& id, const std::string& prefix, unsigned days);

  private:
    struct Learned;
    using Parameters = std::vector<std::pair<std::string, std::string>>;

    void open();
    AwsRequest request(std::string method, const std::string& key, Parameters query, std::string doing) const;
    HttpResponse call(AwsRequest request, std::string_view action, const BodySink& sink = {});
    bool follow_region(const ServiceError& error);
    void explain(ServiceError& error, const AwsRequest& request, std::string_view action) const;
    std::string lifecycle_xml();
    template <typename Parse, typename Visit>
    void page_through(Parameters query, const std::string& doing, std::string_view action, const Parse& parse,
                      const Visit& visit, const std::vector<HttpHeader>& headers = {},
                      const std::string& key = {});

    S3Options options_;
    std::unique_ptr<Learned> learned_;  ///< from the last answer that was an error
    std::unique_ptr<AwsClient> client_;
    std::string path_prefix_;  ///< "/BUCKET" where the bucket stands in the path
};

/// Whether an endpoint is one of Amazon's.
bool is_amazon_endpoint(std::string_view endpoint);

/// Throws Error{invalid} for a name that no bucket can have.
void check_bucket_name(std::string_view name);

}  // namespace icecore::cloud
