#include "sim/s3/signature.h"

#include "base/format.h"
#include "cloud/sigv4.h"
#include "sim/api_error.h"

namespace icecore::sim::s3 {
namespace {

using Reason = SignatureRefused::Reason;

constexpr std::string_view kService = "s3";

[[noreturn]] void refuse(const SignatureRefused& refused, const Request& request) {
    const std::string message = refused.what();
    switch (refused.reason()) {
        case Reason::missing:
            throw ApiError(403, "AccessDenied", "Access Denied");
        case Reason::malformed:
        case Reason::wrong_scope:
            if (request.header("Authorization") == nullptr)
                throw ApiError(400, "AuthorizationQueryParametersError", message);
            throw ApiError(400, "AuthorizationHeaderMalformed",
                           "The authorization header is malformed; " + message);
        case Reason::unknown_key:
            throw ApiError(403, "InvalidAccessKeyId",
                           "The AWS Access Key Id you provided does not exist in our records.");
        case Reason::wrong_token:
            throw ApiError(400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
        case Reason::expired_token:
            throw ApiError(400, "ExpiredToken", "The provided token has expired.");
        case Reason::expired:
            throw ApiError(403, "AccessDenied", message);
        case Reason::skewed:
            throw ApiError(403, "RequestTimeTooSkewed",
                           "The difference between the request time and the current time is too large.",
                           {{"MaxAllowedSkewMilliseconds", std::to_string(kSkewMaxSec * 1000)}});
        case Reason::unsigned_header:
            throw ApiError(403, "AccessDenied",
                           "There were headers present in the request which were not signed: " + message);
        case Reason::mismatch:
            throw ApiError(403, "SignatureDoesNotMatch", message);
    }
    throw ApiError(403, "AccessDenied", message);
}

}  // namespace

std::optional<std::string> signed_region(const Request& request) {
    try {
        return Authenticator::claim(request).region;
    } catch (const SignatureRefused&) {
        return std::nullopt;
    }
}

ChunkSigner check_signature(const Authenticator& authenticator, const Request& request,
                            const std::string& region) {
    try {
        SignatureClaim claim = Authenticator::claim(request);
        const std::string* hash = request.header("x-amz-content-sha256");
        if (!claim.expires_sec && hash == nullptr)
            throw ApiError(400, "InvalidRequest",
                           "Missing required header for this request: x-amz-content-sha256");
        if (!region.empty() && claim.region != region)
            throw ApiError(
                400, "AuthorizationHeaderMalformed",
                format("The authorization header is malformed; the region '{}' is wrong; expecting '{}'",
                       claim.region, region),
                {{"Region", region}});
        std::string payload = hash != nullptr ? *hash : "UNSIGNED-PAYLOAD";
        if (claim.expires_sec && hash == nullptr) {
            // `aws s3 presign` covers no payload; X-Amz-Content-Sha256 of the query can name one.
            auto query = query_parameters(request.query);
            if (auto found = query.find("X-Amz-Content-Sha256"); found != query.end())
                payload = found->second;
        }
        cloud::SigningScope scope{claim.region, std::string(kService)};
        const AccessKey& key =
            authenticator.prove(claim, request, {scope.region, scope.service, payload, kSkewMaxSec});
        return ChunkSigner(cloud::signing_key(claim.amz_date, scope, key.secret), claim.amz_date,
                           cloud::credential_scope(claim.amz_date, scope), claim.signature);
    } catch (const SignatureRefused& refused) {
        refuse(refused, request);
    }
}

}  // namespace icecore::sim::s3
