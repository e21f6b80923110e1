#include "sim/glacier/incoming.h"

#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/format.h"

namespace icecore::sim::glacier {

IncomingFile::IncomingFile(Service& service, Call& call) : storage_(service.storage) {
    Digest sha256 = required_digest(call, "x-amz-content-sha256");
    Digest tree_hash = required_digest(call, "x-amz-sha256-tree-hash");
    if (!call.request.content_bytes) missing("Content-Length");
    if (call.body.left_bytes() == 0) invalid("Invalid Content-Length: 0");
    {
        std::lock_guard lock(service.mutex);
        find_vault(service, call);
    }
    part_ = storage_.receive(call.body, path_);
    call.now = call.clock.now();
    try {
        if (part_.sha256 != sha256)
            invalid(
                format("The value passed in as x-amz-content-sha256 does not match the computed payload "
                       "hash. Computed digest: {} expected hash: {}",
                       part_.sha256.hex(), sha256.hex()));
        if (part_.tree_hash != tree_hash)
            invalid(format("Checksum mismatch: expected {} but received {}", part_.tree_hash.hex(),
                           tree_hash.hex()));
    } catch (...) {
        storage_.discard(path_);
        throw;
    }
}

IncomingFile::~IncomingFile() {
    if (!path_.empty()) std::remove(path_.c_str());
}

}  // namespace icecore::sim::glacier
