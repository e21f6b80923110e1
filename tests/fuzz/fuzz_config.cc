#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "cli/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        icecore::cli::parse_config(bytes, "icecore.toml");
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
