#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace icecore {

std::string Digest::hex() const {
    return to_hex(view());
}

Digest Digest::from_bytes(std::string_view raw) {
    CHECK(raw.size() == 32);
    Digest digest;
    std::copy(raw.begin(), raw.end(), digest.bytes.begin());
    return digest;
}

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    // Fetched once: EVP_sha256() looks the implementation up again on every init (OpenSSL 3).
    static const EVP_MD* algorithm() {
        static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        return md;
    }
    State() { CHECK(context != nullptr && EVP_DigestInit_ex(context, algorithm(), nullptr) == 1); }
    ~State() { EVP_MD_CTX_free(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view data) {
    CHECK(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1);
}

Digest Sha256::finish() {
    Digest digest;
    CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), nullptr) == 1);
    CHECK(EVP_DigestInit_ex(state_->context, State::algorithm(), nullptr) == 1);
    return digest;
}

Digest sha256(std::string_view data) {
    Sha256 hash;
    hash.update(data);
    return hash.finish();
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
    std::string out(32, '\0');
    CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(data.data()), data.size(),
               reinterpret_cast<unsigned char*>(out.data()), nullptr) != nullptr);
    return out;
}

void TreeHash::update(std::string_view data) {
    while (!data.empty()) {
        std::size_t take = std::min(data.size(), kLeafBytes - leaf_filled_bytes_);
        leaf_.update(data.substr(0, take));
        leaf_filled_bytes_ += take;
        data.remove_prefix(take);
        if (leaf_filled_bytes_ == kLeafBytes) {
            leaves_.push_back(leaf_.finish());
            leaf_filled_bytes_ = 0;
        }
    }
}

Digest TreeHash::finish() {
    return combine_tree_hashes(finish_leaves());
}

std::vector<Digest> TreeHash::finish_leaves() {
    if (leaf_filled_bytes_ > 0 || leaves_.empty()) leaves_.push_back(leaf_.finish());
    leaf_filled_bytes_ = 0;
    return std::exchange(leaves_, {});
}

Digest combine_tree_hashes(std::vector<Digest> level) {
    CHECK(!level.empty());
    Sha256 hash;
    while (level.size() > 1) {
        std::size_t half = 0;
        for (std::size_t i = 0; i < level.size(); i += 2, ++half) {
            if (i + 1 == level.size()) {
                level[half] = level[i];
                continue;
            }
            hash.update(level[i].view());
            hash.update(level[i + 1].view());
            level[half] = hash.finish();
        }
        level.resize(half);
    }
    return level[0];
}

}  // namespace icecore
