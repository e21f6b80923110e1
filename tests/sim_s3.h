#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim_process.h"
#include "store/s3_target.h"

namespace icecore::testing {

/// A request to the simulated S3 that our client has no operation for.
inline cloud::HttpResponse ask_s3(const SimProcess& sim, const std::string& method, const std::string& path,
                                  const std::string& query = {}, const std::string& body = {},
                                  std::vector<cloud::HttpHeader> headers = {}) {
    cloud::AwsOptions aws = sim.aws();
    aws.scope.service = "s3";
    cloud::AwsClient client(aws, [](const cloud::HttpResponse& response) {
        return cloud::ErrorReply{"error", response.body};
    });
    cloud::AwsRequest request{.method = method, .path = path, .query = query};
    request.headers = std::move(headers);
    request.body = body;
    return client.call(request);
}

/// A bucket of the simulated S3, and targets in it.
class SimBucket {
  public:
    /// `more` are further arguments of the simulator.
    explicit SimBucket(bool lock = false, std::vector<std::string> more = {}) : sim(std::move(more)) {
        std::vector<cloud::HttpHeader> headers;
        if (lock) headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
        ask("PUT", "/bucket", "", "", headers);
    }

    /// Small parts, and what the store can do remembered from target to target.
    store::S3TargetOptions options() {
        store::S3TargetOptions options;
        options.s3.aws = sim.aws();
        options.s3.aws.scope.service = "s3";
        options.s3.bucket = "bucket";
        options.prefix = "p";
        options.host = "host";
        options.set = "home";
        options.part_bytes_min = 8 << 20;
        options.single_bytes_max = 4 << 20;
        options.load_features = [this] { return features; };
        options.save_features = [this](const std::string& text) { features = text; };
        return options;
    }

    cloud::S3Client client() { return cloud::S3Client(options().s3); }

    void keep_versions() {
        ask("PUT", "/bucket", "versioning=",
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Status>Enabled</Status></VersioningConfiguration>");
    }

    /// What our client has no operation for.
    cloud::HttpResponse ask(const std::string& method, const std::string& path, const std::string& query = {},
                            const std::string& body = {}, std::vector<cloud::HttpHeader> headers = {}) {
        return ask_s3(sim, method, path, query, body, std::move(headers));
    }

    /// How often each operation was called since the last time that this was asked.
    std::map<std::string, std::uint64_t> requests() {
        std::map<std::string, std::uint64_t> now;
        Json bill = sim.bill();
        for (const auto& [name, count] : bill.at("s3_requests").items())
            now[name] = count.get<std::uint64_t>();
        std::map<std::string, std::uint64_t> since;
        for (const auto& [name, count] : now)
            if (count != before_[name]) since[name] = count - before_[name];
        before_ = now;
        return since;
    }

    std::vector<cloud::S3Upload> unfinished() {
        std::vector<cloud::S3Upload> found;
        client().list_uploads("", [&](const cloud::S3Upload& upload) { found.push_back(upload); });
        return found;
    }

    /// Sizes of the objects, by key.
    std::map<std::string, std::uint64_t> stored() {
        std::map<std::string, std::uint64_t> found;
        client().list_objects("", "", [&](const cloud::S3Object& object) {
            found[object.key] = object.size_bytes;
            return true;
        });
        return found;
    }

    SimProcess sim;
    std::string features;

  private:
    std::map<std::string, std::uint64_t> before_;
};

}  // namespace icecore::testing
