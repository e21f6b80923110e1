#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        icecore::Metadata metadata = icecore::decode_metadata(bytes);
        CHECK(icecore::decode_metadata(icecore::encode_metadata(metadata)) == metadata);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
