#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace icecore::sim::s3 {

/// The storage classes that are simulated, warmest first: a lifecycle moves objects down this list only.
enum class StorageClass : std::uint8_t {
    standard,
    reduced_redundancy,
    standard_ia,
    intelligent_tiering,
    onezone_ia,
    glacier_ir,
    glacier,
    deep_archive,
};
inline constexpr std::array kStorageClasses = {StorageClass::standard,    StorageClass::reduced_redundancy,
                                               StorageClass::standard_ia, StorageClass::intelligent_tiering,
                                               StorageClass::onezone_ia,  StorageClass::glacier_ir,
                                               StorageClass::glacier,     StorageClass::deep_archive};

/// "DEEP_ARCHIVE".
std::string_view storage_class_name(StorageClass of);
std::optional<StorageClass> parse_storage_class(std::string_view name);

/// Whether its objects must be restored before they can be read.
bool is_archived(StorageClass of);
/// The tiers that they can be restored with, slowest first; none where nothing needs to be restored.
std::span<const std::string_view> restore_tiers(StorageClass of);
/// The class at whose prices parts are received and kept until the object of class `of` is complete.
StorageClass parts_class(StorageClass of);

}  // namespace icecore::sim::s3
