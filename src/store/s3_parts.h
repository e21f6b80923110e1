#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/s3_types.h"
#include "store/target.h"

namespace icecore::store {

/// A part as far as it is known; which of them the service has, it says itself.
struct S3PartState {
    std::string etag;  ///< empty: not there
    Digest sha256;     ///< as the service keeps it; none if it keeps none
    Digest tree_hash;  ///< of our bytes; none: not known yet
    std::string md5;   ///< raw, of our bytes; empty: not computed
};

/// The size of the parts of an object: a power of two, so that the parts' tree hashes make up that of the
/// whole; `wanted_bytes` at least, and so many that there are at most `parts_max`. Throws Error{unsupported}
/// if parts of 5 GiB would not be large enough.
std::uint64_t s3_part_bytes(std::uint64_t size_bytes, std::uint64_t wanted_bytes, unsigned parts_max);
/// Whether an upload that was begun with parts of that size can go on.
bool s3_part_bytes_fit(std::uint64_t part_bytes, std::uint64_t size_bytes, unsigned parts_max);

/// The tree hash of all.
Digest tree_hash_of(const std::vector<S3PartState>& parts);
/// The SHA-256 of the parts' SHA-256, as the service computes it; none if it keeps none.
cloud::S3Checksum composite_of(const std::vector<S3PartState>& parts);
/// The ETag of an object of these parts, by the MD5 of the parts' MD5s; empty if not all of them are known.
std::string etag_of(const std::vector<S3PartState>& parts);

/// What is kept of an upload while it goes on: besides its id, by what the service calls each part that this
/// machine has sent, and its tree hash, so that none is read again only to be hashed.
struct S3UploadNotes {
    std::string upload_id;
    std::uint64_t part_bytes = 0;
    bool completing = false;                    ///< all parts have arrived
    std::map<std::string, Digest> tree_hashes;  ///< by number and ETag

    static std::string name_of(std::size_t index, std::string_view etag);
    /// Empty ones for what cannot be read, or is of another object.
    static S3UploadNotes load(ResumeState& resume, const std::string& key, const Digest& sha256);
    void save(ResumeState& resume, const std::string& key, const Digest& sha256) const;
};

}  // namespace icecore::store
