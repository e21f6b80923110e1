#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/posix_acl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // The text of an archive, or the value of an attribute.
        if (bytes.empty()) return 0;
        bool text = (bytes[0] & 1) != 0;
        bytes.remove_prefix(1);
        icecore::is_minimal_acl(bytes);
        if (text)
            icecore::acl_text_of(icecore::acl_value_of(std::string(bytes)));
        else
            icecore::acl_value_of(icecore::acl_text_of(bytes));
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
