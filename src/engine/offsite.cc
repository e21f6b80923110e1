#include "engine/offsite.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/s3_client.h"
#include "cost/storage_cost.h"
#include "engine/aws_connection.h"
#include "engine/backup_dir.h"
#include "store/dir_target.h"
#include "store/glacier_target.h"
#include "store/retry.h"
#include "store/s3_target.h"
#include "store/throttle.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;

void refuse_nested_target(const SetOptions& set) {
    std::string target = resolved(set.target.directory);
    auto refuse = [&](std::string_view what, const std::string& other) {
        std::string path = resolved(other);
        if (is_below(target, path) || is_below(path, target) || path == "/" || target == "/")
            throw Error(Error::Kind::invalid,
                        format("the target directory {} and the {} directory {} lie inside each other",
                               target, what, path),
                        "choose a directory of its own, best on another disk or machine");
    };
    refuse("data", set.data_dir);
    refuse("backup", set.backup_dir);
}

/// The backup directory's regular files and their sizes.
std::map<std::string, std::uint64_t, std::less<>> list_files(const SetOptions& set) {
    std::map<std::string, std::uint64_t, std::less<>> files;
    Fd dir = open_file(set.backup_dir, O_RDONLY | O_DIRECTORY);
    for (std::string& name : list_directory(set.backup_dir)) {
        FileStat stat;
        if (stat_at(dir.get(), name.c_str(), stat) && stat.type == FileType::regular)
            files.emplace(std::move(name), stat.size);
    }
    return files;
}

std::string load_features(const SetOptions& set, const std::string& identity) {
    std::string path = join_path(set.backup_dir, kFeaturesName);
    if (!path_exists(path)) return {};
    std::string text = read_file(path);
    bool same = text.starts_with(identity + "\n");
    return same ? text.substr(identity.size() + 1) : std::string();
}

/// Each thread has a target of its own, and other programs may run: none may take another's temporary file.
void save_features(const Environment& env, const SetOptions& set, const std::string& text) {
    std::string name = format("{}-{}.partial", kFeaturesName, gettid());
    write_file_durably(env.fs, set.backup_dir, name, text, true);
    env.fs.rename(set.backup_dir, name, std::string(kFeaturesName));
}

/// How often a request is tried, and who is told.
struct Tries {
    unsigned attempts_max = 1;
    OnRetry on_retry;
    OnNotice on_notice;
};

std::unique_ptr<store::Target> s3_target(const Environment& env, const SetOptions& set, std::string host,
                                         const Tries& tries) {
    const TargetOptions& target = set.target;
    store::S3TargetOptions options;
    options.s3 = bucket_options(env, target, tries.on_retry, tries.on_notice);
    options.s3.aws.attempts_max = tries.attempts_max;
    options.prefix = target.prefix;
    options.host = std::move(host);
    options.set = set.name;
    options.storage_class = target.storage_class;
    options.hot_class = target.hot_class;
    options.sse = target.sse;
    options.kms_key = target.kms_key;
    if (target.object_lock)
        options.lock_mode = target.object_lock->mode == TargetOptions::ObjectLock::Mode::compliance
                                ? "COMPLIANCE"
                                : "GOVERNANCE";
    options.part_bytes_min = target.part_bytes_min;
    options.connections = target.connections;
    std::string place = format("{} {}", options.s3.aws.endpoint, target.bucket);
    options.load_features = [&set, place] { return load_features(set, place); };
    options.save_features = [&set, &env, place, on_notice = tries.on_notice](const std::string& features) {
        try {
            save_features(env, set, place + "\n" + features);
        } catch (const Error& e) {
            if (on_notice) on_notice(e.message() + "; what the store can do is found out anew each time");
        }
    };
    return store::make_s3_target(std::move(options));
}

/// Without the limit, and a directory without retries; nullptr if the set has none.
std::unique_ptr<store::Target> plain_target(const Environment& env, const SetOptions& set,
                                            const Tries& tries) {
    if (set.target.type == TargetOptions::Type::none) return nullptr;
    const TargetOptions& target = set.target;
    std::string host = target.host.empty() ? env.host : target.host;
    if (target.type == TargetOptions::Type::dir)
        return store::make_dir_target(env.fs, {.directory = target.directory, .host = host, .set = set.name});
    if (target.type == TargetOptions::Type::s3) return s3_target(env, set, std::move(host), tries);
    cloud::AwsOptions aws = aws_options(env, target.aws, "glacier", tries.on_retry);
    aws.attempts_max = tries.attempts_max;
    return store::make_glacier_target({.vault = target.vault,
                                       .account = target.account,
                                       .host = host,
                                       .set = set.name,
                                       .aws = std::move(aws),
                                       .part_bytes_min = target.part_bytes_min,
                                       .connections = target.connections});
}

/// What the outbox holds for the target; nothing if there is no outbox yet. A damaged one is no reason to
/// tell nothing at all: the next upload makes it anew.
std::vector<OutboxItem> known_items(const Environment& env, const SetOptions& set, OffsiteStatus& status) {
    std::string path = join_path(set.backup_dir, kOutboxName);
    if (!path_exists(path)) return {};
    try {
        try {
            return catalog::Outbox::open_read_only(path)->items(status.target);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::not_ready) throw;
            return catalog::Outbox::open(path)->items(status.target);  // of an older program
        }
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        status.last_error = e.message();
        status.last_error_at = env.clock.now();
        return {};
    }
}

std::optional<OffsiteStatus::Snapshot> newest_snapshot(const std::vector<catalog::Run>& runs,
                                                       const catalog::Outbox::Names& stored) {
    std::optional<OffsiteStatus::Snapshot> newest;
    std::set<std::uint32_t> broken_chains;
    for (const catalog::Run& run : runs) {
        auto name = parse_archive_name(run.header.set, run.header.archive_name);
        bool whole = name && stored.contains(name->stem + ".manifest.zst");
        for (const archive::VolumeInfo& volume : run.trailer.volumes) whole &= stored.contains(volume.name);
        if (!whole) broken_chains.insert(run.header.chain);
        if (!broken_chains.contains(run.header.chain)) newest = {run.number(), run.header.started};
    }
    return newest;
}

/// Adds up what is stored, by the class that it is in.
class StoredClasses {
  public:
    explicit StoredClasses(const std::array<std::string, 2>& classes)
        : stored_{{{classes[0], 0, 0}, {classes[1], 0, 0}}} {}

    void add(const OutboxItem& item) {
        cost::StoredObjects& of = stored_.at(item.part == OutboxItem::Part::volume ? 1 : 0);
        ++of.objects;
        of.bytes += item.size_bytes;
    }
    const std::vector<cost::StoredObjects>& stored() const { return stored_; }

  private:
    std::vector<cost::StoredObjects> stored_;  ///< hot, cold
};

bool is_at_amazon(const Environment& env, const TargetOptions& target) {
    bool vault = target.type == TargetOptions::Type::glacier;
    if (!vault && target.type != TargetOptions::Type::s3) return false;
    std::string endpoint = named_endpoint(env, target.aws, vault ? "glacier" : "s3");
    return endpoint.empty() || cloud::is_amazon_endpoint(endpoint);
}

/// The classes of hot and cold objects, as prices name them.
std::array<std::string, 2> priced_classes(const TargetOptions& target, const store::Target& opened) {
    if (target.type == TargetOptions::Type::glacier)
        return {std::string(cost::kVaultClass), std::string(cost::kVaultClass)};
    return opened.capabilities().storage_classes;
}

}  // namespace

std::optional<double> expected_monthly_usd(const Environment& env, const SetOptions& set,
                                           const store::Target& opened, std::uint64_t archive_bytes) {
    if (!is_at_amazon(env, set.target)) return std::nullopt;
    std::uint64_t volumes = (archive_bytes + set.volume_bytes_max - 1) / set.volume_bytes_max;
    double usd = cost::monthly_usd(cost::Prices::built_in(),
                                   {{priced_classes(set.target, opened)[1], volumes, archive_bytes}});
    return usd > 0 ? std::optional(usd) : std::nullopt;  // nothing: a class that has no price there
}

std::unique_ptr<store::Target> open_target(const Environment& env, const SetOptions& set, Observer& observer,
                                           Patience patience) {
    Tries tries{patience == Patience::minutes ? 8U : 3U,
                [&observer](std::string_view message, unsigned attempt) {
                    observer.warning(format("{}; trying again (try {} failed)", message, attempt));
                },
                [&observer](const std::string& notice) { observer.warning(notice); }};
    std::unique_ptr<store::Target> target = plain_target(env, set, tries);
    if (target == nullptr) return nullptr;
    if (set.target.type == TargetOptions::Type::dir) {
        refuse_nested_target(set);
        CHECK(env.sleep_ns && env.random);
        target = store::make_retrying_target(std::move(target), {.attempts_max = tries.attempts_max,
                                                                 .sleep_ns = env.sleep_ns,
                                                                 .random = env.random,
                                                                 .on_retry = std::move(tries.on_retry)});
    }
    if (set.target.upload_bytes_per_second == 0) return target;
    return store::make_throttled_target(
        std::move(target), env.clock,
        {.upload_bytes_per_second = set.target.upload_bytes_per_second, .sleep_ns = env.sleep_ns});
}

void refuse_emptied(const SetOptions& set, store::Target& target) {
    if (set.target.type != TargetOptions::Type::dir) return;
    bool any = false;
    target.list(store::ListScope::this_set, [&](const store::ObjectInfo&) { any = true; });
    if (any) return;
    throw Error(Error::Kind::not_found,
                format("the target {} has nothing of what was stored there", set.target.directory),
                "is the disk mounted? If it is lost, `icecore verify --remote` has everything stored again");
}

OutboxItem waiting_volume(const store::Target& target, std::uint32_t run, const archive::VolumeInfo& volume,
                          const PartDigests& parts) {
    OutboxItem item;
    item.target = target.identity();
    item.name = volume.name;
    item.run = run;
    item.part = OutboxItem::Part::volume;
    item.size_bytes = volume.stored_bytes;
    item.sha256 = volume.sha256;
    item.tree_hash = volume.tree_hash;
    item.parts = parts;
    return item;
}

std::vector<SealedFile> sealed_files(const SetOptions& set, const std::vector<catalog::Run>& runs) {
    std::map<std::string, std::uint64_t, std::less<>> here = list_files(set);
    std::vector<SealedFile> files;
    for (const catalog::Run& run : runs) {
        std::size_t first = files.size();
        for (const archive::VolumeInfo& volume : run.trailer.volumes)
            files.push_back({volume.name, run.number(), OutboxItem::Part::volume, false, volume.stored_bytes,
                             volume.sha256, volume.tree_hash});
        if (auto name = parse_archive_name(run.header.set, run.header.archive_name)) {
            files.push_back({name->stem + ".manifest.zst", run.number(), OutboxItem::Part::manifest});
            files.push_back({name->stem + ".log", run.number(), OutboxItem::Part::log});
        }
        bool any = false;
        for (std::size_t i = first; i < files.size(); ++i) {
            auto found = here.find(files[i].name);
            files[i].here = found != here.end();
            any |= files[i].here;
            if (files[i].here && files[i].part != OutboxItem::Part::volume)
                files[i].size_bytes = found->second;
        }
        if (!any) files.resize(first);  // somebody removed the whole run
    }
    return files;
}

std::optional<OffsiteStatus> read_offsite_status(const Environment& env, const SetOptions& set,
                                                 const std::vector<catalog::Run>& runs) {
    std::unique_ptr<store::Target> target = plain_target(env, set, {});
    if (target == nullptr) return std::nullopt;
    OffsiteStatus status;
    status.target = target->identity();
    catalog::Outbox::Names stored;
    StoredClasses nothing(priced_classes(set.target, *target));
    StoredClasses all = nothing;
    std::map<catalog::RunNumber, StoredClasses> by_run;
    auto add_waiting = [&status](std::uint64_t bytes) {
        ++status.waiting_files;
        status.waiting_bytes += bytes;
    };
    for (OutboxItem& item : known_items(env, set, status)) {
        if (item.state == OutboxItem::State::stored) {
            ++status.stored_files;
            status.stored_bytes += item.size_bytes;
            all.add(item);
            by_run.try_emplace(item.run, nothing).first->second.add(item);
            status.last_stored = std::max(status.last_stored.value_or(item.stored_at), item.stored_at);
            stored.insert(std::move(item.name));
            continue;
        }
        if (item.state == OutboxItem::State::waiting && item.part == OutboxItem::Part::readme)
            add_waiting(item.size_bytes);
        if (!item.last_error.empty() && item.failed_at >= status.last_error_at) {
            status.last_error = item.last_error;
            status.last_error_at = item.failed_at;
        }
    }
    if (is_at_amazon(env, set.target)) {
        cost::Prices prices = cost::Prices::built_in();
        status.monthly_usd = cost::monthly_usd(prices, all.stored());
        for (const auto& [run, classes] : by_run)
            status.monthly_usd_of[run] = cost::monthly_usd(prices, classes.stored());
    }
    if (runs.empty()) return status;
    status.newest_snapshot = newest_snapshot(runs, stored);
    for (const SealedFile& file : sealed_files(set, runs)) {
        if (!stored.contains(file.name)) add_waiting(file.size_bytes);
    }
    return status;
}

std::unique_ptr<catalog::Outbox> open_outbox(const SetOptions& set, Observer& observer) {
    std::string path = join_path(set.backup_dir, kOutboxName);
    try {
        return catalog::Outbox::open(path);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        observer.warning(format("{}; it is made anew, and the target is asked for each file", e.message()));
        put_aside(path, kDamagedSuffix);
        return catalog::Outbox::open(path);
    }
}

void discard_uploads(const SetOptions& set, const std::vector<std::string>& names, Observer& observer) {
    if (names.empty() || !path_exists(join_path(set.backup_dir, kOutboxName))) return;
    try {
        std::unique_ptr<catalog::Outbox> outbox = open_outbox(set, observer);
        for (const std::string& name : names) outbox->discard(name);
    } catch (const Error& e) {
        observer.warning(format("{}; volumes of the interrupted run may be left offsite", e.message()));
    }
}

}  // namespace icecore::engine
