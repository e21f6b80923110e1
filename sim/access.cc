#include "sim/access.h"

#include "base/format.h"

namespace icecore::sim {

std::string Access::arn(const std::string& key_id) const {
    return format("arn:aws:iam::{}:user/{}", account_, key_id);
}

std::string Access::refusal(const std::string& key_id, PolicyRequest request,
                            const Policy* of_resource) const {
    request.principal = arn(key_id);
    request.context["aws:principalarn"] = request.principal;
    auto refuse = [&](const std::string& why) {
        return format("User: {} is not authorized to perform: {} on resource: \"{}\" {}", request.principal,
                      request.action, request.resource, why);
    };
    auto own = policies_.find(key_id);
    Policy::Verdict by_own = own == policies_.end() ? Policy::Verdict::allowed : own->second.decide(request);
    Policy::Verdict by_resource =
        of_resource == nullptr ? Policy::Verdict::silent : of_resource->decide(request);
    if (by_own == Policy::Verdict::denied) return refuse("with an explicit deny in an identity-based policy");
    if (by_resource == Policy::Verdict::denied)
        return refuse("with an explicit deny in a resource-based policy");
    if (by_own == Policy::Verdict::allowed || by_resource == Policy::Verdict::allowed) return {};
    return refuse(format("because no identity-based policy allows the {} action", request.action));
}

bool Access::allows(const std::string& key_id, PolicyRequest request, const Policy* of_resource) const {
    return refusal(key_id, std::move(request), of_resource).empty();
}

}  // namespace icecore::sim
