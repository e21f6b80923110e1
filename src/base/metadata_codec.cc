#include <cstdint>

#include "base/error.h"
#include "base/metadata.h"

// The form: access ACL, default ACL, then name and value of each attribute; each a length (base 128, low
// digits first, the high bit set in all but the last byte) and so many bytes.

namespace icecore {
namespace {

[[noreturn]] void throw_corrupt() {
    throw Error(Error::Kind::corrupt, "damaged record of extended attributes");
}

void put_bytes(std::string& out, std::string_view bytes) {
    std::size_t size = bytes.size();
    for (; size >= 0x80; size >>= 7) out += static_cast<char>(0x80 | (size & 0x7f));
    out += static_cast<char>(size);
    out += bytes;
}

std::string take_bytes(std::string_view& blob) {
    std::uint64_t size = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (blob.empty() || shift > 56) throw_corrupt();
        auto digit = static_cast<std::uint8_t>(blob.front());
        blob.remove_prefix(1);
        size |= static_cast<std::uint64_t>(digit & 0x7f) << shift;
        if (digit < 0x80) break;
    }
    if (size > blob.size()) throw_corrupt();
    std::string bytes(blob.substr(0, size));
    blob.remove_prefix(size);
    return bytes;
}

}  // namespace

std::string encode_metadata(const Metadata& metadata) {
    std::string out;
    if (metadata.empty()) return out;
    put_bytes(out, metadata.acl_access);
    put_bytes(out, metadata.acl_default);
    for (const auto& [name, value] : metadata.xattrs) {
        put_bytes(out, name);
        put_bytes(out, value);
    }
    return out;
}

Metadata decode_metadata(std::string_view blob) {
    Metadata metadata;
    if (blob.empty()) return metadata;
    metadata.acl_access = take_bytes(blob);
    metadata.acl_default = take_bytes(blob);
    while (!blob.empty()) {
        std::string name = take_bytes(blob);
        if (name.empty() || (!metadata.xattrs.empty() && name <= metadata.xattrs.back().first))
            throw_corrupt();
        metadata.xattrs.emplace_back(std::move(name), take_bytes(blob));
    }
    return metadata;
}

}  // namespace icecore
