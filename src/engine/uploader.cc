#include "engine/uploader.h"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/catalog_snapshot.h"
#include "engine/inventory.h"
#include "engine/object_locks.h"

namespace icecore::engine {
namespace {

using catalog::OutboxItem;

/// A file of the backup directory as what is sent. Remembers whether it was this side that failed.
class LocalFile final : public RandomAccessSource {
  public:
    /// Throws Error; corrupt if the file does not have that size.
    LocalFile(const std::string& backup_dir, const std::string& name, std::uint64_t size_bytes)
        : path_(join_path(backup_dir, name)),
          size_bytes_(size_bytes),
          fd_(open_file(path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) {
        FileStat stat;
        if (!stat_at(fd_.get(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at " + path_);
        if (stat.type != FileType::regular)
            throw Error(Error::Kind::corrupt, path_ + " is not a regular file");
        if (stat.size != size_bytes_)
            throw Error(Error::Kind::corrupt,
                        format("{} has {} bytes instead of {}", path_, stat.size, size_bytes_),
                        "it was changed or damaged after it was made");
    }
    std::uint64_t size_bytes() const override { return size_bytes_; }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        failed_ = true;
        std::size_t got = 0;
        try {
            got = pread_full(fd_.get(), buffer, size, offset);
        } catch (Error& e) {
            e.add_context(path_);
            throw;
        }
        if (got < size) throw Error(Error::Kind::corrupt, path_ + " is shorter than it was");
        failed_ = false;
    }
    bool failed() const { return failed_; }

  private:
    std::string path_;
    std::uint64_t size_bytes_;
    Fd fd_;
    bool failed_ = false;
};

class OutboxResume final : public store::ResumeState {
  public:
    OutboxResume(catalog::Outbox& outbox, const OutboxItem& item)
        : outbox_(outbox), item_(item), state_(item.resume_state) {}
    std::string load() override { return state_; }
    void save(std::string_view state) override {
        outbox_.save_resume_state(item_.target, item_.name, state);
        state_ = state;
    }

  private:
    catalog::Outbox& outbox_;
    const OutboxItem& item_;
    std::string state_;
};

/// Whether a target's error speaks of one object; else it speaks of the target as a whole.
bool concerns_one_object(Error::Kind kind) {
    return kind == Error::Kind::corrupt || kind == Error::Kind::exists || kind == Error::Kind::invalid ||
           kind == Error::Kind::unsupported;
}

void compute_digests(const std::string& backup_dir, SealedFile& file) {
    LocalFile source(backup_dir, file.name, file.size_bytes);
    Digests digests = digests_of(source, 0, file.size_bytes);
    file.sha256 = digests.sha256;
    file.tree_hash = digests.tree_hash;
}

OutboxItem make_item(const std::string& target, const SealedFile& file) {
    OutboxItem item;
    item.target = target;
    item.name = file.name;
    item.run = file.run;
    item.part = file.part;
    item.size_bytes = file.size_bytes;
    item.sha256 = file.sha256;
    item.tree_hash = file.tree_hash;
    return item;
}

}  // namespace

Uploader::Uploader(const Environment& env, const SetOptions& set, store::Target& target, Observer& observer,
                   std::stop_token stop, OpenTarget more_targets)
    : env_(env),
      set_(set),
      target_(target),
      more_targets_(std::move(more_targets)),
      target_name_(target.identity()),
      observer_(observer),
      stop_(std::move(stop)),
      outbox_(open_outbox(set, observer)),
      started_ns_(env.clock.monotonic_ns()) {}

void Uploader::add_volume(std::uint32_t run, const archive::VolumeInfo& volume, const PartDigests& parts) {
    outbox_->add(waiting_volume(target_, run, volume, parts));
}

void Uploader::add_sealed_files(const std::vector<catalog::Run>& runs) {
    if (locks()) locks_needed_ = engine::locks_needed(runs, set_.target.object_lock->days);
    catalog::Outbox::Names known;
    bool any_stored = false;
    for (OutboxItem& item : outbox_->items(target_name_)) {
        any_stored |= item.state == OutboxItem::State::stored;
        // A manifest or log that waits may have been made again since: its digests are computed anew.
        bool may_differ = item.state == OutboxItem::State::waiting && item.part != OutboxItem::Part::volume;
        if (item.state != OutboxItem::State::discarded && !may_differ) known.insert(std::move(item.name));
    }
    catalog::Outbox::Names expected;
    std::vector<SealedFile> files = sealed_files(set_, runs);
    if (!any_stored && !files.empty() && !target_.capabilities().lists_at_once) adopt_listed(files, known);
    for (SealedFile& file : files) {
        expected.insert(file.name);
        if (known.contains(file.name)) continue;
        if (!file.here)
            find_offsite(file);
        else if (file.part == OutboxItem::Part::volume)
            outbox_->add(make_item(target_name_, file));
        else
            add_small_file(std::move(file));
    }
    forget_gone(expected);
    if (target_.capabilities().replaces) add_readme();
}

/// Nothing is known to be stored: the target is new, or the outbox was lost. A target that cannot be asked
/// for one file tells by its list what need not be sent, and paid for, once more.
void Uploader::adopt_listed(const std::vector<SealedFile>& files, catalog::Outbox::Names& known) {
    std::map<std::string, store::ObjectInfo, std::less<>> listed;
    try {
        target_.list(store::ListScope::this_set,
                     [&](const store::ObjectInfo& info) { listed.insert_or_assign(info.ref.name, info); });
    } catch (Error& e) {
        e.add_context("finding out what is offsite already");
        if (e.kind() != Error::Kind::denied) return fail(e);
        observer_.warning(e.message() + "; what is there already may be stored once more");
        return;
    }
    for (SealedFile file : files) {
        auto found = listed.find(file.name);
        if (found == listed.end() || !file.here) continue;
        const store::ObjectInfo& info = found->second;
        try {
            if (file.part != OutboxItem::Part::volume) compute_digests(set_.backup_dir, file);
        } catch (const Error&) {
            continue;  // reported when it is to be stored
        }
        if (info.size_bytes != file.size_bytes || info.tree_hash != file.tree_hash) continue;
        outbox_->add(make_item(target_name_, file));
        outbox_->set_stored(target_name_, file.name, info.ref.id, info.stored_at.value_or(env_.clock.now()));
        known.insert(file.name);
    }
}

void Uploader::add_small_file(SealedFile file) {
    try {
        compute_digests(set_.backup_dir, file);
    } catch (const Error& e) {
        add_problem(file.name, e);
        return;
    }
    outbox_->add(make_item(target_name_, file));
}

void Uploader::add_readme() {
    FileStat stat;
    if (!stat_at(AT_FDCWD, join_path(set_.backup_dir, kReadmeName).c_str(), stat)) return;
    SealedFile file{std::string(kReadmeName), 0, OutboxItem::Part::readme, true, stat.size};
    add_small_file(std::move(file));
}

/// The outbox was lost, and a file is not here: the target may have it. Of manifest and log no digest is
/// known, so they cannot be proved, but they need not be reported either.
void Uploader::find_offsite(const SealedFile& file) {
    if (ended()) return;
    try {
        std::optional<store::ObjectInfo> found = target_.stat({file.name, {}});
        if (!found) {
            problems_.push_back(format("{}: it is neither here nor offsite", file.name));
        } else if (file.part == OutboxItem::Part::volume) {
            target_.verify(found->ref, file.size_bytes, file.sha256, file.tree_hash);
            outbox_->add(make_item(target_name_, file));
            outbox_->set_stored(target_name_, file.name, found->ref.id, env_.clock.now());
        }
    } catch (const Error& e) {
        if (concerns_one_object(e.kind()))
            add_problem(file.name, e);
        else
            fail(e);
    }
}

/// What waits but belongs to no known run and is not here will never be stored.
void Uploader::forget_gone(const catalog::Outbox::Names& expected) {
    for (const OutboxItem& item : outbox_->items(target_name_))
        if (item.state == OutboxItem::State::waiting && !expected.contains(item.name) &&
            !path_exists(join_path(set_.backup_dir, item.name)))
            outbox_->remove(target_name_, item.name);
}

bool Uploader::has_stored() const {
    std::vector<OutboxItem> items = outbox_->items(target_name_);
    return std::any_of(items.begin(), items.end(),
                       [](const OutboxItem& item) { return item.state == OutboxItem::State::stored; });
}

bool Uploader::must_ask_first() const {
    if (target_.capabilities().lists_at_once || has_stored()) return false;
    Inventory inventory = read_inventory(set_);
    return std::any_of(inventory.runs.begin(), inventory.runs.end(),
                       [](const auto& run) { return !run.second.manifest.empty(); });
}

/// What is stored on a disk that is not mounted now must not be gone on with on the disk below.
void Uploader::look_for_what_is_stored() {
    if (std::exchange(looked_, true) || !has_stored()) return;
    try {
        refuse_emptied(set_, target_);
    } catch (const Error& e) {
        fail(e);
    }
}

bool Uploader::store_next() {
    if (!ended()) look_for_what_is_stored();
    if (ended()) return false;
    std::optional<OutboxItem> item = outbox_->next(target_name_, failed_);
    if (!item) return false;
    put(*item);
    return !ended();
}

void Uploader::put(const OutboxItem& item) {
    std::optional<LocalFile> source;
    std::uint64_t told_before = progress_ ? progress_->bytes : 0;
    try {
        source.emplace(set_.backup_dir, item.name, item.size_bytes);
        OutboxResume resume(*outbox_, item);
        bool replaced = item.part == OutboxItem::Part::readme;  // anew with each version of the program
        bool needed = !replaced && item.part != OutboxItem::Part::snapshot;
        std::optional<Timestamp> locked_until;
        if (locks() && needed) locked_until = lock_end(env_.clock.now(), set_.target.object_lock->days);
        store::ObjectRef object =
            target_.put({.name = item.name,
                         .sha256 = item.sha256,
                         .tree_hash = item.tree_hash,
                         .parts = item.parts,
                         .temperature = item.part == OutboxItem::Part::volume ? store::Temperature::cold
                                                                              : store::Temperature::hot,
                         .replace = replaced,
                         .locked_until = locked_until},
                        *source, resume, [this](std::uint64_t bytes) { tell(bytes); });
        outbox_->set_stored(item.target, item.name, object.id, env_.clock.now());
        refused_.reset();
        if (locked_until) outbox_->set_locked(item.target, item.name, locked_until);
        ++stored_files_;
        stored_bytes_ += item.size_bytes;
        if (progress_) progress_->files += 1;
        if (progress_) progress_->bytes = told_before + item.size_bytes;
    } catch (const Error& e) {
        if (progress_) progress_->bytes = told_before;
        if (stop_.stop_requested()) return;
        failed_.insert(item.name);
        outbox_->set_failed(item.target, item.name, e.message(), env_.clock.now());
        if (!source || source->failed())
            add_problem(item.name, e);
        else if (e.kind() == Error::Kind::invalid || (e.kind() == Error::Kind::corrupt && is_sound(item)))
            add_refused(item, e);
        else if (concerns_one_object(e.kind()))
            add_problem(item.name, e);
        else
            fail(e);
    }
}

bool Uploader::is_sound(const OutboxItem& item) const {
    try {
        SealedFile file{item.name, item.run, item.part, true, item.size_bytes};
        compute_digests(set_.backup_dir, file);
        return file.sha256 == item.sha256 && file.tree_hash == item.tree_hash;
    } catch (const Error&) {
        return false;
    }
}

/// One may be bad luck; with two in a row it is the target that cannot be believed, or wants no file of ours.
void Uploader::add_refused(const OutboxItem& item, const Error& error) {
    if (refused_) {
        std::erase(problems_, *refused_);
        fail(error);
        return;
    }
    add_problem(item.name, error);
    refused_ = problems_.back();
}

void Uploader::tell(std::uint64_t more_bytes) {
    if (stop_.stop_requested()) throw Error(Error::Kind::cancelled, "the upload was stopped");
    if (!progress_) return;
    progress_->bytes += more_bytes;
    observer_.progress(*progress_);
}

void Uploader::store_all() {
    progress_.emplace();
    progress_->phase = Progress::Phase::uploading;
    for (const OutboxItem& item : outbox_->items(target_name_)) {
        if (item.state != OutboxItem::State::waiting) continue;
        ++progress_->files_total;
        progress_->bytes_total += item.size_bytes;
    }
    while (store_next()) observer_.progress(*progress_);
    store_snapshot();
    extend_locks();
    remove_discarded();
}

/// What goes wrong with it is no harm: it is a cache.
void Uploader::store_snapshot() {
    bool hot = target_.capabilities().lists_at_once;  // a vault would have to thaw it
    std::vector<OutboxItem> items = outbox_->items(target_name_);
    std::string catalogue = join_path(set_.backup_dir, kCatalogName);
    FileStat stat;
    if (ended() || !hot || !stat_at(AT_FDCWD, catalogue.c_str(), stat)) return;
    try {
        if (snapshot_is_due(items, stat.size)) {
            std::optional<std::string> name = make_snapshot(env_, set_);
            if (!name) return;
            stat_at(AT_FDCWD, join_path(set_.backup_dir, *name).c_str(), stat);
            add_small_file({*name, parse_snapshot_name(set_.name, *name)->run, OutboxItem::Part::snapshot,
                            true, stat.size});
            while (store_next()) observer_.progress(*progress_);
        }
        for (const OutboxItem& item : outbox_->items(target_name_))
            if (item.part == OutboxItem::Part::snapshot && item.state == OutboxItem::State::stored)
                env_.fs.remove(set_.backup_dir, item.name);
    } catch (const Error& e) {
        observer_.warning(format("{}; the catalogue is not copied offsite", e.message()));
    }
}

/// What a run needs of the runs before it stays locked as long as the run's own files.
void Uploader::extend_locks() {
    if (ended() || !locks()) return;
    std::vector<OutboxItem> short_ones;
    for (OutboxItem& item : outbox_->items(target_name_)) {
        auto needed = locks_needed_.find(item.run);
        bool cache = item.part == OutboxItem::Part::snapshot;
        if (item.state != OutboxItem::State::stored || needed == locks_needed_.end() || cache) continue;
        bool passed = needed->second <= env_.clock.now();
        if (!passed && item.locked_until.value_or(Timestamp{}) < needed->second)
            short_ones.push_back(std::move(item));
    }
    LockWork work{target_, more_targets_, *outbox_, [this] { return stop_.stop_requested(); },
                  [this](const OutboxItem& item, const Error& e) { add_problem(item.name, e); }};
    try {
        lock_stored(env_, observer_, work, std::move(short_ones),
                    lock_end(env_.clock.now(), set_.target.object_lock->days));
    } catch (const Error& e) {
        if (!stop_.stop_requested()) fail(e);
    }
}

/// A cold target may charge for what is removed early; there it stays until somebody decides.
void Uploader::remove_discarded() {
    if (target_.capabilities().thaw_needed) return;
    for (const OutboxItem& item : outbox_->items(target_name_)) {
        if (ended()) return;
        if (item.state != OutboxItem::State::discarded) continue;
        try {
            target_.remove({item.name, item.object_id});
        } catch (const Error& e) {
            fail(e);
            return;
        }
        outbox_->remove(item.target, item.name);
    }
}

void Uploader::add_problem(const std::string& name, const Error& error) {
    std::string line = error.message();
    if (line.find(name) == std::string::npos) line = format("{}: {}", name, line);
    if (!error.hint().empty()) line += format(" ({})", error.hint());
    problems_.push_back(std::move(line));
}

void Uploader::fail(const Error& error) {
    if (!failure_) failure_ = error;
}

UploadResult Uploader::result() const {
    UploadResult result;
    result.files = stored_files_;
    result.bytes = stored_bytes_;
    for (const OutboxItem& item : outbox_->items(target_name_)) {
        if (item.state == OutboxItem::State::stored) ++result.stored_files;
        if (item.state != OutboxItem::State::waiting) continue;
        ++result.waiting_files;
        result.waiting_bytes += item.size_bytes;
    }
    result.problems = problems_;
    std::sort(result.problems.begin(), result.problems.end());
    result.failure = failure_;
    result.seconds = static_cast<double>(env_.clock.monotonic_ns() - started_ns_) / 1e9;
    return result;
}

}  // namespace icecore::engine
