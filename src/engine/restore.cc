#include "engine/restore.h"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <mutex>
#include <ranges>
#include <span>
#include <thread>

#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "catalog/work_tables.h"
#include "engine/open_archives.h"
#include "engine/spool.h"

namespace icecore::engine {
namespace {

using catalog::WorkTables;

/// Tar bytes that one job reads: enough that frames shared by two jobs are few.
constexpr std::uint64_t kJobBytes = 16 << 20;
constexpr std::size_t kJobItemsMax = 4096;

/// Items that stand near each other in one archive.
struct Job {
    std::shared_ptr<archive::ArchiveFile> archive;
    std::vector<WorkTables::RestoreItem> items;
};

/// What is to be done with a directory at the end. It stands in the record of the directory as a number.
struct Finish {
    bool attributes = true;  ///< give it those recorded
    bool was_there = false;  ///< it may have more in it than the run
    bool mirror = false;     ///< what it has more is removed
    std::uint64_t number() const {
        return (attributes ? 1U : 0U) + (was_there ? 2U : 0U) + (mirror ? 4U : 0U);
    }
    static Finish from(std::uint64_t number) {
        return {(number & 1) != 0, (number & 2) != 0, (number & 4) != 0};
    }
};

class Restore {
  public:
    Restore(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
            const RestoreRequest& request, Observer& observer)
        : env_(env),
          set_(set),
          catalog_(catalog),
          request_(request),
          observer_(observer),
          target_(request.to, {request.overwrite, request.mirror}),
          archives_(set, catalog, sources(set, request)),
          walker_(target_, [this](const std::string& path, const std::string& what) { problem(path, what); }),
          directories_(request.to),
          result_(request.to) {
        progress_.phase = Progress::Phase::restoring;
    }

    RestoreResult run() {
        for (const std::string& path : wanted_paths()) {
            make_parents(path);
            collect(path);
        }
        restore_items();
        finish_directories();
        result_.not_permitted = target_.not_permitted();
        result_.stored_bytes_read = archives_.stored_bytes_read();
        result_.remarks = archives_.remarks();
        return std::move(result_);
    }

  private:
    static std::vector<archive::VolumeSource> sources(const SetOptions& set, const RestoreRequest& request) {
        std::vector<archive::VolumeSource> all = request.further_sources;
        if (request.local) all.insert(all.begin(), archive::local_volumes(set.backup_dir));
        CHECK(!all.empty());
        return all;
    }

    void problem(const std::string& path, const std::string& what) {
        std::lock_guard lock(mutex_);
        result_.problems.add(path, what);
    }

    /// The request's paths, each once, none below another.
    std::vector<std::string> wanted_paths() const {
        std::vector<std::string> paths = request_.paths;
        if (paths.empty()) return {""};
        for (const std::string& path : paths)
            if (!catalog_.lookup(request_.at, path))
                throw Error(Error::Kind::not_found,
                            format("{} is not in run {}", escape_path(path), request_.at),
                            "`icecore find` shows every version of a file");
        std::vector<std::string> out;
        for (const std::string& path : paths) {
            bool covered = std::any_of(paths.begin(), paths.end(), [&](const std::string& other) {
                return other != path && is_below(path, other);
            });
            if (!covered && std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
        }
        return out;
    }

    /// Directories on the way to `path`: made, and given their recorded attributes, unless they were there.
    void make_parents(const std::string& path) {
        for (std::size_t slash = path.find('/'); slash != std::string::npos;
             slash = path.find('/', slash + 1)) {
            std::string parent = path.substr(0, slash);
            bool made = target_.make_directory(parent);
            if (made) ++result_.directories;
            bool last = path.find('/', slash + 1) == std::string::npos;
            if (!made && !last) continue;
            std::optional<catalog::Entry> entry = catalog_.lookup(request_.at, parent);
            if (entry) remember_directory(parent, *entry, {.attributes = made, .was_there = !made});
        }
    }

    void remember_directory(const std::string& path, const catalog::Entry& entry, Finish finish) {
        RecordWriter record;
        record.text(path).stat(entry.stat).text(entry.metadata);
        record.number(static_cast<std::uint64_t>(entry.node)).number(finish.number());
        directory_records_.push_back(directories_.append(record.view()));
    }

    /// Makes directories and what has no content; puts the rest on the list of items.
    void collect(const std::string& start) {
        catalog_.walk(request_.at, start, [&](const std::string& path, const catalog::Entry& entry) {
            try {
                return collect_one(path, entry);
            } catch (const Error& e) {
                problem(path, e.message());
                return false;
            }
        });
    }

    bool collect_one(const std::string& path, const catalog::Entry& entry) {
        if (entry.stat.type == FileType::directory) {
            bool made = target_.make_directory(path);
            remember_directory(path, entry, {.was_there = !made, .mirror = request_.mirror});
            fresh_path_ = path;
            fresh_ = made;
            ++result_.directories;
            return true;
        }
        // The walk meets a directory's files right after it.
        bool fresh = fresh_ && fresh_path_ == parent_path(path);
        if (entry.stat.type == FileType::regular || entry.stat.nlink > 1) {
            items_.add_restore_item({entry.location, path, encode_wanted(entry, fresh)});
            progress_.bytes_total += entry.stat.size;
            ++progress_.files_total;
            return true;
        }
        result_.counts += walker_.restore_special(path, entry, fresh);
        return true;
    }

    /// The archive of the next job, or nullptr if its item is lost.
    std::shared_ptr<archive::ArchiveFile> archive_of(const WorkTables::RestoreItem& item) {
        try {
            return archives_.open(item.location.run);
        } catch (const Error& e) {
            problem(item.path, e.message());
            return nullptr;
        }
    }

    bool next_item(WorkTables::RestoreCursor& cursor) {
        if (waiting_) return true;
        waiting_.emplace();
        if (!cursor.next(*waiting_)) waiting_.reset();
        return waiting_.has_value();
    }

    /// Whether an item stands so near to a job's that they are best read together.
    static bool belongs(const archive::Location& location, const Job& job) {
        if (location == job.items.back().location) return true;  // names of one file stay together
        const archive::Location& first = job.items.front().location;
        return location.run == first.run && location.volume == first.volume &&
               location.offset - first.offset < kJobBytes && job.items.size() < kJobItemsMax;
    }

    /// The next items that one worker should read in a row; nullptr after the last.
    std::shared_ptr<Job> next_job(WorkTables::RestoreCursor& cursor) {
        auto job = std::make_shared<Job>();
        while (next_item(cursor) && (job->items.empty() || belongs(waiting_->location, *job))) {
            if (job->items.empty()) job->archive = archive_of(*waiting_);
            if (job->archive != nullptr) job->items.push_back(std::move(*waiting_));
            waiting_.reset();
        }
        return job->items.empty() ? nullptr : job;
    }

    void restore_items() {
        using oneapi::tbb::filter_mode;
        unsigned threads =
            env_.threads != 0 ? env_.threads : std::max(1U, std::thread::hardware_concurrency());
        auto cursor = items_.open_restore_items();
        auto take = [&](oneapi::tbb::flow_control& control) -> std::shared_ptr<Job> {
            std::shared_ptr<Job> job = next_job(*cursor);
            if (job == nullptr) control.stop();
            return job;
        };
        auto work = [&](const std::shared_ptr<Job>& job) { restore_job(*job); };
        oneapi::tbb::task_arena arena(static_cast<int>(threads));
        arena.execute([&] {
            oneapi::tbb::parallel_pipeline(
                std::size_t{threads} * 2,
                oneapi::tbb::make_filter<void, std::shared_ptr<Job>>(filter_mode::serial_in_order, take) &
                    oneapi::tbb::make_filter<std::shared_ptr<Job>, void>(filter_mode::parallel, work));
        });
    }

    std::unique_ptr<FileRestorer> take_restorer() {
        std::lock_guard lock(mutex_);
        if (idle_.empty())
            return std::make_unique<FileRestorer>(
                target_, [this](const std::string& path, const std::string& what) { problem(path, what); });
        std::unique_ptr<FileRestorer> restorer = std::move(idle_.back());
        idle_.pop_back();
        return restorer;
    }

    void restore_job(const Job& job) {
        std::unique_ptr<FileRestorer> restorer = take_restorer();
        RestoreCounts counts;
        for (std::size_t i = 0; i < job.items.size();) {
            std::size_t end = i + 1;
            while (end < job.items.size() && job.items[end].location == job.items[i].location) ++end;
            counts += restorer->restore(job.archive, std::span(job.items).subspan(i, end - i));
            i = end;
        }
        std::lock_guard lock(mutex_);
        idle_.push_back(std::move(restorer));
        result_.counts += counts;
        progress_.files += job.items.size();
        progress_.bytes += counts.bytes;
        observer_.progress(progress_);
    }

    /// Deepest first, so that a directory without permissions for us is closed after all below it.
    void finish_directories() {
        bool complete = result_.problems.empty();
        if (request_.mirror && !complete)
            observer_.warning("nothing is deleted, because not everything could be restored");
        for (std::uint64_t where : directory_records_ | std::views::reverse) {
            std::string record = directories_.read_at(where);
            RecordReader in(record);
            std::string path(in.text());
            FileStat stat = in.stat();
            std::string_view metadata = in.text();
            auto node = static_cast<catalog::NodeId>(in.number());
            Finish finish = Finish::from(in.number());
            try {
                if (finish.was_there) tidy(path, node, finish.mirror && complete);
                if (finish.attributes) target_.finish_directory(path, stat, decode_metadata(metadata));
            } catch (const Error& e) {
                problem(path, e.message());
            }
        }
    }

    /// Removes from a directory what a killed restore left and, if `mirror`, what is not in the run.
    void tidy(const std::string& path, catalog::NodeId node, bool mirror) {
        TargetTree::Directory dir = target_.open_directory(path);
        std::vector<std::string> names = list_directory(format("/proc/self/fd/{}", dir.fd.get()));
        std::sort(names.begin(), names.end());
        auto cursor = catalog_.open_children(node, request_.at);
        const catalog::Entry* known = cursor->next();
        for (const std::string& name : names) {
            while (known != nullptr && known->name < name) known = cursor->next();
            if (known != nullptr && known->name == name) continue;
            if (!mirror && !TargetTree::is_leftover(name)) continue;
            try {
                std::uint64_t removed = TargetTree::remove(dir, name);
                if (mirror) result_.removed += removed;
            } catch (const Error& e) {
                problem(join_path(path, name), e.message());
            }
        }
    }

    const Environment& env_;
    const SetOptions& set_;
    const catalog::Catalog& catalog_;
    const RestoreRequest& request_;
    Observer& observer_;
    TargetTree target_;
    OpenArchives archives_;
    FileRestorer walker_;  // for what has no content
    Spool directories_;
    std::vector<std::uint64_t> directory_records_;
    WorkTables items_;
    std::optional<WorkTables::RestoreItem> waiting_;
    bool fresh_ = false;  // whether fresh_path_, the directory met last, was made by us
    std::string fresh_path_;
    std::mutex mutex_;  // guards what follows
    Progress progress_;
    RestoreResult result_;
    std::vector<std::unique_ptr<FileRestorer>> idle_;
};

}  // namespace

RestoreResult restore(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                      const RestoreRequest& request, Observer& observer) {
    return Restore(env, set, catalog, request, observer).run();
}

ContentNeeded content_needed(const RestoreRequest& request) {
    if (!path_exists(request.to)) return [](auto) { return true; };
    struct There {
        TargetTree tree;
        FileRestorer files{tree, [](const std::string&, const std::string&) {}};
    };
    TargetTree::Options options{request.overwrite, request.mirror};
    std::shared_ptr<There> there(new There{{request.to, options}});
    return
        [there](std::span<const WorkTables::RestoreItem> names) { return there->files.needs_content(names); };
}

}  // namespace icecore::engine
