#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sim/s3/blob.h"
#include "sim/s3/checksum.h"
#include "sim/s3/storage_class.h"

namespace icecore::sim::s3 {

/// What the service knows, as kept in memory. Moments are of the virtual clock.

enum class RetentionMode : std::uint8_t { none, governance, compliance };

/// Until when a version must not be deleted.
struct Retention {
    RetentionMode mode = RetentionMode::none;
    Timestamp until = {};
};

/// A restore that was asked for; it is over and forgotten at `expiry`.
struct Restore {
    Timestamp asked;
    std::string tier;  ///< "Standard"
    std::uint64_t days = 0;
    Timestamp ready;   ///< when the bytes can be read
    Timestamp expiry;  ///< when they no longer can
};

/// What is said of an object when its upload begins, and kept with it.
struct Attributes {
    StorageClass storage_class = StorageClass::standard;
    /// Content-Type, Content-Encoding, … as they are returned; names as in the API's documents.
    std::map<std::string, std::string> headers = {};
    std::map<std::string, std::string> metadata = {};  ///< without "x-amz-meta-", names in lower case
    std::map<std::string, std::string> tags = {};
    std::string encryption = "AES256";  ///< or "aws:kms", "aws:kms:dsse"
    std::string kms_key = {};
    Retention retention = {};
    bool legal_hold = false;
};

/// A part of a multipart upload, and of the object that was made of it.
struct Part {
    unsigned number = 1;
    std::shared_ptr<Blob> blob;
    std::string md5;       ///< hex: its ETag
    std::string checksum;  ///< base64, by the algorithm of the upload
    Timestamp modified = {};
};

/// A version of an object, or a delete marker, which has no bytes.
struct Version {
    std::string id = "null";
    bool delete_marker = false;
    Timestamp created;
    std::uint64_t size_bytes = 0;
    std::string etag = {};  ///< without quotes
    Checksum checksum = {};
    Attributes attributes = {};
    std::vector<Part> parts = {};  ///< in order; of one that came by PutObject a single one
    bool multipart = false;
    std::optional<Restore> restore = std::nullopt;
    /// Since when it has been in its storage class, and whether a lifecycle moved it there.
    Timestamp in_class_since = {};
    bool moved = false;
};

/// All versions of a key, at least one, the oldest first: back() is the current one.
using Versions = std::vector<Version>;

struct Upload {
    std::string id;
    std::string key;
    Timestamp initiated;
    Attributes attributes = {};
    std::optional<ChecksumAlgorithm> algorithm = std::nullopt;  ///< nullopt: none was named
    ChecksumType checksum_type = ChecksumType::full_object;
    std::map<unsigned, Part> parts = {};  ///< by number
};

/// A multipart upload that was completed: a repeated Complete is answered likewise for a while.
struct CompletedUpload {
    std::string key;
    std::string version_id;
    Timestamp completed;
};

enum class Versioning : std::uint8_t { never, enabled, suspended };

/// What a bucket with Object Lock gives to versions that come without a retention of their own.
struct DefaultRetention {
    RetentionMode mode = RetentionMode::none;
    std::uint64_t days = 0;   ///< this
    std::uint64_t years = 0;  ///< or this
};

struct Bucket {
    std::string name;
    std::string region;
    Timestamp created;
    Versioning versioning = Versioning::never;
    bool lock_enabled = false;
    DefaultRetention default_retention = {};
    /// Documents that were put to ?lifecycle, ?tagging, …, as they are returned, by the parameter's name.
    std::map<std::string, std::string> documents = {};
    std::map<std::string, Versions> keys = {};
    std::map<std::string, Upload> uploads = {};             ///< by id
    std::map<std::string, CompletedUpload> completed = {};  ///< by id
};

/// Its restore that is under way or can be read at `now`; nullptr if there is none or it has expired.
inline const Restore* current_restore(const Version& version, Timestamp now) {
    return version.restore && now < version.restore->expiry ? &*version.restore : nullptr;
}

/// Whether its bytes can be read at `now`.
inline bool is_readable(const Version& version, Timestamp now) {
    if (!is_archived(version.attributes.storage_class)) return true;
    const Restore* restore = current_restore(version, now);
    return restore != nullptr && now >= restore->ready;
}

}  // namespace icecore::sim::s3
