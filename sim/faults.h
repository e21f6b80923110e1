#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::sim {

/// Something that goes wrong on order. doc/simulator.md has the JSON form.
struct Fault {
    enum class Kind : std::uint8_t {
        error,        ///< answered with `status`, `code` and `message`, without effect
        drop_before,  ///< the connection is closed without effect
        drop_after,   ///< the effect takes place, the reply is lost
        stall,        ///< the effect takes place, then nothing for `milliseconds`, then the connection closes
        trickle,      ///< the body of the answer comes at `bytes_per_second`
        corrupt,      ///< byte `offset` of the answer's body is another one
        wrong_tree_hash,  ///< the x-amz-sha256-tree-hash header of the answer is another one
        truncate,         ///< the connection closes in the middle of the answer's body
        endless,          ///< the answer's body never ends
        malformed_json,   ///< the answer's body is half a JSON text
        html,             ///< a page of a proxy, with `status`
        fail_job,         ///< the job that is begun will fail
        forget_upload,    ///< the multipart upload is forgotten before the request is looked at
    };
    std::string operation = "*";  ///< "UploadMultipartPart"; "*": any
    std::string path;             ///< a piece of the request's path; empty: any
    Kind kind = Kind::error;
    int status = 500;
    std::string code = "ServiceUnavailableException";
    std::string message = "a fault that was ordered";
    std::uint64_t skip = 0;   ///< matching requests that pass before
    std::uint64_t count = 1;  ///< how often it hits
    double probability = 1;   ///< of each hit
    std::int64_t milliseconds = 1000;
    std::uint64_t bytes_per_second = 1024;
    std::uint64_t offset = 0;
    std::uint64_t hits = 0;  ///< so far
};

/// The faults that are on order. Thread-safe.
class Faults {
  public:
    /// Adds those of a JSON object or list of objects. Throws Error{invalid} for anything that is not known,
    /// and adds nothing then.
    void add(std::string_view json_text);
    void clear();
    /// As a JSON list, with `hits`.
    std::string json() const;
    /// The first fault that hits this request, if one does.
    std::optional<Fault> take(std::string_view operation, std::string_view path);

  private:
    mutable std::mutex mutex_;  // guards what follows
    std::vector<Fault> faults_;
    std::mt19937_64 random_;
};

}  // namespace icecore::sim
