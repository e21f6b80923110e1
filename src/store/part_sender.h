#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "store/part_content.h"

namespace icecore::store {

/// One thread's way to a service that takes objects in parts.
class PartSender {
  public:
    virtual ~PartSender() = default;
    /// Sends part number `index`, whose digests these are or should be, and proves that it arrived. What is
    /// to be remembered of it is put where no other part's is: it is read when `arrived` tells of the part.
    virtual void send(std::size_t index, PartContent& content, const Digests& digests) = 0;
};

/// An object of `size_bytes` in parts that are all `part_bytes` long but the last.
struct PartLayout {
    std::uint64_t size_bytes = 0;
    std::uint64_t part_bytes = 0;

    std::size_t count() const { return static_cast<std::size_t>((size_bytes + part_bytes - 1) / part_bytes); }
    std::uint64_t offset(std::size_t index) const { return index * part_bytes; }
    std::uint64_t length(std::size_t index) const {
        return size_bytes - offset(index) < part_bytes ? size_bytes - offset(index) : part_bytes;
    }
};

/// The digests of the parts that are known from packing; nullptr if they are of parts of another size, or do
/// not make up the object.
const PartDigests* known_digests(const Upload& upload, const PartLayout& layout);

struct SendPartsOptions {
    const PartDigests* known = nullptr;  ///< known_digests(); outlives the sending
    unsigned connections = 4;            ///< threads
    std::function<bool()> cancelled;     ///< the caller's; may be empty; any thread
    /// A sender for one thread; called in it. `cancelled` is true when the thread is to end.
    std::function<std::unique_ptr<PartSender>(std::function<bool()> cancelled)> open;
    /// Told, in the caller's thread and several times a second, which parts have arrived since; often none.
    /// What it throws ends the sending.
    std::function<void(const std::vector<std::size_t>& indexes)> arrived;
};

/// Sends the parts `indexes` of `source`, in that order, from several threads. Returns when all have arrived.
/// A part whose digests are known is sent without a look at it: it is read once, by the sender. If the
/// service refuses it with those, it is hashed and sent once more: what the caller then has of it are its own
/// digests. The first error ends all and is thrown, after the threads have ended and what has arrived was
/// told. Reads of `source` are one at a time. Memory: a part for each thread, if it is one that is buffered.
void send_parts(RandomAccessSource& source, const PartLayout& layout, std::vector<std::size_t> indexes,
                const SendPartsOptions& options);

}  // namespace icecore::store
