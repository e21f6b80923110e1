#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace icecore::cloud {

/// What S3 says of things, in the order and the words of its API (Amazon S3 API Reference). Entity tags are
/// without their quotes.

/// The copy of a cold object that can be read for a while.
struct S3Restore {
    bool in_progress = false;
    std::optional<Timestamp> until;  ///< when the copy goes, at a midnight
};

/// "ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"": the x-amz-restore header. Throws
/// Error{corrupt}.
S3Restore parse_restore_header(std::string_view text);

/// An object, or one of its versions, as a listing tells it.
struct S3Object {
    std::string key;
    std::uint64_t size_bytes = 0;
    std::string etag;
    std::string storage_class;  ///< "STANDARD", "DEEP_ARCHIVE"
    Timestamp modified;
    std::optional<S3Restore> restore;
    std::string version_id;      ///< of a listing of versions
    bool latest = true;          ///< the version that a read without version id finds
    bool delete_marker = false;  ///< no object, but the word that it was deleted
};

/// The SHA-256 that a service keeps of an object.
struct S3Checksum {
    Digest sha256;       ///< none: it keeps none
    unsigned parts = 0;  ///< 0: of the bytes; else of the digests of so many parts, one after the other
    bool operator==(const S3Checksum&) const = default;

    /// "o0sg…=" or "o0sg…=-12", as x-amz-checksum-sha256 has it; nullopt for what is neither.
    static std::optional<S3Checksum> parse(std::string_view text);
    std::string text() const;
};

/// What HEAD tells of an object.
struct S3Head {
    std::uint64_t size_bytes = 0;
    std::string etag;
    S3Checksum checksum;
    std::string storage_class;  ///< "STANDARD" where the service says nothing
    std::string sse;            ///< how it is encrypted, "AES256"; empty where the service says nothing
    std::optional<S3Restore> restore;
    std::string version_id;                       ///< empty in a bucket without versions
    std::map<std::string, std::string> metadata;  ///< without "x-amz-meta-"; names in lower case
    std::optional<Timestamp> modified;
    std::string lock_mode;  ///< empty: not locked, or we may not know
    std::optional<Timestamp> locked_until;
};

/// What an object is given when it is stored.
struct S3ObjectOptions {
    std::string storage_class;                    ///< empty: the bucket's choice
    std::string sse;                              ///< "AES256", "aws:kms"; empty: the bucket's choice
    std::string kms_key;                          ///< with "aws:kms"; empty: the account's
    std::map<std::string, std::string> metadata;  ///< printable ASCII
    std::string lock_mode;                        ///< "GOVERNANCE", "COMPLIANCE"; empty: not locked
    Timestamp locked_until;
};

/// What a store says of bytes that have arrived.
struct S3Stored {
    std::string etag;
    S3Checksum checksum;
    std::string version_id;
};

struct S3Part {
    unsigned number = 0;  ///< from 1 on
    std::uint64_t size_bytes = 0;
    std::string etag;
    Digest sha256;  ///< none: the store keeps none
};

struct S3Upload {
    std::string key;
    std::string id;
    std::optional<Timestamp> begun;
};

enum class S3Tier : std::uint8_t { bulk, standard, expedited };
std::string_view tier_name(S3Tier tier);

enum class S3RestoreAnswer : std::uint8_t {
    accepted,         ///< 202: it is under way
    there_already,    ///< 200: there is a copy, which is kept for `days` from now on
    in_progress,      ///< 409: it was asked for before, as fast or faster
    not_now,          ///< 503: no capacity for expedited retrievals
    not_cold,         ///< 403: its storage class needs no restore
    unknown_to_store  ///< 501: the store restores nothing
};

/// A rule that does something to objects by itself.
struct S3LifecycleRule {
    std::string id;
    bool enabled = false;
    std::string prefix;   ///< of the keys that it is for; empty: all
    bool tagged = false;  ///< it is for objects with certain tags only
    std::optional<std::uint64_t> larger_than_bytes;
    std::optional<std::uint64_t> smaller_than_bytes;
    bool expires = false;  ///< it deletes objects, some day; not: delete markers that hide nothing any more
    /// It deletes versions that are not the latest, so many days after they ceased to be.
    std::optional<unsigned> noncurrent_days;
    std::vector<std::string> moves_to;  ///< the storage classes of its transitions
    unsigned abort_days = 0;            ///< it gives up unfinished uploads after so many days; 0: it does not
};

/// Object Lock of a bucket.
struct S3LockConfiguration {
    bool enabled = false;
    std::string default_mode;  ///< empty: objects are locked only if they ask for it
};

}  // namespace icecore::cloud
