#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "archive/frame.h"
#include "base/error.h"
#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // The first byte chooses the method, the rest is a volume.
        if (bytes.empty()) return 0;
        using Method = icecore::archive::Compression::Method;
        Method method = (bytes[0] & 1) != 0 ? Method::gzip : Method::zstd;
        bytes.remove_prefix(1);
        icecore::Fd file(memfd_create("volume", MFD_CLOEXEC));
        icecore::write_full(file.get(), bytes);
        icecore::archive::read_seek_table(method, file.get(), bytes.size());
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
