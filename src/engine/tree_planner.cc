#include "engine/tree_planner.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/content.h"
#include "engine/deep_paths.h"
#include "engine/link_groups.h"
#include "engine/moved_files.h"
#include "engine/tree_match.h"
#include "scan/change.h"

namespace icecore::engine {
namespace {

constexpr std::uint64_t kProgressStep = 1024;
constexpr std::string_view kTemporaryPrefix = ".icecore-";

/// One scan: the visitor that compares what the walk meets with the catalogue and fills the plan's lists.
class Planner final : public scan::TreeVisitor {
  public:
    Planner(const PlanInput& input, Plan& plan, TreeMatch& match, MovedFiles& moved, SnapshotSink* snapshot,
            const std::set<std::string>& forced_units, Observer& observer)
        : input_(input),
          plan_(plan),
          match_(match),
          moved_(moved),
          snapshot_(snapshot),
          forced_units_(forced_units),
          observer_(observer),
          comparing_(input.parent != 0) {
        pending_.emplace("", Pending{match_.match_root(), 0, false, false, false, {}});
        if (snapshot_ != nullptr) snapshot_->begin();
    }

    bool enter(const std::string& path, const FileStat& stat) override {
        auto it = pending_.find(path);
        CHECK(it != pending_.end());
        at_ = Current{};
        at_.path = path;
        at_.stat = stat;
        at_.pending = std::move(it->second);
        pending_.erase(it);
        ++plan_.counts.directories;
        if (at_.match().node != 0) {
            at_.cursor = input_.catalog->open_children(at_.match().node, input_.parent);
            at_.old = at_.cursor->next();
        }
        return true;
    }

    void child(const std::string&, int dir_fd, const std::string& name, const FileStat& stat) override {
        advance_to(name);
        const catalog::Entry* old = at_.old != nullptr && at_.old->name == name ? at_.old : nullptr;
        if (at_.path.empty() && name.starts_with(kTemporaryPrefix)) root_names_.insert(name);
        if (stat.type == FileType::directory)
            child_directory(dir_fd, name, stat, old);
        else
            child_file(name, stat, old);
        if (old != nullptr) at_.old = at_.cursor->next();
    }

    void listed(const std::string& path, bool partial) override {
        at_.keep_rest = partial;
        advance_to({});
        finish_directory(path);
    }

    void excluded(const std::string& path, bool is_directory, const std::string& rule) override {
        ++plan_.counts.excluded;
        event(PlanEvent::Kind::excluded, is_directory ? path + "/" : path, rule);
    }

    void socket(const std::string& path) override { event(PlanEvent::Kind::socket, path, ""); }

    void failed(const std::string& path, int error, std::string_view doing) override {
        std::string text(doing);
        if (error != 0) text += ": " + std::generic_category().message(error);
        problem(path, text);
        if (path == at_.path && !at_.finished)
            unreadable_directory();
        else if (parent_path(path) == at_.path && !at_.finished)
            at_.failed_names.insert(std::string(base_name(path)));
        else if (auto it = pending_.find(path); it != pending_.end())
            unreadable_pending(it);
    }

    const std::set<std::string>& root_names() const { return root_names_; }
    /// Deep units in which something changed: the scan must start again and take in all of them.
    const std::set<std::string>& changed_units() const { return changed_units_; }

  private:
    struct Pending {
        DirectoryMatch match;
        std::uint32_t unit = 0;          ///< deep unit, or 0
        bool watch = false;              ///< in a deep unit that is left out as long as nothing in it changed
        bool make_anew = false;          ///< tar cannot turn the old directory into this one
        bool metadata_from_old = false;  ///< its attributes cannot be read
        FileStat stat;
    };

    /// The directory whose names are coming in.
    struct Current {
        std::string path;
        FileStat stat;
        Pending pending;
        std::unique_ptr<catalog::Catalog::ChildCursor> cursor;
        const catalog::Entry* old = nullptr;  ///< next old name not yet passed
        std::string dumpdir;
        std::uint64_t file_count = 0;
        bool changed = false;    ///< listing differs, or a file must be stored or checked
        bool keep_rest = false;  ///< names that were not seen may still be there
        bool finished = false;
        std::set<std::string> failed_names;

        const DirectoryMatch& match() const { return pending.match; }
        bool store_all() const { return pending.unit != 0 && !pending.watch; }
    };

    void event(PlanEvent::Kind kind, std::string path, std::string text) {
        encode(PlanEvent{kind, std::move(path), std::move(text)}, record_);
        plan_.events.append(record_.view());
    }

    void problem(const std::string& path, const std::string& text) {
        ++plan_.counts.errors;
        event(PlanEvent::Kind::problem, path, text);
        observer_.warning(format("{}: {}", escape_path(path.empty() ? "." : path), text));
    }

    void list(char flag, std::string_view name) {
        at_.dumpdir += flag;
        at_.dumpdir += name;
        at_.dumpdir += '\0';
    }

    /// Old names before `name` (all, if it is empty) are gone.
    void advance_to(std::string_view name) {
        while (at_.old != nullptr && (name.empty() || at_.old->name < name)) {
            vanished(*at_.old);
            at_.old = at_.cursor->next();
        }
    }

    void vanished(const catalog::Entry& old) {
        if (at_.path.empty() && old.name.starts_with(kTemporaryPrefix)) root_names_.insert(old.name);
        bool directory = old.stat.type == FileType::directory;
        if (at_.keep_rest || at_.failed_names.contains(old.name)) {
            list(directory ? 'D' : 'N', old.name);
            stays_in_new_directory(old.name, true, directory);
            return;
        }
        at_.changed = true;
        gone(old, VanishedName::Kind::deleted);
    }

    /// Notes that the old entry `old` of the current directory is not where it was.
    /// Returns its place in plan.vanished, or nothing for a directory.
    std::optional<std::uint64_t> gone(const catalog::Entry& old, VanishedName::Kind kind) {
        VanishedName name{kind, join_path(at_.path, old.name), join_path(at_.match().old_path, old.name),
                          to_old_version(old)};
        encode(name, record_);
        if (old.stat.type == FileType::directory) {
            RecordWriter with_node;
            with_node.number(static_cast<std::uint64_t>(old.node)).text(record_.view());
            plan_.vanished_directories.append(with_node.view());
            return std::nullopt;
        }
        std::uint64_t where = plan_.vanished.append(record_.view());
        moved_.add_origin(name, where);
        return where;
    }

    void child_directory(int dir_fd, const std::string& name, const FileStat& stat,
                         const catalog::Entry* old) {
        std::string path = join_path(at_.path, name);
        Pending pending;
        pending.match = match_.match(path, stat, at_.match(), old);
        pending.unit = at_.pending.unit;
        pending.watch = at_.pending.watch;
        pending.stat = stat;
        bool same_place = old != nullptr && old->node != 0 && pending.match.node == old->node;
        if (!same_place || pending.match.moved) at_.changed = true;
        if (old != nullptr && !same_place && (old->node == 0 || !match_.claimed(old->node)))
            gone(*old, old->node == 0 ? VanishedName::Kind::retyped : VanishedName::Kind::below);
        if (pending.unit == 0 && path.size() > kDirectPathBytesMax) begin_unit(path, pending);
        list('D', name);
        try {
            pending.make_anew = must_be_made_anew(dir_fd, name, stat, pending);
        } catch (const Error& e) {
            problem(path, e.message());
            pending.metadata_from_old = true;
        }
        stays_in_new_directory(name, same_place && !pending.match.moved && !pending.make_anew, true);
        if (pending.make_anew) {
            plan_.made_anew.push_back(pending.match.old_path);
            plan_.made_anew_at.push_back(path);
            at_.changed = true;  // its times suffer
        }
        pending_.emplace(std::move(path), std::move(pending));
    }

    /// Whether a directory that stays has lost an attribute: tar's extractor sets attributes but never
    /// removes one.
    bool must_be_made_anew(int dir_fd, const std::string& name, const FileStat& stat,
                           const Pending& pending) const {
        if (input_.full || pending.unit != 0 || !pending.match.old || pending.match.old->metadata.empty())
            return false;
        const catalog::Entry& old = *pending.match.old;
        if (old.stat.ctime == stat.ctime && old.stat.ino == stat.ino && !old.racy) return false;
        Fd fd = open_at(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!fd) return false;
        return has_lost_attribute(decode_metadata(old.metadata), read_metadata(fd.get()));
    }

    /// In a directory that is made anew, what stays has to be moved from the old one: all of it, it is stored
    /// nowhere else.
    void stays_in_new_directory(const std::string& name, bool stays, bool directory) {
        if (!at_.pending.make_anew || !stays) return;
        plan_.moves_into_new.push_back(
            {join_path(at_.match().old_path, name), join_path(at_.path, name), directory, {}});
    }

    void begin_unit(const std::string& path, Pending& pending) {
        pending.watch =
            comparing_ && !input_.full && pending.match.node != 0 && !forced_units_.contains(path);
        if (!pending.watch) {
            plan_.deep_units.push_back(
                {path, pending.match.node != 0 ? pending.match.old_path : "", path.size()});
            at_.changed = true;
        }
        pending.unit = pending.watch ? ~0U : static_cast<std::uint32_t>(plan_.deep_units.size());
    }

    void child_file(const std::string& name, const FileStat& stat, const catalog::Entry* old) {
        ++plan_.counts.files;
        plan_.counts.tree_bytes += stat.size;
        if (plan_.counts.files % kProgressStep == 0)
            observer_.progress(
                {Progress::Phase::scanning, plan_.counts.files, plan_.counts.tree_bytes, 0, 0, 0});

        bool same_type = old != nullptr && old->stat.type == stat.type;
        PlannedFile file;
        if (same_type) {
            file.old = to_old_version(*old);
            file.old->stat.mtime = comparable_mtime(old->stat.mtime, old->coarse, stat.mtime);
        }
        scan::Verdict verdict =
            same_type ? scan::compare(file.old->stat, old->racy, stat) : scan::Verdict::changed;
        if (old != nullptr && (!same_type || old->stat.ino != stat.ino)) {
            if (old->node == 0)
                file.replaced = gone(*old, VanishedName::Kind::replaced);
            else if (!match_.claimed(old->node))
                gone(*old, VanishedName::Kind::retyped);
        }

        // What will be stored is moved, too: if this run is stopped before, the old version is all there is.
        stays_in_new_directory(name, old != nullptr && old->node == 0, false);
        file.change = old == nullptr                      ? Change::added
                      : verdict == scan::Verdict::changed ? Change::changed
                                                          : Change::none;
        // In a deep unit all names are files of their own.
        bool linked = (stat.nlink > 1 || (same_type && old->stat.nlink > 1)) && !at_.pending.watch;
        if (at_.store_all() || (input_.full && !linked)) {
            file.action = Action::store;
        } else if (linked) {
            file.action = Action::link_group;
        } else if (verdict == scan::Verdict::unchanged) {
            list('N', name);
            return;
        } else {
            file.action = verdict == scan::Verdict::suspect ? Action::check : Action::store;
        }
        file.name = name;
        file.stat = stat;
        add_file(std::move(file), verdict);
    }

    void add_file(PlannedFile file, scan::Verdict verdict) {
        file.sequence = next_sequence_++;
        bool quiet = file.action == Action::link_group && verdict == scan::Verdict::unchanged && !input_.full;
        if (!quiet) at_.changed = true;
        list(quiet ? 'N' : 'Y', file.name);
        if (file.action == Action::link_group) {
            catalog::WorkTables::LinkName link{file.stat.dev,
                                               file.stat.ino,
                                               file.sequence,
                                               join_path(at_.path, file.name),
                                               {},
                                               false,
                                               false,
                                               {}};
            if (!input_.full && verdict != scan::Verdict::changed && file.old) {
                link.old_location = file.old->location;
                link.times_equal = verdict == scan::Verdict::unchanged;
                link.same_inode = file.old->stat.ino == file.stat.ino;
                link.payload = link_payload(*file.old);
            }
            plan_.work->add_link(link);
        }
        if (!quiet) {
            ++plan_.read_files;
            plan_.read_bytes += file.stat.size;
        }
        encode(file, record_);
        plan_.files.append(record_.view());
        ++at_.file_count;
    }

    bool directory_differs() const {
        const DirectoryMatch& m = at_.match();
        return !m.old || m.moved || m.old->racy ||
               scan::compare(m.old->stat, false, at_.stat) != scan::Verdict::unchanged;
    }

    void finish_directory(const std::string& path) {
        at_.dumpdir += '\0';
        if (snapshot_ != nullptr) snapshot_->directory(path, at_.stat, at_.dumpdir);
        at_.finished = true;
        bool needed = at_.changed || input_.full || at_.store_all() || path.empty() || directory_differs();
        if (!needed && at_.file_count == 0) return;
        if (at_.pending.watch)
            changed_units_.insert(unit_root(path));
        else
            emit_directory(path, !needed);
    }

    void emit_directory(const std::string& path, bool only_if_needed) {
        PlannedDirectory directory;
        directory.path = path;
        directory.stat = at_.stat;
        directory.dumpdir = std::move(at_.dumpdir);
        directory.file_count = at_.file_count;
        directory.change = !at_.match().old                     ? Change::added
                           : at_.changed || directory_differs() ? Change::changed
                                                                : Change::none;
        directory.only_if_needed = only_if_needed;
        directory.metadata_from_old = at_.pending.metadata_from_old;
        directory.keeps_attributes =
            !input_.full && at_.pending.unit == 0 && !at_.pending.make_anew && !path.empty();
        directory.deep_unit = at_.pending.unit;
        directory.old_metadata = at_.match().old_metadata();
        encode(directory, record_);
        plan_.directories.append(record_.view());
        if (at_.store_all()) note_depth(path);
    }

    void note_depth(const std::string& path) {
        Plan::DeepUnit& unit = plan_.deep_units[at_.pending.unit - 1];
        if (path.size() <= unit.path_bytes_max) return;
        bool known = unit.path_bytes_max > unit.path.size() + kDeepPathBytesMax;
        unit.path_bytes_max = path.size();
        if (known || path.size() <= unit.path.size() + kDeepPathBytesMax) return;
        problem(path, "below this the tree is too deep for tar; only icecore can restore it");
    }

    /// The first directory on the way down to `path` that is too deep.
    static std::string unit_root(const std::string& path) {
        return path.substr(0, path.find('/', kDirectPathBytesMax + 1));
    }

    /// The current directory cannot be read: what it held before stays, and of itself what stat(2) told is
    /// recorded.
    void unreadable_directory() {
        at_.keep_rest = true;
        advance_to({});
        at_.dumpdir += '\0';
        at_.finished = true;
        if (at_.pending.watch) return;
        PlannedDirectory directory;
        directory.path = at_.path;
        directory.stat = at_.stat;
        directory.dumpdir = at_.dumpdir;
        directory.metadata_from_old = true;
        directory.deep_unit = at_.pending.unit;
        directory.old_metadata = at_.match().old_metadata();
        if (snapshot_ != nullptr) snapshot_->directory(at_.path, at_.stat, at_.dumpdir);
        encode(directory, record_);
        plan_.directories.append(record_.view());
    }

    /// A directory that failed before it was entered.
    void unreadable_pending(std::unordered_map<std::string, Pending>::iterator it) {
        FileStat stat = it->second.stat;
        std::string path = it->first;
        enter(path, stat);
        unreadable_directory();
    }

    const PlanInput& input_;
    Plan& plan_;
    TreeMatch& match_;
    MovedFiles& moved_;
    SnapshotSink* snapshot_;
    const std::set<std::string>& forced_units_;
    Observer& observer_;
    bool comparing_;
    std::unordered_map<std::string, Pending> pending_;
    Current at_;
    std::uint64_t next_sequence_ = 0;
    std::set<std::string> root_names_;
    std::set<std::string> changed_units_;
    RecordWriter record_;
};

/// Old directories that were not found again are gone, with all below that was not moved out of them.
void finish_vanished_directories(const PlanInput& input, Plan& plan, const TreeMatch& match,
                                 MovedFiles& moved) {
    Spool::Reader reader(plan.vanished_directories);
    RecordWriter out;
    for (std::string_view record; reader.next(record);) {
        RecordReader in(record);
        auto node = static_cast<catalog::NodeId>(in.number());
        if (match.claimed(node)) continue;
        VanishedName top = decode_vanished(in.text());
        std::size_t longest = 0;  // path of a directory, where tar will remove it
        input.catalog->walk(
            input.parent, top.old_path, [&](const std::string& old_path, const catalog::Entry& entry) {
                if (entry.node != 0 && entry.node != node && match.claimed(entry.node)) return false;
                bool is_top = entry.node == node;
                longest = std::max(
                    longest, entry.node != 0 ? top.path.size() - top.old_path.size() + old_path.size() : 0);
                if (old_path.size() > kDirectPathBytesMax) plan.deep_obstacles = true;
                VanishedName name{is_top ? top.kind : VanishedName::Kind::below,
                                  top.path + old_path.substr(top.old_path.size()), old_path,
                                  to_old_version(entry)};
                encode(name, out);
                std::uint64_t where = plan.vanished.append(out.view());
                if (!is_top && entry.node == 0) moved.add_origin(name, where);
                return true;
            });
        if (longest > kDirectPathBytesMax && !input.full)
            plan.deep_removals.emplace_back(top.path, top.old_path);
    }
}

/// What is put aside and purged: the directories that are made anew, and what stands where they are to be, if
/// they have moved.
std::vector<std::string> put_aside(const Plan& plan, const TreeMatch& match, std::vector<Move> moves,
                                   const std::set<std::string>& anew) {
    std::vector<std::string> paths = plan.made_anew;
    if (paths.empty()) return paths;
    match.find_obstacles(moves, plan.made_anew);
    for (const Move& move : moves)
        if (anew.contains(move.from)) paths.insert(paths.end(), move.obstacles.begin(), move.obstacles.end());
    return paths;
}

/// What tar has to rename, and in which order.
void order_renames(const PlanInput& input, Plan& plan, const TreeMatch& match, std::vector<Move> moves,
                   const std::set<std::string>& root_names) {
    std::set<std::string> anew(plan.made_anew.begin(), plan.made_anew.end());
    std::vector<std::string> aside = put_aside(plan, match, moves, anew);
    std::erase_if(moves, [&](const Move& move) { return anew.contains(move.from); });
    std::set<std::string> leaving;
    std::set<std::string> taken;
    for (const Move& move : moves) {
        leaving.insert(move.from);
        taken.insert(move.to);
    }
    for (const Move& move : plan.moves_into_new)
        if (!leaving.contains(move.from) && !taken.contains(move.to)) moves.push_back(move);
    match.find_obstacles(moves, aside);
    plan.rename_sequence = plan_renames(moves, aside, root_names);
    for (const Move& move : plan.moves_into_new) leaving.insert(move.from);
    add_deep_renames(input, plan, leaving, root_names);
}

void scan(const PlanInput& input, Plan& plan, TreeMatch& match, MovedFiles& moved, SnapshotSink* snapshot,
          std::set<std::string>& root_names, Observer& observer) {
    std::set<std::string> forced_units;
    while (true) {
        try {
            Planner planner(input, plan, match, moved, snapshot, forced_units, observer);
            scan::walk_tree(input.root_fd, "", input.walk, planner);
            root_names = planner.root_names();
            bool lost = match.forget_lost();
            if (planner.changed_units().empty() && !lost) return;
            forced_units.insert(planner.changed_units().begin(), planner.changed_units().end());
        } catch (const TreeMatch::Again&) {
        }
        plan.restart();
        match.restart();
        moved.clear();
    }
}

}  // namespace

std::unique_ptr<Plan> plan_run(const PlanInput& input, const std::string& spool_dir, SnapshotSink* snapshot,
                               Observer& observer) {
    auto plan = std::make_unique<Plan>(spool_dir);
    TreeMatch match(input.catalog, input.parent, input.root_fd, !input.full);
    MovedFiles moved;
    std::set<std::string> root_names;
    scan(input, *plan, match, moved, snapshot, root_names, observer);
    observer.progress({Progress::Phase::planning, plan->counts.files, plan->counts.tree_bytes, 0, 0, 0});
    finish_vanished_directories(input, *plan, match, moved);

    std::vector<Move> moves = match.moves();
    if (!input.full) moved.find(input.root_fd, *plan, moves);
    for (const Move& move : moves) {
        std::optional<catalog::Entry> old = input.catalog->lookup(input.parent, move.from);
        CHECK(old.has_value());
        plan->renames.push_back({move.from, move.to, old->stat});
    }
    order_renames(input, *plan, match, std::move(moves), root_names);
    decide_link_groups(input.root_fd, *plan);
    return plan;
}

}  // namespace icecore::engine
