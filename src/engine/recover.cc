#include "engine/recover.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "engine/catalog_snapshot.h"
#include "engine/offsite.h"
#include "engine/remote_volumes.h"
#include "engine/serial_observer.h"
#include "engine/snapshot_file.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;

/// Requests for one object's headers, and downloads of small files, at a time.
constexpr unsigned kSmallFilesAtATime = 16;

bool fits(const std::string& path, const store::ObjectInfo& info) {
    if (info.sha256.empty() && info.tree_hash.empty()) return true;
    Digests digests = digests_of_file(path);
    return (info.sha256.empty() || digests.sha256 == info.sha256) &&
           (info.tree_hash.empty() || digests.tree_hash == info.tree_hash);
}

/// Why a file that has the name of a manifest is none; empty: it is, or has another name. A service's
/// checksum tells only that it gave back what it was given.
std::string fault_of_manifest(const SetOptions& set, const std::string& path, const std::string& name) {
    std::optional<ParsedName> parsed = parse_archive_name(set.name, name);
    if (!parsed || parsed->part != ParsedName::Part::manifest) return {};
    try {
        archive::ManifestReader reader(path);
        while (reader.next()) continue;
        return {};
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        return e.message();
    }
}

/// Counts one object into its set's line.
void count(std::map<std::pair<std::string, std::string>, OffsiteSet>& sets, const store::ObjectInfo& info) {
    OffsiteSet& of = sets[{info.host, info.set}];
    of.host = info.host;
    of.set = info.set;
    ++of.files;
    of.bytes += info.size_bytes;
    std::optional<ParsedName> name = parse_archive_name(info.set, info.ref.name);
    if (!name || name->part != ParsedName::Part::manifest) return;
    ++of.runs;
    Timestamp started = started_of(name->stem);
    if (!of.newest || started > *of.newest) of.newest = started;
}

}  // namespace

Recovery::Recovery(const Environment& env, const SetOptions& set, FetchOptions options, Observer& observer,
                   OpenTarget open)
    : env_(env),
      set_(set),
      observer_(observer),
      dir_(join_path(set.backup_dir, kThawedName)),
      host_(set.target.host.empty() ? env.host : set.target.host),
      open_(std::move(open)),
      target_(open_(observer)),
      options_(std::move(options)) {
    CHECK(target_ != nullptr);
    options_.dir = dir_;
    options_.poll_seconds = set.target.poll_seconds;
    options_.thaw_days = set.target.thaw_days;
    if (target_->capabilities().lists_at_once) options_.threads = kSmallFilesAtATime;
}
Recovery::~Recovery() = default;

void Recovery::list() {
    std::map<std::pair<std::string, std::string>, OffsiteSet> sets;
    listed_.clear();
    as_of_ = target_->list(store::ListScope::all_sets, [&](const store::ObjectInfo& info) {
        count(sets, info);
        if (info.host == host_ && info.set == set_.name) listed_[info.ref.name].push_back(info);
    });
    found_.clear();
    for (auto& [key, of] : sets) found_.push_back(std::move(of));
    if (found_.empty() && as_of_)
        throw Error(Error::Kind::not_ready,
                    format("the target lists nothing of icecore as of {}", format_local(*as_of_)),
                    "a vault lists what was stored about a day later");
    find_lost();
}

void Recovery::find_lost() {
    std::map<std::string, LostRun> of_stem;
    std::set<std::string> complete;
    catalog::RunNumber last = 0;
    for (const auto& [name, infos] : listed_) {
        std::optional<ParsedName> parsed = parse_archive_name(set_.name, name);
        if (!parsed) continue;
        if (parsed->part == ParsedName::Part::manifest) {
            complete.insert(parsed->stem);
            last = std::max(last, parsed->run);
        }
        if (parsed->part != ParsedName::Part::volume) continue;
        LostRun& run =
            of_stem.try_emplace(parsed->stem, LostRun{parsed->run, 0, 0, true, false}).first->second;
        ++run.volumes;
        run.bytes += infos.back().size_bytes;
        run.readable = run.readable && infos.back().readable;
    }
    lost_.clear();
    for (auto& [stem, run] : of_stem) {
        run.last = run.run > last;
        if (!complete.contains(stem) && !path_exists(join_path(set_.backup_dir, stem + ".manifest.zst")))
            lost_.push_back(run);
    }
}

/// Of several of one name the newest.
void Recovery::want(const std::string& name, const std::vector<store::ObjectInfo>& infos) {
    if (path_exists(join_path(set_.backup_dir, name))) return;
    wanted_.push_back(*std::max_element(infos.begin(), infos.end(), [](const auto& a, const auto& b) {
        return a.stored_at.value_or(Timestamp{}) < b.stored_at.value_or(Timestamp{});
    }));
}

/// The newest copy of the catalogue, if it can be had for nothing.
void Recovery::want_snapshot() {
    catalog::RunNumber newest = 0;
    for (const auto& [name, infos] : listed_) {
        std::optional<SnapshotName> parsed = parse_snapshot_name(set_.name, name);
        if (!parsed || parsed->run < newest || !infos.back().readable) continue;
        newest = parsed->run;
        snapshot_ = name;
    }
    if (!snapshot_.empty()) want(snapshot_, listed_.at(snapshot_));
}

/// Where it is, if it came as the target has it.
std::string Recovery::take_snapshot() {
    std::string staged = join_path(dir_, snapshot_);
    if (snapshot_.empty() || !path_exists(staged)) return {};
    for (const store::ObjectInfo& info : wanted_)
        if (info.ref.name == snapshot_ && fits(staged, info)) return staged;
    return {};
}

/// A list that tells none leaves them to one request a file.
void Recovery::learn_digests() {
    if (target_->capabilities().lists_digests) return;
    std::vector<store::ObjectInfo*> infos;
    for (store::ObjectInfo& info : wanted_) infos.push_back(&info);
    SerialObserver observer(observer_);
    std::atomic<bool> stopping = false;
    for_each_with_target(open_, observer, infos, kSmallFilesAtATime, stopping,
                         [](store::Target& target, store::ObjectInfo* info) {
                             std::optional<store::ObjectInfo> more = target.stat(info->ref);
                             if (!more) return;
                             info->sha256 = more->sha256;
                             info->tree_hash = more->tree_hash;
                         });
}

FetchState Recovery::plan(bool archives) {
    if (listed_.empty())
        throw Error(Error::Kind::not_found,
                    format("there is nothing of set {} of machine {} offsite", set_.name, host_),
                    "`host` in [set.target] says whose files are meant");
    wanted_.clear();
    std::set<catalog::RunNumber> lost;
    for (const LostRun& run : lost_) lost.insert(run.run);
    for (const auto& [name, infos] : listed_) {
        std::optional<ParsedName> parsed = parse_archive_name(set_.name, name);
        if (!parsed) continue;
        bool volume = parsed->part == ParsedName::Part::volume;
        if (!volume || (archives && lost.contains(parsed->run))) want(name, infos);
    }
    snapshot_.clear();
    if (!archives) want_snapshot();  // it would hide that a manifest must be made again
    learn_digests();
    store::Capabilities abilities = target_->capabilities();
    std::vector<FetchRange> ranges;
    for (const store::ObjectInfo& info : wanted_) {
        if (info.size_bytes == 0) continue;
        bool costs = abilities.reading_costs && info.storage_class == abilities.storage_classes[1];
        ranges.push_back({info.ref, info.size_bytes, 0, info.size_bytes, info.readable && !costs});
    }
    if (!lock_) lock_.emplace(env_, set_.backup_dir, SetActivity::fetch);
    if (!thaws_) thaws_ = open_thaws(set_, observer_);
    fetch_ = std::make_unique<Fetch>(env_, open_, *thaws_, options_, observer_);
    fetch_->want(ranges);
    return fetch_->state();
}

FetchState Recovery::fetch() {
    return fetch_->run();
}

/// A fetched file that is what the target said goes to its place.
void Recovery::take_into_place(const store::ObjectInfo& info, RecoverResult& result) {
    const std::string& name = info.ref.name;
    std::string staged = join_path(dir_, name);
    std::string place = join_path(set_.backup_dir, name);
    if (!path_exists(staged) || path_exists(place) || !fetch_->missing(name).empty()) return;
    if (!fits(staged, info)) {
        result.not_fetched.push_back(
            format("{}: what came does not have the checksum that the target tells", name));
        std::filesystem::remove(staged);
        return;
    }
    if (std::string fault = fault_of_manifest(set_, staged, name); !fault.empty()) {
        result.not_fetched.push_back(format("{}: what is offsite is no whole manifest: {}", name, fault));
        std::filesystem::remove(staged);
        return;
    }
    if (renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno != EXDEV) throw_errno("moving " + staged + " to its place");
    copy_into_place(staged, name);  // somebody gave the staging directory a disk of its own
}

void Recovery::copy_into_place(const std::string& staged, const std::string& name) {
    std::unique_ptr<OutputFile> copy = env_.fs.create(set_.backup_dir, name, false);
    Fd fd = open_file(staged, O_RDONLY | O_NOFOLLOW);
    std::string buffer(1 << 20, '\0');
    while (std::size_t got = read_full(fd.get(), buffer.data(), buffer.size()))
        copy->write(std::string_view(buffer).substr(0, got));
    copy->seal();
    std::filesystem::remove(staged);
}

RecoverResult Recovery::finish() {
    RecoverResult result;
    result.not_fetched = fetch_->state().problems;
    for (const store::ObjectInfo& info : wanted_)
        if (info.ref.name != snapshot_) take_into_place(info, result);
    sync_directory(set_.backup_dir);
    fetch_->forget_fetched();
    try {
        result.rebuilt = rebuild(env_, set_, observer_, take_snapshot());
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found || result.not_fetched.empty()) throw;
        return result;  // there is no run here, and that is why
    }
    std::error_code ignored;
    if (!snapshot_.empty()) std::filesystem::remove(join_path(dir_, snapshot_), ignored);
    std::filesystem::remove(dir_, ignored);  // if it is empty
    fill_outbox(result);
    result.lost = lost_;
    std::unique_ptr<catalog::Catalog> catalog = open_catalog(env_, set_, observer_);
    std::erase_if(result.lost, [&](const LostRun& run) { return catalog->run(run.run).has_value(); });
    if (result.problems.empty() && result.not_fetched.empty()) go_on_with_chain();
    return result;
}

/// Without archive.snar the next run would be full and store, and pay for, everything once more. One that
/// knows no directory says when the last run was; what it holds is in the catalogue.
void Recovery::go_on_with_chain() {
    std::vector<catalog::Run> runs = open_catalog(env_, set_, observer_)->runs();
    if (runs.empty() || path_exists(join_path(set_.backup_dir, kSnarName))) return;
    SnapshotFile snapshot(env_.fs, set_.backup_dir, runs.back().header.started);
    snapshot.begin();
    snapshot.seal();
}

/// What is offsite is known to be stored, under the ids that the target told; what should be there and is not
/// is a problem.
void Recovery::fill_outbox(RecoverResult& result) {
    std::unique_ptr<catalog::Outbox> outbox = open_outbox(set_, observer_);
    std::vector<catalog::Run> runs = open_catalog(env_, set_, observer_)->runs();
    result.runs = runs.size();
    outbox->at_once([&] {
        for (const SealedFile& file : sealed_files(set_, runs)) note_file(file, *outbox, result);
        remember_snapshots(*outbox);
    });
    std::sort(result.problems.begin(), result.problems.end());
}

void Recovery::note_file(const SealedFile& file, catalog::Outbox& outbox, RecoverResult& result) {
    OutboxItem item;
    item.target = target_->identity();
    item.name = file.name;
    item.run = file.run;
    item.part = file.part;
    item.size_bytes = file.size_bytes;
    item.sha256 = file.sha256;
    item.tree_hash = file.tree_hash;
    bool volume = file.part == OutboxItem::Part::volume;
    if (!volume && file.here) {
        Digests digests = digests_of_file(join_path(set_.backup_dir, file.name));
        item.sha256 = digests.sha256;
        item.tree_hash = digests.tree_hash;
    }
    auto listed = listed_.find(file.name);
    const store::ObjectInfo* same = nullptr;
    if (listed != listed_.end())
        for (const store::ObjectInfo& info : listed->second)
            if (info.size_bytes == item.size_bytes && (info.sha256.empty() || info.sha256 == item.sha256) &&
                (info.tree_hash.empty() || info.tree_hash == item.tree_hash))
                same = &info;
    if (same != nullptr) {
        result.deleted += same->deleted;
        outbox.add(item);
        outbox.set_stored(item.target, item.name, same->ref.id, same->stored_at.value_or(env_.clock.now()));
    }
    if (file.part == OutboxItem::Part::manifest && !file.here)
        result.problems.push_back(
            format("{}: it is not offsite; a copy of the catalogue stands in for it, and "
                   "`icecore recover --archives` makes it again from its archive",
                   file.name));
    // A vault's list is a day old.
    if (same == nullptr && file.here && !as_of_) {
        std::optional<OutboxItem> known = outbox.find(item.target, item.name);
        if (known && known->state == OutboxItem::State::stored) {
            outbox.set_waiting(item.target, item.name);
            result.problems.push_back(
                format("{}: it is not offsite any more; `icecore upload` stores it again", file.name));
        }
    }
    if (!volume) return;
    if (same != nullptr) {
        ++result.volumes;
        result.bytes += same->size_bytes;
    } else if (!file.here) {
        result.problems.push_back(format(
            "{}: {}", file.name,
            listed == listed_.end() ? "it is not offsite" : "it is offsite, but not as it was stored"));
    }
}

/// So that the next upload knows whether another is due.
void Recovery::remember_snapshots(catalog::Outbox& outbox) {
    for (const store::ObjectInfo& info : wanted_) {
        std::optional<SnapshotName> parsed = parse_snapshot_name(set_.name, info.ref.name);
        if (!parsed) continue;
        OutboxItem item;
        item.target = target_->identity();
        item.name = info.ref.name;
        item.run = parsed->run;
        item.part = OutboxItem::Part::snapshot;
        item.size_bytes = info.size_bytes;
        item.sha256 = info.sha256;
        item.tree_hash = info.tree_hash;
        outbox.add(item);
        outbox.set_stored(item.target, item.name, info.ref.id, info.stored_at.value_or(env_.clock.now()));
    }
}

}  // namespace icecore::engine
