#include "catalog/sqlite.h"

#include <new>
#include <utility>

#include "base/error.h"
#include "base/format.h"

namespace icecore::catalog::sql {
namespace {

Error::Kind kind_of(int code) {
    if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_DATA) return Error::Kind::corrupt;
    switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_FORMAT:
        case SQLITE_ERROR:  // our statements are fixed: one that does not compile meets a damaged schema
        case SQLITE_SCHEMA:
        case SQLITE_CONSTRAINT:  // likewise: rows or indexes that contradict each other
        case SQLITE_MISMATCH:
            return Error::Kind::corrupt;
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Error::Kind::denied;
        case SQLITE_TOOBIG:
            return Error::Kind::invalid;
        default:
            return Error::Kind::io;
    }
}

}  // namespace

Connection::Connection(const std::string& target, int flags, std::string label, const char* damage_hint)
    : label_(std::move(label)), damage_hint_(damage_hint) {
    int code = sqlite3_open_v2(target.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(handle_, 1);
        return;
    }
    if (handle_ == nullptr) throw std::bad_alloc();
    int os_code = sqlite3_system_errno(handle_);
    std::string reason = sqlite3_errmsg(handle_);
    sqlite3_close_v2(handle_);
    if (os_code != 0) throw Error::from_errno(os_code, format("opening {}", label_));
    throw Error(kind_of(code), format("opening {}: {}", label_, reason));
}

Connection::~Connection() {
    sqlite3_close_v2(handle_);
}

void Connection::exec(const std::string& statements) {
    int code = sqlite3_exec(handle_, statements.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code);
}

std::int64_t Connection::query_number(const char* statement) {
    Statement query(*this, statement);
    return query.step() ? query.number(0) : 0;
}

std::string Connection::query_text(const char* statement) {
    Statement query(*this, statement);
    return query.step() ? std::string(query.bytes(0)) : std::string();
}

void Connection::at_once(const std::function<void()>& changes) {
    CHECK(!in_transaction());
    exec("BEGIN IMMEDIATE");
    try {
        changes();
        exec("COMMIT");
    } catch (...) {
        rollback();
        throw;
    }
}

void Connection::rollback() noexcept {
    if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::fail(int code) const {
    if ((code & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
    CHECK((code & 0xff) != SQLITE_MISUSE && (code & 0xff) != SQLITE_RANGE);
    Error::Kind kind = kind_of(code);
    throw Error(kind, format("{}: {}", label_, sqlite3_errmsg(handle_)),
                kind == Error::Kind::corrupt ? damage_hint_ : "");
}

void Connection::fail_damaged(std::string_view what) const {
    throw Error(Error::Kind::corrupt, format("{}: {}", label_, what), damage_hint_);
}

Statement::Statement(const Connection& connection, const char* text) : connection_(&connection) {
    check(sqlite3_prepare_v3(connection.handle(), text, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

void Statement::check(int code) const {
    if (code != SQLITE_OK) connection_->fail(code);
}

Statement& Statement::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_, index, value));
    return *this;
}

Statement& Statement::bind(int index, std::string_view value) {
    // A null pointer would bind NULL, and an empty view may have one.
    check(value.empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                        : sqlite3_bind_blob64(statement_, index, value.data(), value.size(), SQLITE_STATIC));
    return *this;
}

Statement& Statement::bind_copy(int index, std::string_view value) {
    // SQLITE_TRANSIENT is a C cast of -1 to a pointer to function; this is the same without an old-style
    // cast.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    auto transient = reinterpret_cast<sqlite3_destructor_type>(static_cast<std::intptr_t>(-1));
    check(value.empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                        : sqlite3_bind_blob64(statement_, index, value.data(), value.size(), transient));
    return *this;
}

Statement& Statement::bind_null(int index) {
    check(sqlite3_bind_null(statement_, index));
    return *this;
}

bool Statement::step() {
    int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3_reset(statement_);  // keeps the message; a statement left in the middle could not be bound again
    connection_->fail(code);
}

void Statement::run() {
    step();
    reset();
}

std::string_view Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr || size <= 0) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

}  // namespace icecore::catalog::sql
