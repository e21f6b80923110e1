#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.h"

namespace icecore {

/// Writes JSON (RFC 8259) into a string, compact, in call order; commas are put by itself. For the manifest's
/// hot path and for --json. Strings must be valid UTF-8 (paths go through escape_path: use `path`). Never
/// fails.
class JsonWriter {
  public:
    /// Appends to `out`, which must outlive the writer.
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);

    JsonWriter& string(std::string_view value);
    /// escape_path(value) as a string.
    JsonWriter& path(std::string_view value);
    JsonWriter& number(std::uint64_t value);
    JsonWriter& number(std::int64_t value);
    /// Shortest form that reads back the same; null for what is no number (JSON has neither infinity nor
    /// NaN).
    JsonWriter& number(double value);
    JsonWriter& boolean(bool value);
    JsonWriter& null();
    /// A moment as a string in ISO 8601 UTC.
    JsonWriter& time(Timestamp value);

    template <typename T>
    JsonWriter& field(std::string_view name, const T& value) {
        key(name);
        if constexpr (std::is_same_v<T, bool>)
            return boolean(value);
        else if constexpr (std::is_floating_point_v<T>)
            return number(static_cast<double>(value));
        else if constexpr (std::is_unsigned_v<T>)
            return number(static_cast<std::uint64_t>(value));
        else if constexpr (std::is_integral_v<T>)
            return number(static_cast<std::int64_t>(value));
        else
            return string(value);
    }

  private:
    void separate();
    std::string& out_;
    bool need_comma_ = false;
};

}  // namespace icecore
