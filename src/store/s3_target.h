#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/s3_client.h"
#include "store/target.h"

namespace icecore::store {

/// A bucket of Amazon S3, or of a store that speaks its language, as a target. The key of an object is
/// `PREFIX/HOST/SET/NAME`, so that a listing alone tells what it is.
struct S3TargetOptions {
    cloud::S3Options s3;  ///< bucket, endpoint, region, credentials, retries
    std::string prefix;   ///< of all keys, without slashes at its ends; may be empty
    std::string host;
    std::string set;
    /// Of cold objects (volumes). nullopt: DEEP_ARCHIVE at Amazon, elsewhere what the bucket gives; empty:
    /// what the bucket gives.
    std::optional<std::string> storage_class = std::nullopt;
    /// Of hot objects (manifests, logs, README). nullopt: STANDARD at Amazon, elsewhere what the bucket
    /// gives.
    std::optional<std::string> hot_class = std::nullopt;
    std::string sse;                          ///< "AES256", "aws:kms"; empty: what the bucket does
    std::string kms_key;                      ///< with "aws:kms"
    std::string lock_mode;                    ///< "GOVERNANCE", "COMPLIANCE"; empty: no locks
    std::uint64_t part_bytes_min = 16 << 20;  ///< a power of two of MiB, 8 MiB at least
    unsigned connections = 4;                 ///< parts that are sent at a time
    /// So many parts one store is known to take at most (Scaleway). One that refuses the next gets larger
    /// ones, and is remembered to take no more.
    unsigned few_parts_max = 1000;
    /// What is not larger goes out in one request, the rest in parts. At most 64 MiB.
    std::uint64_t single_bytes_max = 16 << 20;
    /// Where is kept, from run to run, what the store turned out to be able to do: a short text, durable when
    /// `save_features` returns. May be empty: then each target finds out anew, at the cost of a few requests.
    std::function<std::string()> load_features = {};
    std::function<void(const std::string&)> save_features = {};
};

/// put(): a small object in one request, `If-None-Match: *`, whose reply confirms the SHA-256 (it is the
/// payload's hash in the signature and the checksum that the service keeps); a larger one in parts, in
/// parallel. Only what has the same name and content is taken for the same. An upload that was stopped goes
/// on with the parts that the service lists; those that this machine has not noted are hashed and compared
/// with what the service says of them. Parts whose digests are known (Upload::parts) are read once, as they
/// go out. Uploads of the same key that nothing is noted of are given up. At the
/// end the tree hash over all parts must be the sealed one, and the service takes the whole only with the
/// composite of the parts' SHA-256. (A CRC64 of the whole would let the service tell one checksum of the
/// object, but we would have to compute one more, and a CRC proves nothing to anybody who has only the
/// SHA-256 of manifest and catalogue.) A store that keeps no SHA-256 confirms by its ETag, the MD5 of the
/// bytes or of the parts' MD5s. SHA-256 and tree hash of the whole are metadata of the object
/// (`icecore-sha256`, `icecore-tree-hash`), and become part of it in the same moment as its bytes.
///
/// verify() and stat() are one HEAD; list() tells no digests. Where the bucket keeps versions, an object
/// that somebody deleted is found by its last version: `deleted`, with the version's id in `ref.id`, and read
/// from there. remove() removes all versions.
///
/// Thaws are restores of whole objects; a copy can be read for `days` days, until midnight. poll_thaws()
/// lists, 1,000 objects to a request, where that is cheaper than to ask for each. A store that has no
/// restores reads its cold classes at once.
///
/// What a store can do is found out as it is used, and remembered (`load_features`): conditional writes,
/// checksums, restores, how many parts it takes. Retries are done inside, request by request. Memory:
/// `connections` parts. Throws Error{invalid} for names that are no part of a key.
std::unique_ptr<Target> make_s3_target(S3TargetOptions options);

}  // namespace icecore::store
