#include "archive/tar_sparse.h"

#include <charconv>
#include <cstring>

#include "base/error.h"

namespace icecore::archive {
namespace {

constexpr std::size_t kDescriptorBytes = 24;
constexpr std::size_t kNumberBytes = 12;
constexpr std::size_t kHeaderDescriptorsAt = 386;
constexpr std::size_t kHeaderDescriptors = 4;
constexpr std::size_t kHeaderExtendedAt = 482;
constexpr std::size_t kHeaderRealSizeAt = 483;
constexpr std::size_t kExtensionDescriptors = 21;
constexpr std::size_t kExtensionExtendedAt = 504;
constexpr unsigned kNumberDigitsMax = 20;

[[noreturn]] void bad_map(const char* what) {
    throw Error(Error::Kind::corrupt, std::string("damaged sparse map: ") + what);
}

std::uint64_t count_digits(std::uint64_t value) {
    std::uint64_t count = 1;
    for (; value >= 10; value /= 10) ++count;
    return count;
}

void append_line(std::uint64_t value, std::string& out) {
    char digits[24];
    const auto result = std::to_chars(std::begin(digits), std::end(digits), value);
    out.append(digits, result.ptr).append(1, '\n');
}

bool ends_in_hole(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes) {
    return regions.empty() || regions.back().offset + regions.back().length_bytes < size_bytes;
}

std::uint64_t parse_field(std::string_view field) {
    const auto number = parse_number(field);
    if (!number || *number < 0) bad_map("not a number");
    return static_cast<std::uint64_t>(*number);
}

/// False at the first unused descriptor, which ends the map.
bool add_descriptors(std::string_view bytes, std::vector<SparseRegion>& regions) {
    for (; bytes.size() >= kDescriptorBytes; bytes.remove_prefix(kDescriptorBytes)) {
        if (bytes[kNumberBytes] == '\0') return false;
        if (regions.size() >= kSparseRegionsMax) bad_map("too many regions");
        regions.push_back({parse_field(bytes.substr(0, kNumberBytes)),
                           parse_field(bytes.substr(kNumberBytes, kNumberBytes))});
    }
    return true;
}

bool check_extended(bool all_used, char extended) {
    if (!all_used && extended != '\0') bad_map("it goes on after its end");
    return extended != '\0';
}

std::string_view bytes_of(const UstarBlock& header) {
    return {reinterpret_cast<const char*>(&header), sizeof header};
}

}  // namespace

std::uint64_t sparse_map_bytes(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes) {
    const bool hole = ends_in_hole(regions, size_bytes);
    std::uint64_t bytes = count_digits(regions.size() + (hole ? 1 : 0)) + 1;
    for (const auto& region : regions) {
        bytes += count_digits(region.offset) + count_digits(region.length_bytes) + 2;
    }
    return hole ? bytes + count_digits(size_bytes) + 3 : bytes;
}

void append_sparse_map(const std::vector<SparseRegion>& regions, std::uint64_t size_bytes, std::string& out) {
    const bool hole = ends_in_hole(regions, size_bytes);
    append_line(regions.size() + (hole ? 1 : 0), out);
    for (const auto& region : regions) {
        append_line(region.offset, out);
        append_line(region.length_bytes, out);
    }
    if (hole) {
        append_line(size_bytes, out);
        append_line(0, out);
    }
}

bool SparseMapParser::add_block(std::string_view block) {
    for (const char c : block) {
        if (numbers_left_ == 0) break;  // the rest is padding
        if (c == '\n') {
            if (digits_ == 0) bad_map("a line is empty");
            add_number();
            number_ = 0;
            digits_ = 0;
            continue;
        }
        if (c < '0' || c > '9') bad_map("not a number");
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (++digits_ > kNumberDigitsMax || number_ > (INT64_MAX - digit) / 10)
            bad_map("a number is too large");
        number_ = number_ * 10 + digit;
    }
    return numbers_left_ == 0;
}

void SparseMapParser::add_number() {
    --numbers_left_;
    if (!count_known_) {
        if (number_ > regions_max_) bad_map("too many regions");
        count_known_ = true;
        numbers_left_ = 2 * number_;
    } else if (numbers_left_ % 2 == 1) {
        regions_.push_back({number_, 0});
    } else {
        regions_.back().length_bytes = number_;
    }
}

bool add_old_gnu_regions(const UstarBlock& header, std::vector<SparseRegion>& regions) {
    const auto bytes = bytes_of(header);
    const bool all_used =
        add_descriptors(bytes.substr(kHeaderDescriptorsAt, kHeaderDescriptors * kDescriptorBytes), regions);
    return check_extended(all_used, bytes[kHeaderExtendedAt]);
}

bool add_old_gnu_extension(std::string_view block, std::vector<SparseRegion>& regions) {
    const bool all_used = add_descriptors(block.substr(0, kExtensionDescriptors * kDescriptorBytes), regions);
    return check_extended(all_used, block[kExtensionExtendedAt]);
}

std::uint64_t old_gnu_real_size(const UstarBlock& header) {
    return parse_field(bytes_of(header).substr(kHeaderRealSizeAt, kNumberBytes));
}

std::vector<SparseRegion> checked_regions(const std::vector<SparseRegion>& raw, std::uint64_t size_bytes,
                                          std::uint64_t stored_bytes) {
    std::vector<SparseRegion> regions;
    std::uint64_t end = 0;
    std::uint64_t data_bytes = 0;
    for (const auto& region : raw) {
        if (region.offset < end) bad_map("regions are out of order");
        if (region.offset > size_bytes || region.length_bytes > size_bytes - region.offset) {
            bad_map("a region lies outside the file");
        }
        if (region.length_bytes == 0) continue;
        if (!regions.empty() && region.offset == end) {
            regions.back().length_bytes += region.length_bytes;
        } else {
            regions.push_back(region);
        }
        end = region.offset + region.length_bytes;
        data_bytes += region.length_bytes;
    }
    if (data_bytes != stored_bytes) bad_map("its regions are not as long as the data");
    return regions;
}

}  // namespace icecore::archive
