#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json_document.h"
#include "base/stream_hash.h"
#include "base/test_dir.h"
#include "cloud/sigv4.h"
#include "cost/prices.h"
#include "sim/auth.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/faults.h"
#include "sim/glacier/api.h"

namespace icecore::sim::glacier {

/// A body in memory.
class TestBody final : public RequestBody {
  public:
    explicit TestBody(std::string text) : text_(std::move(text)) {}
    std::uint64_t left_bytes() const override { return text_.size() - at_; }
    void next(Buffer& piece) override {
        piece.clear();
        std::string_view part = std::string_view(text_).substr(at_, 1 << 20);
        piece.append(part);
        at_ += part.size();
    }

  private:
    std::string text_;
    std::size_t at_ = 0;
};

/// An answer as a client has it.
struct TestReply {
    int status = 0;
    std::vector<HttpHeader> headers;
    std::string body;

    std::string header(const std::string& name) const {
        for (const HttpHeader& header : headers)
            if (header.name == name) return header.value;
        return {};
    }
    Json json() const { return parse_json(body); }
    /// "404 ResourceNotFoundException" of an error.
    std::string error() const {
        return status < 300 ? "none" : std::to_string(status) + " " + json().value("code", std::string());
    }
};

inline std::string tree_hash_of(std::string_view data) {
    return digests_of(data).tree_hash.hex();
}

/// A simulator without the network, whose clock stands still, and a client that signs.
class TestApi {
  public:
    explicit TestApi(std::string dir) : dir_(std::move(dir)) { restart(); }

    /// Lets go of everything and loads it again.
    void restart() {
        api_.reset();
        bill_.reset();
        clock_ = std::make_unique<VirtualClock>(real_, dir_ + "/clock.json");
        clock_->order(R"({"frozen":true})");
        bill_ = std::make_unique<Bill>(cost::Prices::built_in(), dir_ + "/bill.json");
        api_ = std::make_unique<Api>(ApiOptions{dir_ + "/glacier", "123456789012", "us-east-1"},
                                     ApiSetting{*clock_, authenticator_, access_, faults_, *bill_});
    }

    void advance_hours(std::uint64_t hours) { clock_->advance(hours * 3600); }
    Faults& faults() { return faults_; }

    TestReply send(const std::string& method, const std::string& target, std::vector<HttpHeader> headers = {},
                   const std::string& body = {}) {
        headers.push_back({"x-amz-glacier-version", "2012-06-01"});
        cloud::HttpRequest signed_request{method, "http://glacier.test" + target, std::move(headers), body};
        cloud::sign(signed_request, sha256(body).hex(), {"us-east-1", "glacier"}, {"KEY", "SECRET", "", {}},
                    real_.now());
        Request request;
        request.method = method;
        request.path = target.substr(0, target.find('?'));
        if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
        request.headers = signed_request.headers;
        request.headers.push_back({"Host", "glacier.test"});
        request.content_bytes = body.size();
        TestBody data(body);
        Answer answer = api_->handle(request, data);
        TestReply reply{answer.response.status, answer.response.headers, answer.response.body};
        if (answer.response.stream) {
            reply.body.resize(answer.response.stream_bytes);
            answer.response.stream->read(0, reply.body.data(), reply.body.size());
        }
        return reply;
    }

    TestReply upload(const std::string& vault, const std::string& data,
                     const std::string& description = "d") {
        return send("POST", "/-/vaults/" + vault + "/archives",
                    {{"x-amz-content-sha256", sha256(data).hex()},
                     {"x-amz-sha256-tree-hash", tree_hash_of(data)},
                     {"x-amz-archive-description", description}},
                    data);
    }
    std::string initiate(const std::string& vault, std::uint64_t part_bytes) {
        TestReply reply = send("POST", "/-/vaults/" + vault + "/multipart-uploads",
                               {{"x-amz-part-size", std::to_string(part_bytes)}});
        EXPECT_EQ(reply.status, 201) << reply.body;
        return reply.header("x-amz-multipart-upload-id");
    }
    TestReply put_part(const std::string& vault, const std::string& id, std::uint64_t offset,
                       const std::string& data) {
        std::string range = std::to_string(offset) + "-" + std::to_string(offset + data.size() - 1);
        return send("PUT", "/-/vaults/" + vault + "/multipart-uploads/" + id,
                    {{"x-amz-content-sha256", sha256(data).hex()},
                     {"x-amz-sha256-tree-hash", tree_hash_of(data)},
                     {"Content-Range", "bytes " + range + "/*"}},
                    data);
    }
    TestReply complete(const std::string& vault, const std::string& id, const std::string& data) {
        return send("POST", "/-/vaults/" + vault + "/multipart-uploads/" + id,
                    {{"x-amz-archive-size", std::to_string(data.size())},
                     {"x-amz-sha256-tree-hash", tree_hash_of(data)}});
    }
    TestReply begin_job(const std::string& vault, const Json& order) {
        return send("POST", "/-/vaults/" + vault + "/jobs", {}, order.dump());
    }

  private:
    std::string dir_;
    SystemClock real_;
    Authenticator authenticator_{{{"KEY", "SECRET"}}, "us-east-1", real_};
    Access access_{"123456789012"};
    Faults faults_;
    std::unique_ptr<VirtualClock> clock_;
    std::unique_ptr<Bill> bill_;
    std::unique_ptr<Api> api_;
};

/// `size` bytes that differ from place to place.
inline std::string test_data(std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 + i / 4093);
    return out;
}

}  // namespace icecore::sim::glacier
