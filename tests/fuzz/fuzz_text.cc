#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        CHECK(icecore::unescape_path(icecore::escape_path(bytes)) == bytes);
        icecore::unescape_path(bytes);
        icecore::from_hex(bytes);
        icecore::parse_utc(bytes);
        icecore::parse_local(bytes);
        icecore::parse_size(bytes);
        icecore::parse_span(bytes);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
