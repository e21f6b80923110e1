#include "base/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

namespace icecore {

std::optional<std::string> read_password(const std::string& question) {
    std::array<char, 1024> typed{};
    if (EVP_read_pw_string(typed.data(), typed.size(), question.c_str(), 0) != 0) return std::nullopt;
    std::string password = typed.data();
    OPENSSL_cleanse(typed.data(), typed.size());
    return password;
}

}  // namespace icecore
