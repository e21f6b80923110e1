#include "sim/s3/storage_class.h"

#include "base/error.h"

namespace icecore::sim::s3 {

std::string_view storage_class_name(StorageClass of) {
    switch (of) {
        case StorageClass::standard:
            return "STANDARD";
        case StorageClass::reduced_redundancy:
            return "REDUCED_REDUNDANCY";
        case StorageClass::standard_ia:
            return "STANDARD_IA";
        case StorageClass::intelligent_tiering:
            return "INTELLIGENT_TIERING";
        case StorageClass::onezone_ia:
            return "ONEZONE_IA";
        case StorageClass::glacier_ir:
            return "GLACIER_IR";
        case StorageClass::glacier:
            return "GLACIER";
        case StorageClass::deep_archive:
            return "DEEP_ARCHIVE";
    }
    CHECK(false);
}

std::optional<StorageClass> parse_storage_class(std::string_view name) {
    for (StorageClass of : kStorageClasses)
        if (storage_class_name(of) == name) return of;
    return std::nullopt;
}

bool is_archived(StorageClass of) {
    return of == StorageClass::glacier || of == StorageClass::deep_archive;
}

std::span<const std::string_view> restore_tiers(StorageClass of) {
    static constexpr std::array<std::string_view, 3> kTiers = {"Bulk", "Standard", "Expedited"};
    if (!is_archived(of)) return {};
    return std::span(kTiers).first(of == StorageClass::deep_archive ? 2 : 3);
}

StorageClass parts_class(StorageClass of) {
    return is_archived(of) ? StorageClass::standard : of;
}

}  // namespace icecore::sim::s3
