#include "engine/pack_source.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "engine/content.h"
#include "engine/tree_planner.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kBatchItemsMax = 4096;
/// What a member's headers are reckoned at when a batch is filled.
constexpr std::size_t kHeaderBytes = 1024;

std::string encode_renames(const std::vector<archive::Dumpdir::Rename>& renames) {
    std::string out;
    for (const archive::Dumpdir::Rename& rename : renames) {
        out += 'R' + rename.from + '\0';
        out += 'T' + rename.to + '\0';
    }
    return out;
}

bool is_large(const PackItem& item) {
    if (item.large) return true;
    return item.kind == PackItem::Kind::file && item.problem.empty() && !item.made &&
           item.file.stat.type == FileType::regular &&
           (item.file.stat.size > kSmallFileBytesMax || item.attempt > 0);
}

std::size_t estimate_bytes(const PackItem& item) {
    std::size_t bytes = kHeaderBytes;
    if (item.kind == PackItem::Kind::directory) bytes += item.planned_directory.dumpdir.size();
    if (item.made) return item.made->raw.size();
    if (item.kind == PackItem::Kind::file) bytes += item.file.stat.size;
    return bytes;
}

}  // namespace

/// Names in the archive for directories whose own paths are too long: a unit is extracted at a short name in
/// the root, and where even that grows too long, a symbolic link ("station") in the root starts anew
/// (doc/format.md, "Deep paths"). The root's record, which follows, renames the unit into place and purges
/// the stations.
class PlanItems::DeepNames {
  public:
    explicit DeepNames(const Plan& plan) : plan_(plan) {}

    /// Items for the directory itself (and for those that end before it), and where its files go.
    std::shared_ptr<const PackDirectory> add(const PlannedDirectory& planned, std::deque<PackItem>& out) {
        leave(planned.path, out);
        const Plan::DeepUnit& unit = plan_.deep_units[planned.deep_unit - 1];
        std::string root = plan_.deep_unit_name(planned.deep_unit);
        if (open_.empty()) last_station_ = 0;
        std::string name = open_.empty() ? root : join_path(open_.back().inside, base_name(planned.path));
        out.push_back(make_item(planned, name));
        std::shared_ptr<const PackDirectory> place = out.back().directory;
        open_.push_back({planned, name, name, false});
        if (name.size() <= station_bytes(unit)) return place;

        std::string station = root + "-" + std::to_string(++last_station_);
        PackItem link;
        link.kind = PackItem::Kind::station;
        link.directory = std::make_shared<PackDirectory>(PackDirectory{"", "./" + station});
        link.link_path = std::move(name);
        out.push_back(std::move(link));
        for (auto up = open_.rbegin(); up != open_.rend() && !up->again; ++up) up->again = true;
        open_.back().inside = station;
        return std::make_shared<PackDirectory>(PackDirectory{planned.path, "./" + station + "/"});
    }

    /// Ends the open directories that `path` is not below. Directories get their times when the extractor
    /// leaves them, which a detour over a station makes too early: they come again.
    void leave(std::string_view path, std::deque<PackItem>& out) {
        while (!open_.empty() && !is_below(path, open_.back().planned.path)) close_last(out);
    }
    void leave_all(std::deque<PackItem>& out) {
        while (!open_.empty()) close_last(out);
    }

  private:
    struct OpenDirectory {
        PlannedDirectory planned;
        std::string name;    ///< in the archive, without "./"
        std::string inside;  ///< what names in it begin with: its name, or a station
        bool again;
    };

    static std::size_t station_bytes(const Plan::DeepUnit& unit) {
        bool few = unit.path_bytes_max - unit.path.size() <= kShortStationBytes * (kStationsMax - 2);
        return few ? kShortStationBytes : kDirectPathBytesMax;
    }

    static PackItem make_item(const PlannedDirectory& planned, const std::string& name) {
        PackItem item;
        item.kind = PackItem::Kind::directory;
        item.directory = std::make_shared<PackDirectory>(PackDirectory{planned.path, "./" + name + "/"});
        item.planned_directory = planned;
        return item;
    }

    void close_last(std::deque<PackItem>& out) {
        OpenDirectory last = std::move(open_.back());
        open_.pop_back();
        if (!last.again) return;
        PackItem item = make_item(last.planned, last.name);
        item.silent = true;
        out.push_back(std::move(item));
    }

    const Plan& plan_;
    std::vector<OpenDirectory> open_;  ///< from the unit's root down, each the parent of the next
    unsigned last_station_ = 0;
};

PlanItems::PlanItems(Plan& plan, const BatchPacker& packer)
    : plan_(plan),
      packer_(packer),
      deep_pass_(!plan.deep_units.empty()),
      deep_names_(std::make_unique<DeepNames>(plan)),
      directories_(std::make_unique<Spool::Reader>(plan.directories)),
      files_(std::make_unique<Spool::Reader>(plan.files)) {}

PlanItems::~PlanItems() = default;

bool PlanItems::next(PackItem& item) {
    while (true) {
        if (!ready_.empty()) {
            item = std::move(ready_.front());
            ready_.pop_front();
            return true;
        }
        if (files_left_ > 0) {
            --files_left_;
            if (std::optional<PackItem> resolved = resolve(next_file())) {
                item = std::move(*resolved);
                return true;
            }
            continue;
        }
        if (load_directory()) continue;
        if (!deep_pass_) return false;
        deep_pass_ = false;
        deep_names_->leave_all(ready_);
        directories_ = std::make_unique<Spool::Reader>(plan_.directories);
        files_ = std::make_unique<Spool::Reader>(plan_.files);
    }
}

PlannedFile PlanItems::next_file() {
    std::string_view record;
    CHECK(files_->next(record));
    return decode_file(record);
}

bool PlanItems::load_directory() {
    std::string_view record;
    if (!directories_->next(record)) return false;
    PlannedDirectory planned = decode_directory(record);
    if ((planned.deep_unit != 0) == deep_pass_) {
        begin_directory(std::move(planned));
    } else {
        for (std::uint64_t i = 0; i < planned.file_count; ++i) CHECK(files_->next(record));
    }
    return true;
}

void PlanItems::begin_directory(PlannedDirectory planned) {
    if (!planned.only_if_needed) {
        files_left_ = planned.file_count;
        push_directory(std::move(planned));
        return;
    }
    auto place =
        std::make_shared<PackDirectory>(PackDirectory{planned.path, "./" + join_path(planned.path, "")});
    directory_ = place;
    std::deque<PackItem> items;
    bool has_member = false;
    for (std::uint64_t i = 0; i < planned.file_count; ++i) {
        std::optional<PackItem> item = resolve(next_file());
        if (!item) continue;
        has_member = has_member || item->kind != PackItem::Kind::record;
        items.push_back(std::move(*item));
    }
    if (has_member) push_directory(std::move(planned));
    std::move(items.begin(), items.end(), std::back_inserter(ready_));
}

void PlanItems::push_directory(PlannedDirectory planned) {
    if (planned.deep_unit != 0) {
        directory_ = deep_names_->add(planned, ready_);
        return;
    }
    std::string tar_name = planned.path.empty() ? "./" : "./" + planned.path + "/";
    auto place = std::make_shared<PackDirectory>(PackDirectory{planned.path, std::move(tar_name)});
    directory_ = place;
    PackItem item;
    item.kind = PackItem::Kind::directory;
    item.directory = place;
    bool purge_again = planned.path.empty() && plan_.rename_sequence.purge_again;
    if (planned.path.empty()) {
        PlannedDirectory with_renames = planned;
        with_renames.dumpdir.insert(0, encode_renames(plan_.rename_sequence.renames));
        item.planned_directory = std::move(with_renames);
    } else {
        item.planned_directory = planned;
    }
    ready_.push_back(std::move(item));
    if (!purge_again) return;
    PackItem again;
    again.kind = PackItem::Kind::directory;
    again.directory = place;
    again.planned_directory = std::move(planned);
    again.silent = true;
    ready_.push_back(std::move(again));
}

std::optional<PackItem> PlanItems::resolve(PlannedFile file) {
    PackItem item;
    item.directory = directory_;
    item.file = std::move(file);
    if (auto moved = plan_.moved_files.find(item.file.sequence); moved != plan_.moved_files.end()) {
        item.kind = PackItem::Kind::record;
        item.file.old = decode_vanished(plan_.vanished.read_at(moved->second)).old;
        return item;
    }
    // What might be the same content stands elsewhere after the renames.
    if (item.file.replaced && plan_.found_again.contains(*item.file.replaced) &&
        item.file.action == Action::check)
        item.file.action = Action::store;
    if (item.file.action == Action::link_group) return resolve_link(std::move(item));
    return item;
}

std::optional<PackItem> PlanItems::resolve_link(PackItem item) {
    using catalog::WorkTables;
    std::optional<WorkTables::LinkDecision> decision = plan_.work->link_decision(item.file.sequence);
    CHECK(decision.has_value());
    std::string path = join_path(item.directory->path, item.file.name);
    switch (decision->action) {
        case WorkTables::LinkAction::keep: {
            const OldVersion& old = *item.file.old;
            if (same_state(old.stat, item.file.stat) && old.stat.nlink == item.file.stat.nlink && !old.racy)
                return std::nullopt;
            item.kind = PackItem::Kind::record;
            return item;
        }
        case WorkTables::LinkAction::store:
            return as_leader(std::move(item), path);
        case WorkTables::LinkAction::link:
            break;
    }
    item.link_path = decision->link_path;
    if (auto changed = changed_leaders_.find(item.link_path); changed != changed_leaders_.end()) {
        if (changed->second.path.empty()) {
            std::string leader = item.link_path;
            return as_leader(std::move(item), leader);
        }
        item.link_path = changed->second.path;
        item.file.stat = changed->second.stat;
    }
    item.kind = PackItem::Kind::hard_link;
    return item;
}

/// The name whose content the group's other names link to. Its member is made here, in archive order: only
/// then it is known whether there is one, and of the file that the scan saw. If not, the next name is the
/// leader.
PackItem PlanItems::as_leader(PackItem item, const std::string& decided_leader) {
    std::string path = join_path(item.directory->path, item.file.name);
    item.kind = PackItem::Kind::file;
    const FileStat scanned = item.file.stat;
    std::optional<FileStat> now = packer_.make_leader(item);
    if (!now || path != decided_leader || !same_state(*now, scanned))
        changed_leaders_[decided_leader] = {now ? path : "", now.value_or(FileStat{})};
    return item;
}

bool ListItems::next(PackItem& item) {
    if (at_ == items_.size()) return false;
    item = std::move(items_[at_++]);
    return true;
}

std::unique_ptr<PackBatch> BatchSource::next() {
    if (large_ != nullptr) return next_chunk();
    auto batch = std::make_unique<PackBatch>();
    std::size_t bytes = 0;
    while (batch->items.size() < kBatchItemsMax) {
        if (!waiting_) {
            waiting_.emplace();
            if (!items_.next(*waiting_)) {
                waiting_.reset();
                break;
            }
        }
        bool large = is_large(*waiting_);
        bytes += estimate_bytes(*waiting_);
        if (!batch->items.empty() && (large || bytes > frame_bytes_max_)) return batch;
        if (large) {
            if (auto chunk = start_large()) return chunk;
            continue;
        }
        batch->items.push_back(std::move(*waiting_));
        waiting_.reset();
    }
    return batch->items.empty() ? nullptr : std::move(batch);
}

/// Whether a large file that only might have changed has not; then `item` becomes a record of what stat(2)
/// says.
bool BatchSource::unchanged_after_all(PackItem& item) const {
    if (item.file.action != Action::check || !item.file.old) return false;
    const OldVersion& old = *item.file.old;
    std::optional<ContentFacts> facts =
        read_content_facts(root_fd_, join_path(item.directory->path, item.file.name));
    if (!facts || facts->sha256 != old.sha256 || facts->sparse != old.sparse ||
        facts->metadata != old.metadata || facts->stat.mode != old.stat.mode ||
        facts->stat.uid != old.stat.uid || facts->stat.gid != old.stat.gid ||
        facts->stat.size != old.stat.size || facts->stat.mtime != old.stat.mtime)
        return false;
    item.kind = PackItem::Kind::record;
    item.file.stat = facts->stat;
    item.read_bytes = facts->read_bytes;
    return true;
}

/// nullptr: the waiting item turned out not to be one for chunks; it waits on, as another kind.
std::unique_ptr<PackBatch> BatchSource::start_large() {
    if (unchanged_after_all(*waiting_)) return nullptr;
    large_ = waiting_->large ? std::move(waiting_->large) : packer_.open_large(std::move(*waiting_));
    waiting_.reset();
    if (large_->problem) {
        waiting_ = std::move(large_->item);
        large_.reset();
        return nullptr;
    }
    region_ = 0;
    region_offset_ = 0;
    first_chunk_ = true;
    return next_chunk();
}

std::unique_ptr<PackBatch> BatchSource::next_chunk() {
    auto batch = std::make_unique<PackBatch>();
    batch->large = large_;
    batch->first = std::exchange(first_chunk_, false);
    std::uint64_t room = frame_bytes_max_;
    // A header of several MiB (a map of many regions) fills frames of its own.
    if (batch->first && large_->header.size() < room) room -= large_->header.size();
    const std::vector<archive::SparseRegion>& regions = large_->regions;
    while (room > 0 && region_ < regions.size()) {
        const archive::SparseRegion& region = regions[region_];
        std::uint64_t take = std::min(room, region.length_bytes - region_offset_);
        if (take > 0) batch->pieces.push_back({region.offset + region_offset_, take});
        room -= take;
        region_offset_ += take;
        if (region_offset_ == region.length_bytes) {
            ++region_;
            region_offset_ = 0;
        }
    }
    batch->last = region_ == regions.size();
    if (batch->last) large_.reset();
    return batch;
}

}  // namespace icecore::engine
