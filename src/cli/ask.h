#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace icecore::cli {

/// Takes an answer, or throws Error: then the question is asked again.
using Accept = std::function<void(const std::string&)>;

/// Asks on the terminal; an empty answer means `fallback`. `given` was said before (an option) and is tried
/// first. Throws Error{cancelled} when there are no answers any more.
void ask(Session& session, std::string_view question, const std::string& fallback, const std::string& given,
         const Accept& accept);

/// Throws the Error{cancelled} of a dialog that has no answers any more.
[[noreturn]] void throw_no_answer();

/// A question whose empty answer is yes; no answer any more is no.
bool ask_yes(Io& io, std::string_view question);

}  // namespace icecore::cli
