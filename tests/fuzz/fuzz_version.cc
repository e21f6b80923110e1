#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/metadata.h"
#include "catalog/version_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // A row of the catalogue, which may be damaged. What is taken can be written again, the same.
        icecore::catalog::Entry entry;
        if (!icecore::catalog::unpack_version(bytes, entry)) return 0;
        icecore::decode_metadata(entry.metadata);
        std::string packed;
        icecore::catalog::pack_version(entry.stat, entry.link_target, entry.sha256, entry.metadata,
                                       entry.location, {entry.sparse, entry.racy, entry.coarse}, packed);
        icecore::catalog::Entry again;
        CHECK(icecore::catalog::unpack_version(packed, again));
        CHECK(again.location == entry.location);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
