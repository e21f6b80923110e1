#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace icecore::catalog::sql {

/// What to do about a damaged catalogue.
inline constexpr char kRebuildHint[] =
    "the catalogue is a cache: delete the file: the next command makes it again from the manifests";

/// One connection to a database; closed on destruction. Every failure is thrown as Error with the file's
/// name. One thread at a time. Statements must not outlive it.
class Connection {
  public:
    /// `target` is a file name, a URI (with SQLITE_OPEN_URI), or "" for a private temporary file; `label`
    /// stands for it in messages; `damage_hint` says what to do when it is damaged, and must outlive the
    /// connection.
    Connection(const std::string& target, int flags, std::string label,
               const char* damage_hint = kRebuildHint);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Runs statements that give no rows (or whose rows do not matter).
    void exec(const std::string& statements);
    /// First column of the first row.
    std::int64_t query_number(const char* statement);
    std::string query_text(const char* statement);
    bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
    /// Undoes an open transaction, if there is one. Never throws: what fails here is undone at the next open.
    void rollback() noexcept;
    /// Does `changes` in one transaction: all of it becomes durable when it returns, or nothing where it
    /// throws.
    void at_once(const std::function<void()>& changes);
    std::int64_t changes() const { return sqlite3_changes64(handle_); }

    /// Throws Error for the result code of the last call.
    [[noreturn]] void fail(int code) const;
    /// Throws Error{corrupt}: the file holds what was never written into it.
    [[noreturn]] void fail_damaged(std::string_view what) const;

    sqlite3* handle() const { return handle_; }
    const std::string& label() const { return label_; }

  private:
    sqlite3* handle_ = nullptr;
    std::string label_;
    const char* damage_hint_;
};

/// A prepared statement. Views of columns are valid until the next step() or reset().
class Statement {
  public:
    Statement(const Connection& connection, const char* text);
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;

    Statement& bind(int index, std::int64_t value);
    /// `value` must live until the statement is reset.
    Statement& bind(int index, std::string_view value);
    Statement& bind_copy(int index, std::string_view value);
    Statement& bind_null(int index);

    bool step();  ///< true: a row; false: done
    void reset() noexcept { sqlite3_reset(statement_); }
    /// Runs to the end and resets.
    void run();

    std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
    bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    std::string_view bytes(int column) const;

  private:
    void check(int code) const;
    const Connection* connection_;
    sqlite3_stmt* statement_ = nullptr;
};

/// 64-bit unsigned numbers are kept as SQLite's signed ones with the same bits.
constexpr std::int64_t to_signed(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
constexpr std::uint64_t to_unsigned(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

}  // namespace icecore::catalog::sql
