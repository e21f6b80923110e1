#pragma once

#include <string>
#include <utility>

#include "sim/glacier/call.h"
#include "sim/glacier/part_file.h"

namespace icecore::sim::glacier {

/// The data of a request, received into a file of its own, which is discarded unless it is released.
class IncomingFile {
  public:
    /// Receives all of `call.body` (without the lock) and checks it: not empty, x-amz-content-sha256,
    /// x-amz-sha256-tree-hash. Throws ApiError, Error, ConnectionLost; before the first byte if `call.vault`
    /// is not there or a header is missing. Then looks at the clock again.
    IncomingFile(Service& service, Call& call);
    ~IncomingFile();
    IncomingFile(const IncomingFile&) = delete;
    IncomingFile& operator=(const IncomingFile&) = delete;

    const ReceivedPart& part() const { return part_; }
    /// The file's path: the caller's from now on.
    std::string release() { return std::exchange(path_, {}); }

  private:
    const Storage& storage_;
    std::string path_;
    ReceivedPart part_;
};

}  // namespace icecore::sim::glacier
