#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "store/s3_features.h"
#include "store/s3_target.h"

namespace icecore::store {

/// What a put to a bucket needs besides the object: all of it must outlive the put.
struct S3PutContext {
    const S3TargetOptions& options;  ///< storage classes are filled in
    cloud::S3Client& client;
    S3FeatureMemory& features;
};

/// The steps that a put in one request and one in parts have in common. References must outlive it.
class S3Put {
  public:
    S3Put(const S3PutContext& context, std::string key, const Upload& upload, RandomAccessSource& source,
          const std::function<void(std::uint64_t)>& sent);

  protected:
    /// Storage class, encryption, metadata, lock.
    cloud::S3ObjectOptions object_options() const;
    std::string doing() const;

    /// Whether the object is there already; then it is locked as long as it should be. Throws Error{exists}
    /// if another one is there that may not be replaced.
    bool confirm_existing();

    /// Whether the store confirms what it has by MD5 alone.
    bool want_md5() const;
    /// Notes whether it keeps SHA-256, by what it told of something that was sent with one.
    void learn_checksums(const cloud::S3Checksum& checksum);

    /// Tells the listener of bytes that went out; in the end, of all.
    void tell(std::uint64_t bytes);
    void tell_rest();

    [[noreturn]] void unproven(std::string_view why) const;

    const S3TargetOptions& options_;
    cloud::S3Client& client_;
    S3FeatureMemory& features_;
    const std::string key_;
    const Upload& upload_;
    RandomAccessSource& source_;
    const std::function<void(std::uint64_t)>& sent_;
    std::uint64_t told_bytes_ = 0;

  private:
    bool only_listed_ = false;  ///< what is there was seen in a listing alone

    std::optional<cloud::S3Head> look();
    bool is_same(const cloud::S3Head& head);
    std::string etag_in_parts(std::string_view like);
    void lock_longer(const cloud::S3Head& head);
};

/// Throws Error{corrupt}: the service does not confirm what was sent.
[[noreturn]] void throw_unproven(std::string_view doing, std::string_view why);

}  // namespace icecore::store
