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
        drop_before,  ///< the connection breaks, without effect
        drop_after,   ///< the effect takes place, the reply is lost
        stall,        ///< the effect takes place, then nothing for `milliseconds`, then the connection breaks
        trickle,      ///< the body of the answer comes at `bytes_per_second`
        corrupt,      ///< byte `offset` of the answer's body is another one
        wrong_tree_hash,  ///< the x-amz-sha256-tree-hash header of the answer is another one
        truncate,         ///< the connection breaks in the middle of the answer's body
        endless,          ///< the answer's body never ends
        malformed_json,   ///< the answer's body is half a JSON text
        html,             ///< a page of a proxy with `status`, without effect
        fail_job,         ///< the job that is begun will fail
        forget_upload,    ///< the multipart upload is forgotten before the request is looked at
        error_body,       ///< status 200 with an error in the body, without effect
        wrong_checksum,   ///< the ETag and x-amz-checksum-… of the answer are other ones
        no_encryption,    ///< the answer says nothing of an encryption
        malformed_xml,    ///< the answer's body is half an XML document
        hostile_xml,      ///< the answer's body is an XML document whose entities would fill the memory
    };
    std::string operation = "*";  ///< "UploadMultipartPart"; "*": any
    std::string path = {};        ///< a piece of the request's path; empty: any
    Kind kind = Kind::error;
    int status = 500;
    std::string code = {};  ///< empty: the service's own for something broken
    std::string message = "a fault that was ordered";
    std::uint64_t skip = 0;                                 ///< matching requests that pass before
    std::optional<std::uint64_t> count = std::uint64_t{1};  ///< how often it hits; nullopt: always
    double probability = 1;                                 ///< of each hit
    std::uint64_t seed = 0;                                 ///< of that chance
    std::int64_t milliseconds = 1000;
    std::uint64_t bytes_per_second = 1024;
    std::uint64_t offset = 0;
};

/// The faults that are on order. They are forgotten when the process ends. Thread-safe.
class Faults {
  public:
    static constexpr std::size_t kFaultsMax = 1000;

    /// Adds those of a JSON object or list of objects. Throws Error{invalid, corrupt} for anything that is
    /// not known or does not belong to the kind, and adds nothing then.
    void add(std::string_view json_text);
    /// Forgets all.
    void clear();
    /// All of them as a JSON list: what was ordered, `hits` so far, and `skip` and `count` as what is left.
    std::string json() const;
    /// The fault that hits this request, if one does: the first in the order of adding that matches, has let
    /// pass those that it skips, is not used up and has its chance. Those after it do not see the request.
    std::optional<Fault> take(std::string_view operation, std::string_view path);

  private:
    struct Order {
        Fault fault;
        std::mt19937_64 random;
        std::uint64_t hits = 0;
    };
    static bool hits(Order& order, std::string_view operation, std::string_view path);

    mutable std::mutex mutex_;  // guards what follows
    std::vector<Order> orders_;
};

}  // namespace icecore::sim
