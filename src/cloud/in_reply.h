#pragma once

#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace icecore::cloud {

/// Does `action`, and says in what it throws what was being done (unless that is empty).
template <typename Action>
std::invoke_result_t<Action> in_reply(std::string_view doing, Action action) {
    try {
        return action();
    } catch (Error& e) {
        if (!doing.empty()) e.add_context(doing);
        if (e.kind() == Error::Kind::corrupt && e.hint().empty())
            e.set_hint("this is not how the service answers: is the endpoint right, is there a proxy?");
        throw;
    }
}

}  // namespace icecore::cloud
