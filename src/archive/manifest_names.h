#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "archive/manifest.h"

// The words of the manifest's text form (doc/format.md), for encoder and parser; private to this module.

namespace icecore::archive {

constexpr std::string_view kManifestFormat = "icecore-manifest";
/// Longest line, newline included, that is read.
constexpr std::size_t kManifestLineBytesMax = 64 << 20;
/// Largest zstd window (log2) that a manifest may ask its reader for: what levels up to 19 use.
constexpr int kManifestWindowLogMax = 23;
/// Largest size, offset and count: what a signed 64-bit number (and so every reader) can hold.
constexpr std::uint64_t kManifestNumberMax = INT64_MAX;

template <typename E, std::size_t N>
using NameTable = std::array<std::pair<E, std::string_view>, N>;

constexpr NameTable<FileType, 6> kTypeNames = {{{FileType::regular, "file"},
                                                {FileType::directory, "dir"},
                                                {FileType::symlink, "symlink"},
                                                {FileType::fifo, "fifo"},
                                                {FileType::char_device, "char"},
                                                {FileType::block_device, "block"}}};

constexpr NameTable<Stored, 5> kStoredNames = {{{Stored::none, "none"},
                                                {Stored::whole, "whole"},
                                                {Stored::sparse, "sparse"},
                                                {Stored::link, "link"},
                                                {Stored::earlier, "earlier"}}};

constexpr NameTable<RunKind, 2> kKindNames = {
    {{RunKind::full, "full"}, {RunKind::incremental, "incremental"}}};

/// The totals' keys and members, in the order they are written.
constexpr std::array<std::pair<std::string_view, std::uint64_t RunCounts::*>, 11> kCountNames = {
    {{"files", &RunCounts::files},
     {"directories", &RunCounts::directories},
     {"added", &RunCounts::added},
     {"changed", &RunCounts::changed},
     {"deleted", &RunCounts::deleted},
     {"renamed", &RunCounts::renamed},
     {"excluded", &RunCounts::excluded},
     {"errors", &RunCounts::errors},
     {"tree_bytes", &RunCounts::tree_bytes},
     {"read_bytes", &RunCounts::read_bytes},
     {"stored_bytes", &RunCounts::stored_bytes}}};

/// How an entry of this type is stored unless its line says otherwise.
constexpr Stored default_stored(FileType type) {
    return type == FileType::regular ? Stored::whole : Stored::none;
}

template <typename E, std::size_t N>
constexpr std::string_view name_of(const NameTable<E, N>& table, E value) {
    for (const auto& [known, name] : table)
        if (known == value) return name;
    return {};
}

template <typename E, std::size_t N>
constexpr std::optional<E> value_of(const NameTable<E, N>& table, std::string_view text) {
    for (const auto& [value, name] : table)
        if (name == text) return value;
    return std::nullopt;
}

/// Appends one line with its newline to `out`.
void append_manifest_line(const ManifestLine& line, std::string& out);
void append_manifest_line(const ManifestEntry& entry, std::string& out);

}  // namespace icecore::archive
