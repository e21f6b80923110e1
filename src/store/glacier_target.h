#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cloud/aws_client.h"
#include "store/target.h"

namespace icecore::store {

/// An Amazon Glacier vault as a target. Objects are archives with the description `HOST/SET/NAME`, so that an
/// inventory alone tells what they are; a vault gives names to nothing, so an object is found by its id.
struct GlacierTargetOptions {
    std::string vault;
    std::string account = "-";  ///< 12 digits, or "-": that of the credentials
    std::string host;
    std::string set;
    cloud::AwsOptions aws;                    ///< endpoint, region, credentials, retries
    std::uint64_t part_bytes_min = 16 << 20;  ///< made larger where 10,000 parts would not be enough
    unsigned connections = 4;                 ///< parts that are sent at a time
    /// What is not larger goes out in one request, the rest in parts.
    std::uint64_t single_bytes_max = (100 << 20) - 1;
};

/// put(): a small object in one request; else parts in parallel, each read once into memory if it is at most
/// 64 MiB. An upload that was stopped goes on with what the vault says it has; one that the vault has
/// forgotten (after a day) begins anew. Every part's tree hash is compared, and the vault takes the whole
/// only with our own.
///
/// list(), stat() and verify() know what the newest inventory holds: Error{not_ready} until its job, which
/// they begin, is done after some hours. An inventory is made about once a day; what was stored since is not
/// in it.
///
/// Thaws are archive retrieval jobs of ranges of whole MiB; tickets are job ids; a job's output can be read
/// for a day. A job of the same bytes that is under way or done is found again, so that none is paid twice.
/// Downloads are checked piece by piece where the service tells their tree hash.
///
/// Retries are done inside, request by request: it needs no retrying wrapper. Memory: `connections` parts, or
/// one piece of 16 MiB for reading. Throws Error{invalid} for names that a vault or a description cannot
/// have.
std::unique_ptr<Target> make_glacier_target(GlacierTargetOptions options);

}  // namespace icecore::store
