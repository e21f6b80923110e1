#include "sim/random_id.h"

#include <sys/random.h>

#include <cerrno>
#include <string_view>

#include "base/error.h"

namespace icecore::sim {

std::string random_id(std::size_t length) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static_assert(kAlphabet.size() == 64);
    std::string out(length, '\0');
    for (std::size_t filled = 0; filled < length;) {
        ssize_t got = getrandom(out.data() + filled, length - filled, 0);
        if (got < 0 && errno != EINTR) throw_errno("getting random bytes");
        if (got > 0) filled += static_cast<std::size_t>(got);
    }
    for (char& c : out) c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
    return out;
}

}  // namespace icecore::sim
