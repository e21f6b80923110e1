#include <cstddef>
#include <cstdint>
#include <string_view>

#include "archive/manifest.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        icecore::archive::parse_manifest_line(bytes);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
