#include "store/s3_target.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "store/s3_digests.h"
#include "store/s3_features.h"
#include "store/s3_lifecycle.h"
#include "store/s3_thaws.h"
#include "store/s3_upload.h"

namespace icecore::store {
namespace {

using cloud::S3Client;
using cloud::S3Head;
using cloud::S3Object;
using cloud::ServiceError;
using Answer = S3Features::Answer;
using Kind = Error::Kind;

constexpr std::size_t kKeyBytesMax = 1024;
constexpr std::uint64_t kSingleBytesMax = 64 << 20;
constexpr unsigned kDownloadAttempts = 5;
/// RestoreObject is limited to 1,000 a second; each takes some 20 ms.
constexpr unsigned kThawThreads = 10;

void check_part_of_key(std::string_view what, std::string_view text) {
    bool good = !text.empty() && text.size() <= 300 && text != "." && text != ".." &&
                std::none_of(text.begin(), text.end(), [](char c) {
                    return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                });
    if (!good)
        throw Error(Kind::invalid,
                    format("{} \"{}\" cannot stand in the key of an object", what, quotable(text)),
                    "use up to 300 bytes without slashes and control characters");
}

/// Fills in what depends on the place.
S3TargetOptions completed(S3TargetOptions options) {
    bool amazon = cloud::is_amazon_endpoint(options.s3.aws.endpoint);
    if (!options.storage_class) options.storage_class = amazon ? "DEEP_ARCHIVE" : "";
    if (!options.hot_class) options.hot_class = amazon ? "STANDARD" : "";
    std::uint64_t part = options.part_bytes_min;
    CHECK(part >= S3Client::kPartBytesMin && (part & (part - 1)) == 0 &&
          options.single_bytes_max <= kSingleBytesMax);
    check_part_of_key("the host name", options.host);
    check_part_of_key("the name of the set", options.set);
    return options;
}

class S3Target final : public Target {
  public:
    explicit S3Target(S3TargetOptions options)
        : options_(completed(std::move(options))),
          client_(options_.s3),
          features_(client_.at_amazon() ? S3Features::amazon() : S3Features{}, options_.load_features,
                    options_.save_features),
          thaws_(client_, features_, *options_.s3.aws.clock),
          root_(options_.prefix.empty() ? "" : options_.prefix + "/"),
          identity_(format("s3:{}{}/{}{}/{}", client_.at_amazon() ? "" : options_.s3.aws.endpoint + "/",
                           options_.s3.bucket, root_, options_.host, options_.set)) {}

    Capabilities capabilities() const override {
        std::string_view storage_class = *options_.storage_class;
        bool others = features_.get().has_cold && !is_cold_class(storage_class);
        bool cold = (is_cold_class(storage_class) || others) && features_.get().restores != Answer::no;
        bool deep = storage_class == "DEEP_ARCHIVE" || others;  // the slower, if it is not known which
        constexpr std::array<std::string_view, 3> kDeepTimes = {"usually within 48 hours",
                                                                "usually within 12 hours", ""};
        // A request costs as much as bringing 4 KiB here, and takes as long as 1 MiB.
        constexpr std::uint64_t kGap = 1 << 20;
        return {.thaw_needed = cold,
                .hastens_thaws = cold,
                .reading_costs = storage_class == "GLACIER_IR" || storage_class.ends_with("_IA"),
                .thaw_times = deep ? kDeepTimes : Capabilities().thaw_times,
                .part_bytes = options_.part_bytes_min,
                .lists_digests = false,
                .storage_classes = {*options_.hot_class, *options_.storage_class},
                .locks = !options_.lock_mode.empty(),
                .thaw_threads = kThawThreads,
                .polls_at_once = 1000,
                .thaw_gap_bytes = {kGap, kGap, kGap},
                .object_bytes_max = features_.get().parts_max * S3Client::kPartBytesMax};
    }

    std::string identity() const override { return identity_; }

    void check() override { client_.check(prefix_of_set()); }

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        check_part_of_key("the file name", upload.name);
        std::string key = key_of(upload.name);
        if (key.size() > kKeyBytesMax)
            throw Error(Kind::invalid,
                        format("the key {} has more than {} bytes", quotable(key), kKeyBytesMax));
        upload_to_bucket({options_, client_, features_}, key, upload, source, resume, sent);
        return {upload.name, ""};
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        std::optional<Found> found = find(object);
        if (!found) no_such_object(object);
        std::string url = client_.url_of(key_of(object.name));
        if (found->head.size_bytes != size_bytes)
            throw Error(Kind::corrupt,
                        format("{} has {} bytes instead of {}", url, found->head.size_bytes, size_bytes));
        S3Digests stored = digests_of(found->head);
        if (stored.sha256.empty())
            throw Error(Kind::corrupt,
                        format("{} has no SHA-256 with it: it was not stored by icecore", url));
        bool same = stored.sha256 == sha256 && (stored.tree_hash.empty() || stored.tree_hash == tree_hash);
        if (!same) throw Error(Kind::corrupt, format("{} has another SHA-256", url));
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        std::optional<Found> found = find(object);
        if (!found) return std::nullopt;
        const S3Head& head = found->head;
        ObjectInfo info;
        info.ref = {object.name, found->version_id};
        info.size_bytes = head.size_bytes;
        S3Digests digests = digests_of(head);
        info.sha256 = digests.sha256;
        info.tree_hash = digests.tree_hash;
        info.readable = is_readable(head.storage_class, head.restore);
        info.host = options_.host;
        info.set = options_.set;
        info.stored_at = head.modified;
        info.storage_class = head.storage_class;
        info.locked_until = head.locked_until;
        info.deleted = found->deleted;
        return info;
    }

    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        std::string prefix = scope == ListScope::this_set ? prefix_of_set() : root_;
        if (has_versions()) {
            list_last_versions(prefix, visit);
        } else {
            client_.list_objects(prefix, "", [&](const S3Object& object) {
                if (std::optional<ObjectInfo> info = info_of(object)) visit(*info);
                return true;
            });
        }
        return std::nullopt;
    }

    ThawState request_thaw(const ThawRequest& request) override {
        const ObjectRef& object = request.object;
        ThawState state = with_version(object, [&](const std::string& version_id) {
            return thaws_.request(key_of(object.name), version_id, request);
        });
        // A store without restores has not looked whether there is such an object.
        if (features_.get().restores == Answer::no && !find(object)) no_such_object(object);
        return state;
    }

    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        std::vector<ThawState> states(thaws.size());
        std::vector<S3Thaws::Asked> asked;
        for (std::size_t i = 0; i < thaws.size(); ++i)
            asked.push_back({key_of(thaws[i].request.object.name), &states[i], thaws[i].request.object.id});
        thaws_.poll(prefix_of_set(), std::move(asked), [&](const S3Thaws::Asked& one) {
            std::optional<Found> found = find({one.key.substr(prefix_of_set().size()), one.id});
            return found ? std::optional(found->head) : std::nullopt;
        });
        return states;
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        if (range.length_bytes == 0) return;
        std::uint64_t at = range.offset;
        std::uint64_t end = range.offset + range.length_bytes;
        bool sink_failed = false;
        auto pass_on = [&](std::string_view piece) {
            sink_failed = true;
            sink(piece);
            sink_failed = false;
            at += piece.size();
        };
        with_version(range.object, [&](const std::string& version_id) {
            for (unsigned attempt = 1; at < end; ++attempt) {
                try {
                    client_.get_object(key_of(range.object.name), version_id, at, end - at, pass_on);
                } catch (const ServiceError& e) {
                    if (e.code() == "InvalidObjectState") {
                        note_cold();
                        not_thawed(range.object);
                    }
                    throw;
                } catch (const Error& e) {
                    // What had begun to arrive is not asked for again by the client.
                    bool again = e.kind() == Kind::transient && !sink_failed && at > range.offset;
                    if (!again || attempt == kDownloadAttempts) throw;
                }
            }
            return true;
        });
    }

    void remove(const ObjectRef& object) override {
        std::string key = key_of(object.name);
        try {
            if (!has_versions()) return client_.delete_object(key);
            for (const S3Object& version : versions_of(key)) client_.delete_object(key, id_to_name(version));
        } catch (Error& e) {
            if (e.kind() == Kind::denied && !options_.lock_mode.empty())
                e.set_hint("it may be locked until a later day");
            throw;
        }
    }

    void lock(const ObjectRef& object, Timestamp until) override {
        if (options_.lock_mode.empty())
            throw Error(Kind::unsupported, object.name + " cannot be locked: no object_lock is configured");
        std::string version_id;
        std::string mode = options_.lock_mode;
        std::optional<Timestamp> locked_until;
        try {
            std::optional<Found> found = find(object);
            if (!found) no_such_object(object);
            version_id = found->version_id;
            locked_until = found->head.locked_until;
            if (!found->head.lock_mode.empty()) mode = found->head.lock_mode;
        } catch (const Error& e) {
            // A key that may store and not read is told of the lock alone.
            if (e.kind() != Kind::denied) throw;
            locked_until = client_.get_retention(key_of(object.name), "");
        }
        if (locked_until && *locked_until >= until) return;
        Timestamp full{until.sec + (until.nsec > 0 ? 1 : 0), 0};
        try {
            client_.put_retention(key_of(object.name), version_id, mode, full);
        } catch (const ServiceError& e) {
            if (e.kind() != Kind::invalid) throw;
            throw Error(Kind::unsupported, e.message(),
                        "does the bucket have Object Lock? It is chosen when a bucket is made");
        }
    }

    std::optional<Timestamp> locked_until(const ObjectRef& object) override {
        if (options_.lock_mode.empty()) return std::nullopt;
        return client_.get_retention(key_of(object.name), has_id(object) ? object.id : "");
    }

    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) override {
        client_.list_uploads(root_, [&](const cloud::S3Upload& upload) {
            if (std::optional<Owned> owned = parse_key(upload.key))
                visit({owned->host, owned->set, owned->name, upload.id, upload.begun});
        });
    }

    std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& upload) override {
        std::uint64_t bytes = 0;
        bool known = client_.list_parts(key_of_unfinished(upload), upload.id,
                                        [&](const cloud::S3Part& part) { bytes += part.size_bytes; });
        return known ? std::optional(bytes) : std::nullopt;
    }

    void abort_unfinished(const UnfinishedUpload& upload) override {
        client_.abort_upload(key_of_unfinished(upload), upload.id);
    }

    std::vector<TargetRemark> remarks() override {
        std::vector<TargetRemark> out;
        if (client_.options().aws.scope.region != options_.s3.aws.scope.region)
            out.push_back(
                {format("bucket {} is in region {}", options_.s3.bucket, client_.options().aws.scope.region),
                 "set the region: each run looks for it anew"});
        where_allowed([&] {
            S3SetPlace place{options_.s3.bucket, prefix_of_set(), options_.set};
            for (TargetRemark& remark : lifecycle_remarks(client_.get_lifecycle(), place))
                out.push_back(std::move(remark));
        });
        where_allowed([&] { remark_lock(out); });
        if (features_.get().conditional == Answer::no && !has_versions())
            out.push_back(
                {"the store ignores If-None-Match, so nothing keeps two machines of one host name from "
                 "replacing each other's files",
                 "let each machine have a host name or prefix of its own"});
        return out;
    }

  private:
    struct Owned {
        std::string host;
        std::string set;
        std::string name;
    };

    /// An object turned out to be cold. If the configuration says that there are none, or the store has once
    /// said that it knows no restores, that is not so.
    void note_cold() {
        bool expected = is_cold_class(*options_.storage_class) && features_.get().restores != Answer::no;
        if (expected) return;
        features_.learn([&](S3Features& features) {
            features.has_cold = features.has_cold || !is_cold_class(*options_.storage_class);
            if (features.restores == Answer::no) features.restores = Answer::unknown;
        });
    }

    bool is_readable(std::string_view storage_class, const std::optional<cloud::S3Restore>& restore) {
        bool readable = thaws_.is_readable(storage_class, restore);
        if (!readable) note_cold();
        return readable;
    }

    /// An object, or the last version of one that somebody deleted.
    struct Found {
        S3Head head;
        std::string version_id;  ///< empty: the latest
        bool deleted = false;
    };

    std::string prefix_of_set() const { return format("{}{}/{}/", root_, options_.host, options_.set); }
    std::string key_of(const std::string& name) const { return prefix_of_set() + name; }
    std::string key_of_unfinished(const UnfinishedUpload& upload) const {
        return format("{}{}/{}/{}", root_, upload.host, upload.set, upload.name);
    }

    /// nullopt for what is not ours.
    std::optional<Owned> parse_key(std::string_view key) const {
        if (!key.starts_with(root_)) return std::nullopt;
        key.remove_prefix(root_.size());
        std::size_t first = key.find('/');
        std::size_t second = first == std::string_view::npos ? first : key.find('/', first + 1);
        if (second == std::string_view::npos || key.find('/', second + 1) != std::string_view::npos)
            return std::nullopt;
        Owned out{std::string(key.substr(0, first)), std::string(key.substr(first + 1, second - first - 1)),
                  std::string(key.substr(second + 1))};
        if (out.host.empty() || out.set.empty() || out.name.empty()) return std::nullopt;
        return out;
    }

    std::optional<ObjectInfo> info_of(const S3Object& object) {
        std::optional<Owned> owned = parse_key(object.key);
        if (!owned) return std::nullopt;
        ObjectInfo info;
        info.ref = {owned->name, ""};
        info.size_bytes = object.size_bytes;
        info.readable = is_readable(object.storage_class, object.restore);
        info.host = owned->host;
        info.set = owned->set;
        info.stored_at = object.modified;
        info.storage_class = object.storage_class;
        return info;
    }

    /// Of each key the latest version; of one that was deleted the last before that.
    void list_last_versions(const std::string& prefix, const std::function<void(const ObjectInfo&)>& visit) {
        std::string told;  // the key that was visited last
        client_.list_versions(prefix, [&](const S3Object& version) {
            if (version.delete_marker || version.key == told) return true;
            told = version.key;
            std::optional<ObjectInfo> info = info_of(version);
            if (!info) return true;
            info->deleted = !version.latest;
            if (info->deleted) info->ref.id = id_to_name(version);
            visit(*info);
            return true;
        });
    }

    /// The version "null" is that of a time when no versions were kept.
    static std::string id_to_name(const S3Object& version) {
        return version.version_id.empty() ? "null" : version.version_id;
    }

    std::vector<S3Object> versions_of(const std::string& key) {
        std::vector<S3Object> versions;
        client_.list_versions(key, [&](const S3Object& version) {
            if (version.key == key) versions.push_back(version);
            return version.key == key;  // others come after it
        });
        return versions;
    }

    bool has_versions() {
        if (!has_versions_) {
            has_versions_ = false;
            where_allowed([&] { has_versions_ = client_.has_versions(); });
        }
        return *has_versions_;
    }

    /// For what is nice to know: not to be allowed to know it, or a store that does not know it, is no error.
    template <typename Action>
    void where_allowed(Action action) {
        try {
            action();
        } catch (const Error& e) {
            if (e.kind() != Kind::denied && e.kind() != Kind::unsupported && e.kind() != Kind::invalid) throw;
        }
    }

    std::optional<Found> find(const ObjectRef& object) {
        std::string key = key_of(object.name);
        if (object.id.empty())
            if (std::optional<S3Head> head = client_.head_object(key)) return Found{*head, "", false};
        if (!has_versions()) return std::nullopt;
        std::string version_id = object.id.empty() ? deleted_version(key) : object.id;
        if (version_id.empty()) return std::nullopt;
        std::optional<S3Head> head = client_.head_object(key, version_id);
        if (!head) return std::nullopt;
        return Found{*head, version_id, true};
    }

    /// The last version of an object that was deleted; empty if there is none.
    std::string deleted_version(const std::string& key) {
        for (const S3Object& version : versions_of(key))
            if (!version.delete_marker) return id_to_name(version);
        return "";
    }

    /// Does `action` with the version that `object` names, or the latest; if that turns out to be deleted,
    /// with the last one before. Throws Error{not_found} if there is none.
    template <typename Action>
    std::invoke_result_t<Action, std::string> with_version(const ObjectRef& object, Action action) {
        try {
            return action(has_id(object) ? object.id : "");
        } catch (const ServiceError& e) {
            bool gone = e.code() == "NoSuchKey" || e.code() == "NoSuchVersion" || e.status() == 405;
            if (!gone) throw;
        }
        std::string version_id = has_versions() ? deleted_version(key_of(object.name)) : "";
        if (version_id.empty()) no_such_object(object);
        return action(version_id);
    }

    bool has_id(const ObjectRef& object) { return !object.id.empty() && has_versions(); }

    [[noreturn]] void no_such_object(const ObjectRef& object) const {
        throw Error(Kind::not_found, format("{} is not there", client_.url_of(key_of(object.name))));
    }

    [[noreturn]] void not_thawed(const ObjectRef& object) const {
        throw Error(
            Kind::not_ready,
            format("{} is frozen: there is no copy of it to read", client_.url_of(key_of(object.name))),
            "it must be thawed first");
    }

    void remark_lock(std::vector<TargetRemark>& out) {
        if (options_.lock_mode.empty()) return;
        if (!client_.get_lock_configuration().enabled)
            out.push_back(
                {format("bucket {} has no Object Lock, which object_lock asks for", options_.s3.bucket),
                 "Object Lock is chosen when a bucket is made; make another, or leave object_lock out"});
    }

    S3TargetOptions options_;
    S3Client client_;
    S3FeatureMemory features_;
    S3Thaws thaws_;
    std::string root_;  ///< what all keys begin with: empty, or ends with a slash
    std::string identity_;
    std::optional<bool> has_versions_;
};

}  // namespace

std::unique_ptr<Target> make_s3_target(S3TargetOptions options) {
    return std::make_unique<S3Target>(std::move(options));
}

}  // namespace icecore::store
