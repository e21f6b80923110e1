#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cloud/credentials.h"
#include "cloud/http.h"

namespace icecore::cloud {

/// AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests"), in the steps that a client
/// and a server share.

/// What a request's signature is good for.
struct SigningScope {
    std::string region;   ///< "us-east-1"
    std::string service;  ///< "glacier", "s3"
};

/// What is signed of a request.
struct SignedRequest {
    std::string method;
    std::string path;   ///< percent-encoded, as it goes over the wire
    std::string query;  ///< likewise, without '?'
    /// Those that are signed, in any order; names in any case. Same names follow each other in their order.
    std::vector<HttpHeader> headers;
    std::string payload_hash;  ///< hex SHA-256 of the body, or "UNSIGNED-PAYLOAD"
};

/// The canonical request. S3 takes paths as they are; for every other `service` their segments are encoded a
/// second time.
std::string canonical_request(const SignedRequest& request, std::string_view service);
/// "host;x-amz-date": the names of `headers` as they are signed.
std::string signed_header_names(const std::vector<HttpHeader>& headers);
/// "20261122/us-east-1/glacier/aws4_request". `amz_date` is "20261122T031500Z".
std::string credential_scope(std::string_view amz_date, const SigningScope& scope);
/// The key that is made of the secret one for a day, a region and a service: raw bytes.
std::string signing_key(std::string_view amz_date, const SigningScope& scope,
                        std::string_view secret_access_key);
/// The signature, in hex.
std::string signature(std::string_view canonical_request, std::string_view amz_date,
                      const SigningScope& scope, std::string_view secret_access_key);

/// Adds `x-amz-date`, `x-amz-security-token` if there is one, and `Authorization` to a request whose other
/// headers are set. All of its headers are signed, and the host. `payload_hash` is that of its body.
void sign(HttpRequest& request, std::string_view payload_hash, const SigningScope& scope,
          const Credentials& credentials, Timestamp now);

}  // namespace icecore::cloud
