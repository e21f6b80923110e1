#include "base/posix_acl.h"

#include <acl/libacl.h>
#include <sys/acl.h>

#include <cstdint>
#include <memory>

#include "base/error.h"

namespace icecore {
namespace {

// The value: a 32-bit version, then entries of tag and permissions (16 bits each) and id (32 bits),
// little-endian. Tags and permission bits are those of libacl.
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kEntryBytes = 8;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kNoId = 0xffffffff;
constexpr std::uint32_t kPermissionBits[] = {ACL_READ, ACL_WRITE, ACL_EXECUTE};

struct AclFree {
    void operator()(void* p) const { acl_free(p); }
};
using Acl = std::unique_ptr<std::remove_pointer_t<acl_t>, AclFree>;

std::uint32_t get_le(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

void put_le(std::string& out, std::uint32_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i, value >>= 8) out += static_cast<char>(value & 0xff);
}

[[noreturn]] void throw_corrupt() {
    throw Error(Error::Kind::corrupt, "damaged access control list");
}

void require(int result) {
    if (result < 0) throw_errno("building an access control list");
}

void add_entry(Acl& acl, std::string_view value, std::size_t at) {
    auto tag = static_cast<acl_tag_t>(get_le(value, at, 2));
    std::uint32_t permissions = get_le(value, at + 2, 2);
    id_t id = get_le(value, at + 4, 4);
    acl_t raw = acl.release();  // libacl may move it
    acl_entry_t entry = nullptr;
    int result = acl_create_entry(&raw, &entry);
    acl.reset(raw);
    require(result);
    if (acl_set_tag_type(entry, tag) != 0) throw_corrupt();
    if (tag == ACL_USER || tag == ACL_GROUP) require(acl_set_qualifier(entry, &id));
    acl_permset_t set = nullptr;
    require(acl_get_permset(entry, &set));
    for (std::uint32_t bit : kPermissionBits)
        if ((permissions & bit) != 0) require(acl_add_perm(set, bit));
}

void append_entry(acl_entry_t entry, std::string& out) {
    acl_tag_t tag = 0;
    acl_permset_t set = nullptr;
    require(acl_get_tag_type(entry, &tag));
    require(acl_get_permset(entry, &set));
    std::uint32_t permissions = 0;
    for (std::uint32_t bit : kPermissionBits)
        if (acl_get_perm(set, bit) == 1) permissions |= bit;
    std::uint32_t id = kNoId;
    if (tag == ACL_USER || tag == ACL_GROUP) {
        std::unique_ptr<void, AclFree> qualifier(acl_get_qualifier(entry));
        if (!qualifier) throw_errno("reading an access control list");
        id = *static_cast<const id_t*>(qualifier.get());
    }
    put_le(out, static_cast<std::uint32_t>(tag), 2);
    put_le(out, permissions, 2);
    put_le(out, id, 4);
}

}  // namespace

std::string acl_text_of(std::string_view value) {
    if (value.size() < kHeaderBytes || (value.size() - kHeaderBytes) % kEntryBytes != 0 ||
        get_le(value, 0, 4) != kVersion)
        throw_corrupt();
    std::size_t count = (value.size() - kHeaderBytes) / kEntryBytes;
    Acl acl(acl_init(static_cast<int>(count)));
    if (!acl) throw_errno("building an access control list");
    for (std::size_t i = 0; i < count; ++i) add_entry(acl, value, kHeaderBytes + i * kEntryBytes);
    std::unique_ptr<char, AclFree> text(acl_to_any_text(acl.get(), nullptr, ',', TEXT_NUMERIC_IDS));
    if (!text) throw_errno("reading an access control list");
    return text.get();
}

std::string acl_value_of(const std::string& text) {
    Acl acl(acl_from_text(text.c_str()));
    if (!acl || acl_valid(acl.get()) != 0)
        throw Error(Error::Kind::invalid, "'" + text + "' is not an access control list");
    std::string value;
    put_le(value, kVersion, 4);
    acl_entry_t entry = nullptr;
    for (int id = ACL_FIRST_ENTRY; acl_get_entry(acl.get(), id, &entry) == 1; id = ACL_NEXT_ENTRY)
        append_entry(entry, value);
    return value;
}

bool is_minimal_acl(std::string_view value) {
    return value.size() <= kHeaderBytes + 3 * kEntryBytes;
}

}  // namespace icecore
