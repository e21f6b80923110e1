#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "catalog/sqlite.h"

namespace icecore::catalog {

/// Reads a row's columns one after the other, refusing (Error{corrupt}) what cannot have been written.
class RowReader {
  public:
    RowReader(const sql::Connection& db, const sql::Statement& row) : db_(db), row_(row) {}
    std::int64_t number() { return row_.number(column_++); }
    std::uint64_t number64() { return sql::to_unsigned(number()); }
    std::uint32_t number_below(std::int64_t end) {
        std::int64_t value = number();
        if (value < 0 || value >= end) db_.fail_damaged("a number in it is impossible");
        return static_cast<std::uint32_t>(value);
    }
    std::uint32_t number32() { return number_below(std::int64_t{1} << 32); }
    std::string text() { return std::string(row_.bytes(column_++)); }
    Timestamp time() {
        std::int64_t seconds = number();
        return {seconds, number_below(1'000'000'000)};
    }
    Digest digest() {
        std::string_view raw = row_.bytes(column_++);
        if (raw.size() != 32) db_.fail_damaged("a digest has the wrong length");
        return Digest::from_bytes(raw);
    }

  private:
    const sql::Connection& db_;
    const sql::Statement& row_;
    int column_ = 0;
};

}  // namespace icecore::catalog
