#include <cstddef>
#include <cstdint>
#include <string_view>

#include "archive/tar_reader.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        icecore::archive::StringSource source(bytes);
        icecore::archive::TarReader reader(source);
        char buffer[4096];
        while (reader.next())
            while (reader.read_content(buffer, sizeof buffer) > 0) continue;
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
