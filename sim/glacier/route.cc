#include "sim/glacier/route.h"

#include <algorithm>
#include <array>
#include <vector>

namespace icecore::sim::glacier {
namespace {

/// `path` is what follows the account; "{v}" and "{id}" stand for one segment. `tags` differ by a parameter.
struct Pattern {
    std::string_view method;
    std::string_view path;
    std::string_view operation;
    std::string_view parameter = {};  ///< "operation=add": must be in the query
};

constexpr std::array kPatterns = {
    Pattern{"GET", "vaults", "ListVaults"},
    Pattern{"PUT", "vaults/{v}", "CreateVault"},
    Pattern{"GET", "vaults/{v}", "DescribeVault"},
    Pattern{"DELETE", "vaults/{v}", "DeleteVault"},
    Pattern{"POST", "vaults/{v}/archives", "UploadArchive"},
    Pattern{"DELETE", "vaults/{v}/archives/{id}", "DeleteArchive"},
    Pattern{"GET", "vaults/{v}/multipart-uploads", "ListMultipartUploads"},
    Pattern{"POST", "vaults/{v}/multipart-uploads", "InitiateMultipartUpload"},
    Pattern{"PUT", "vaults/{v}/multipart-uploads/{id}", "UploadMultipartPart"},
    Pattern{"GET", "vaults/{v}/multipart-uploads/{id}", "ListParts"},
    Pattern{"POST", "vaults/{v}/multipart-uploads/{id}", "CompleteMultipartUpload"},
    Pattern{"DELETE", "vaults/{v}/multipart-uploads/{id}", "AbortMultipartUpload"},
    Pattern{"GET", "vaults/{v}/jobs", "ListJobs"},
    Pattern{"POST", "vaults/{v}/jobs", "InitiateJob"},
    Pattern{"GET", "vaults/{v}/jobs/{id}", "DescribeJob"},
    Pattern{"GET", "vaults/{v}/jobs/{id}/output", "GetJobOutput"},
    Pattern{"PUT", "vaults/{v}/notification-configuration", "SetVaultNotifications"},
    Pattern{"GET", "vaults/{v}/notification-configuration", "GetVaultNotifications"},
    Pattern{"DELETE", "vaults/{v}/notification-configuration", "DeleteVaultNotifications"},
    Pattern{"PUT", "vaults/{v}/access-policy", "SetVaultAccessPolicy"},
    Pattern{"GET", "vaults/{v}/access-policy", "GetVaultAccessPolicy"},
    Pattern{"DELETE", "vaults/{v}/access-policy", "DeleteVaultAccessPolicy"},
    Pattern{"POST", "vaults/{v}/lock-policy", "InitiateVaultLock"},
    Pattern{"GET", "vaults/{v}/lock-policy", "GetVaultLock"},
    Pattern{"DELETE", "vaults/{v}/lock-policy", "AbortVaultLock"},
    Pattern{"POST", "vaults/{v}/lock-policy/{id}", "CompleteVaultLock"},
    Pattern{"GET", "vaults/{v}/tags", "ListTagsForVault"},
    Pattern{"POST", "vaults/{v}/tags", "AddTagsToVault", "operation=add"},
    Pattern{"POST", "vaults/{v}/tags", "RemoveTagsFromVault", "operation=remove"},
    Pattern{"GET", "policies/data-retrieval", "GetDataRetrievalPolicy"},
    Pattern{"PUT", "policies/data-retrieval", "SetDataRetrievalPolicy"},
    Pattern{"GET", "provisioned-capacity", "ListProvisionedCapacity"},
    Pattern{"POST", "provisioned-capacity", "PurchaseProvisionedCapacity"},
};

std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> out;
    for (;;) {
        std::size_t end = std::min(path.find('/'), path.size());
        out.push_back(path.substr(0, end));
        if (end == path.size()) return out;
        path.remove_prefix(end + 1);
    }
}

bool has_parameter(std::string_view query, std::string_view wanted) {
    std::size_t equals = wanted.find('=');
    auto parameters = query_parameters(query);
    auto found = parameters.find(std::string(wanted.substr(0, equals)));
    return found != parameters.end() && found->second == wanted.substr(equals + 1);
}

}  // namespace

std::optional<Route> find_route(const Request& request) {
    std::vector<std::string_view> path = segments(request.path);
    if (path.size() < 3 || !path[0].empty()) return std::nullopt;
    if (path.back().empty()) path.pop_back();
    std::optional<std::string> account = percent_decode(path[1]);
    for (const Pattern& pattern : kPatterns) {
        std::vector<std::string_view> parts = segments(pattern.path);
        if (pattern.method != request.method || parts.size() + 2 != path.size() || !account) continue;
        if (!pattern.parameter.empty() && !has_parameter(request.query, pattern.parameter)) continue;
        Route route{pattern.operation, *account};
        bool same = true;
        for (std::size_t i = 0; same && i < parts.size(); ++i) {
            std::optional<std::string> segment = percent_decode(path[i + 2]);
            bool variable = parts[i].starts_with('{');
            same = segment && (variable ? !segment->empty() : *segment == parts[i]);
            if (same && variable) (parts[i] == "{v}" ? route.vault : route.id) = *segment;
        }
        if (same) return route;
    }
    return std::nullopt;
}

}  // namespace icecore::sim::glacier
