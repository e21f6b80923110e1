#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace icecore {

Error::Error(Kind kind, std::string message, std::string hint)
    : kind_(kind), message_(std::move(message)), hint_(std::move(hint)) {}

Error& Error::add_context(std::string_view context) {
    message_.insert(0, ": ").insert(0, context);
    return *this;
}

Error& Error::set_hint(std::string hint) {
    hint_ = std::move(hint);
    return *this;
}

Error Error::from_errno(int code, std::string_view doing, std::string hint) {
    Kind kind = Kind::io;
    switch (code) {
        case ENOENT:
        case ENOTDIR:
            kind = Kind::not_found;
            break;
        case EEXIST:
            kind = Kind::exists;
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            kind = Kind::denied;
            break;
        // A file server that does not answer just now, or has started again.
        case EAGAIN:
        case EHOSTDOWN:
        case ESTALE:
        case ETIMEDOUT:
            kind = Kind::transient;
            break;
        default:
            break;
    }
    std::string message(doing);
    message += ": ";
    message += std::generic_category().message(code);
    Error error(kind, std::move(message), std::move(hint));
    error.os_error_ = code;
    return error;
}

void throw_errno(std::string_view doing) {
    throw Error::from_errno(errno, doing);
}

void check_failed(const char* condition, std::source_location where) {
    std::fprintf(stderr, "icecore: bug: %s:%u: %s: CHECK(%s) failed\n", where.file_name(), where.line(),
                 where.function_name(), condition);
    std::abort();
}

}  // namespace icecore
