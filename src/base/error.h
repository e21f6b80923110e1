#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace icecore {

/// The one exception type of the program. A kind is named after what the caller can do about it.
///
/// Context is added on the way up (`add_context`), outermost the user's intent; `cli` alone turns an Error
/// into message, hint and exit status. Libraries' exceptions are translated in the module that wraps the
/// library.
class Error : public std::exception {
  public:
    enum class Kind : std::uint8_t {
        not_found,    ///< it is not there
        exists,       ///< it is there already, and must not be
        invalid,      ///< the user's or caller's input is wrong
        denied,       ///< permission, read-only, or lock
        transient,    ///< may work when tried again
        not_ready,    ///< will work later (a thaw in progress)
        corrupt,      ///< stored data is damaged or lies
        cancelled,    ///< the user or another error stopped it
        io,           ///< the operating system failed
        unsupported,  ///< a newer format, or a thing this system cannot do
    };

    Error(Kind kind, std::string message, std::string hint = {});

    Kind kind() const { return kind_; }
    /// Whole message: contexts, outermost first, separated by ": ".
    const char* what() const noexcept override { return message_.c_str(); }
    const std::string& message() const { return message_; }
    /// What the user can do, or empty.
    const std::string& hint() const { return hint_; }
    /// errno of the failed system call, or 0.
    int os_error() const { return os_error_; }

    /// Puts `context` before the message: "context: message". For a catch block that ends with `throw;`.
    Error& add_context(std::string_view context);
    Error& set_hint(std::string hint);

    /// An Error for a failed system call: "doing: strerror(code)", kind chosen from the code.
    static Error from_errno(int code, std::string_view doing, std::string hint = {});

  private:
    Kind kind_;
    int os_error_ = 0;
    std::string message_;
    std::string hint_;
};

/// Throws Error::from_errno(errno, doing).
[[noreturn]] void throw_errno(std::string_view doing);

[[noreturn]] void check_failed(const char* condition, std::source_location where);

}  // namespace icecore

/// Our own bugs: always on, ends the program with place and condition.
#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (!(condition)) ::icecore::check_failed(#condition, std::source_location::current()); \
    } while (false)
