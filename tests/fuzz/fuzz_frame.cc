#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "archive/frame.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // The first byte chooses the method, the next two the announced size; the rest is a frame.
        if (bytes.size() < 3) return 0;
        using Method = icecore::archive::Compression::Method;
        constexpr Method kMethods[] = {Method::zstd, Method::gzip, Method::none};
        auto raw_bytes = static_cast<std::uint32_t>(data[1] | data[2] << 8);
        std::string out(raw_bytes, '\0');
        icecore::archive::decode_frame(kMethods[data[0] % 3], bytes.substr(3), out);
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
