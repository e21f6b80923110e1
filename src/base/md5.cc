#include "base/md5.h"

#include <openssl/evp.h>

#include "base/error.h"

namespace icecore {

struct Md5::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    State() { begin(); }
    ~State() { EVP_MD_CTX_free(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    void begin() const { CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_md5(), nullptr) == 1); }
};

Md5::Md5() : state_(std::make_unique<State>()) {}
Md5::~Md5() = default;
Md5::Md5(Md5&&) noexcept = default;
Md5& Md5::operator=(Md5&&) noexcept = default;

void Md5::update(std::string_view data) {
    CHECK(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1);
}

std::string Md5::finish() {
    std::string out(16, '\0');
    CHECK(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1);
    state_->begin();
    return out;
}

std::string md5(std::string_view data) {
    Md5 hash;
    hash.update(data);
    return hash.finish();
}

}  // namespace icecore
