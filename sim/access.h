#pragma once

#include <map>
#include <string>

#include "sim/policy.h"

namespace icecore::sim {

/// Who may do what: each key is a user of the account, who may do everything unless a policy of his own says
/// less. Never changes.
class Access {
  public:
    /// `account`: 12 digits.
    explicit Access(std::string account) : account_(std::move(account)) {}
    /// The user of this key may do what `policy` allows only.
    void restrict(const std::string& key_id, Policy policy) {
        policies_.insert_or_assign(key_id, std::move(policy));
    }

    /// "arn:aws:iam::123456789012:user/AKIDEXAMPLE".
    std::string arn(const std::string& key_id) const;

    /// Whether the user of `key_id` may do this, by his policy and that of the resource (nullptr: it has
    /// none), which both can allow (it is his own account's) and deny. `request.principal` is set here.
    bool allows(const std::string& key_id, PolicyRequest request, const Policy* of_resource = nullptr) const;
    /// If not: why, in the words of AWS; "" if so.
    std::string refusal(const std::string& key_id, PolicyRequest request,
                        const Policy* of_resource = nullptr) const;

  private:
    std::string account_;
    std::map<std::string, Policy> policies_;  ///< by key id
};

}  // namespace icecore::sim
