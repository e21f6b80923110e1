#include "store/glacier_target.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "cloud/glacier_client.h"
#include "store/glacier_jobs.h"
#include "store/glacier_reader.h"
#include "store/glacier_upload.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;
using cloud::GlacierInventoryEntry;
using cloud::GlacierJob;

/// Bytes that cost as much to retrieve as one request more (us-east-1, 2026-09): bulk $0.025 a 1,000 requests
/// and $0.0025 a GB; standard $0.05 and $0.01; expedited $10 and $0.03.
constexpr std::array<std::uint64_t, 3> kThawGapBytes = {10 << 20, 5 << 20, 333 << 20};

void check_part_of_description(std::string_view what, std::string_view text) {
    bool good = !text.empty() && text.size() <= 300 && std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c <= 0x7e && c != '/';
    });
    if (!good)
        throw Error(Error::Kind::invalid,
                    format("{} \"{}\" cannot stand in the description of an archive in a vault", what, text),
                    "use printable ASCII characters without blanks and slashes");
}

struct OwnedName {
    std::string host;
    std::string set;
    std::string name;
};

/// "HOST/SET/NAME"; nullopt for what is no description of ours.
std::optional<OwnedName> parse_description(std::string_view text) {
    std::size_t first = text.find('/');
    std::size_t second = first == std::string_view::npos ? first : text.find('/', first + 1);
    if (second == std::string_view::npos || text.find('/', second + 1) != std::string_view::npos)
        return std::nullopt;
    OwnedName out{std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)),
                  std::string(text.substr(second + 1))};
    if (out.host.empty() || out.set.empty() || out.name.empty()) return std::nullopt;
    return out;
}

class GlacierTarget final : public Target {
  public:
    explicit GlacierTarget(GlacierTargetOptions options)
        : options_(std::move(options)),
          client_(options_.aws, options_.account),
          jobs_(client_, options_.vault, *options_.aws.clock),
          reader_(client_, options_.vault) {
        GlacierClient::check_vault_name(options_.vault);
        check_part_of_description("the host name", options_.host);
        check_part_of_description("the name of the set", options_.set);
    }

    Capabilities capabilities() const override {
        return {.thaw_needed = true,
                .thaws_ranges = true,
                .replaces = false,
                .lists_at_once = false,
                .part_bytes = options_.part_bytes_min,
                .range_alignment_bytes = GlacierClient::kMegabyte,
                .thaw_gap_bytes = kThawGapBytes,
                .object_bytes_min = 1,
                .object_bytes_max = GlacierClient::kPartsMax * GlacierClient::kPartBytesMax};
    }

    std::string identity() const override {
        return format("glacier:{}/{}/vaults/{}/{}/{}", options_.aws.endpoint, options_.account,
                      options_.vault, options_.host, options_.set);
    }

    void check() override { client_.describe_vault(options_.vault); }

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        check_part_of_description("the file name", upload.name);
        return {upload.name, upload_to_vault(options_, description_of(upload.name), SameDescription::ours,
                                             upload, source, resume, sent)};
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& /*sha256*/,
                const Digest& tree_hash) override {
        std::optional<ObjectInfo> found = stat(object);
        if (!found) no_such_object(object);
        if (found->size_bytes != size_bytes)
            throw Error(Error::Kind::corrupt, format("{} has {} bytes in vault {} instead of {}", object.name,
                                                     found->size_bytes, options_.vault, size_bytes));
        if (found->tree_hash != tree_hash)
            throw Error(Error::Kind::corrupt,
                        format("{} has another tree hash in vault {}", object.name, options_.vault));
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        std::optional<ObjectInfo> found;
        list(ListScope::this_set, [&](const ObjectInfo& info) {
            bool same = object.id.empty() ? info.ref.name == object.name : info.ref.id == object.id;
            if (same) found = info;
        });
        if (found) found->readable = jobs_.find_whole(found->ref.id, found->size_bytes);
        return found;
    }

    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        std::optional<GlacierJob> job = jobs_.inventory();
        if (!job) return client_.describe_vault(options_.vault).created;  // there was no inventory yet
        return client_.get_inventory(options_.vault, job->id, [&](const GlacierInventoryEntry& entry) {
            std::optional<OwnedName> owned = parse_description(entry.description);
            if (!owned) return;
            bool ours = owned->host == options_.host && owned->set == options_.set;
            if (scope == ListScope::this_set && !ours) return;
            ObjectInfo info;
            info.ref = {std::move(owned->name), entry.archive_id};
            info.size_bytes = entry.size_bytes;
            info.tree_hash = entry.tree_hash;
            info.readable = false;
            info.host = std::move(owned->host);
            info.set = std::move(owned->set);
            info.stored_at = entry.created;
            visit(info);
        });
    }

    ThawState request_thaw(const ThawRequest& request) override {
        return jobs_.request(request, description_of(request.object.name));
    }

    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        std::vector<ThawState> states;
        for (const AskedThaw& thaw : thaws) states.push_back(jobs_.poll(thaw));
        return states;
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        GlacierJob job = jobs_.readable(range);
        try {
            reader_.read(job, range.offset, range.length_bytes, sink);
        } catch (const Error& e) {
            if (e.kind() == Error::Kind::not_ready) jobs_.forget();
            throw;
        }
    }

    void remove(const ObjectRef& object) override {
        if (object.id.empty()) return;  // nothing that has no id was stored
        client_.delete_archive(options_.vault, object.id);
        jobs_.forget();
    }

    /// A whole vault can be locked by a policy of its owner's, but no archive.
    void lock(const ObjectRef& object, Timestamp /*until*/) override {
        throw Error(Error::Kind::unsupported,
                    format("{} cannot be locked: archives in vaults have no locks", object.name),
                    "a vault lock policy protects a whole vault");
    }

    std::optional<Timestamp> locked_until(const ObjectRef& /*object*/) override { return std::nullopt; }
    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) override {
        client_.list_multipart(options_.vault, [&](const cloud::GlacierUpload& upload) {
            if (std::optional<OwnedName> owned = parse_description(upload.description))
                visit({std::move(owned->host), std::move(owned->set), std::move(owned->name), upload.id,
                       upload.created});
        });
    }

    /// A list has 50 parts to a page.
    std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& /*upload*/) override {
        return std::nullopt;
    }

    void abort_unfinished(const UnfinishedUpload& upload) override {
        try {
            client_.abort_multipart(options_.vault, upload.id);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_found) throw;
        }
    }

    std::vector<TargetRemark> remarks() override { return {}; }

  private:
    std::string description_of(const std::string& name) const {
        return format("{}/{}/{}", options_.host, options_.set, name);
    }

    [[noreturn]] void no_such_object(const ObjectRef& object) const {
        throw Error(Error::Kind::not_found,
                    format("{} is not in the newest inventory of vault {}", object.name, options_.vault),
                    "what was stored in the last day or two is not in it yet");
    }

    GlacierTargetOptions options_;
    GlacierClient client_;
    GlacierJobs jobs_;
    GlacierReader reader_;
};

}  // namespace

std::unique_ptr<Target> make_glacier_target(GlacierTargetOptions options) {
    return std::make_unique<GlacierTarget>(std::move(options));
}

}  // namespace icecore::store
