#include "engine/restore.h"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <ranges>
#include <span>
#include <thread>

#include "archive/tar_reader.h"
#include "archive/volume.h"
#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "catalog/work_tables.h"
#include "engine/content.h"
#include "engine/spool.h"
#include "engine/target_tree.h"

namespace icecore::engine {
namespace {

using catalog::WorkTables;

/// Tar bytes that one job reads: enough that frames shared by two jobs are few.
constexpr std::uint64_t kJobBytes = 16 << 20;
constexpr std::size_t kJobItemsMax = 4096;
constexpr std::size_t kCopyBytes = 1 << 20;

/// What an item's payload tells of a file.
struct Wanted {
    FileStat stat;
    Digest sha256;
    bool sparse = false;
    std::string link_target;
    Metadata metadata;
};

std::string encode_wanted(const catalog::Entry& entry) {
    RecordWriter out;
    out.stat(entry.stat)
        .digest(entry.sha256)
        .number(entry.sparse ? 1 : 0)
        .text(entry.link_target)
        .text(entry.metadata);
    return std::string(out.view());
}

Wanted decode_wanted(std::string_view payload) {
    RecordReader in(payload);
    Wanted wanted;
    wanted.stat = in.stat();
    wanted.sha256 = in.digest();
    wanted.sparse = in.number() != 0;
    wanted.link_target = in.text();
    wanted.metadata = decode_metadata(in.text());
    return wanted;
}

/// Items that stand near each other in one archive.
struct Job {
    std::shared_ptr<archive::ArchiveFile> archive;
    const std::vector<archive::VolumeInfo>* volumes = nullptr;
    std::vector<WorkTables::RestoreItem> items;
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
          target_(request.to),
          directories_(request.to) {
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
        for (const auto& [run, archive] : archives_)
            result_.stored_bytes_read += archive.file->stored_bytes_read();
        std::sort(result_.problems.begin(), result_.problems.end());
        return std::move(result_);
    }

  private:
    struct OpenArchive {
        std::shared_ptr<archive::ArchiveFile> file;
        catalog::Run run;
    };

    void problem(std::string_view path, std::string_view what) {
        std::lock_guard lock(mutex_);
        result_.problems.push_back(format("{}: {}", path.empty() ? "." : escape_path(path), what));
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
            if (!target_.make_directory(parent)) continue;
            std::optional<catalog::Entry> entry = catalog_.lookup(request_.at, parent);
            if (entry) remember_directory(parent, *entry);
            ++result_.directories;
        }
    }

    void remember_directory(const std::string& path, const catalog::Entry& entry) {
        RecordWriter record;
        record.text(path).stat(entry.stat).text(entry.metadata);
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
            target_.make_directory(path);
            remember_directory(path, entry);
            ++result_.directories;
            return true;
        }
        if (entry.stat.type == FileType::regular || entry.stat.nlink > 1) {
            items_.add_restore_item({entry.location, path, encode_wanted(entry)});
            progress_.bytes_total += entry.stat.size;
            ++progress_.files_total;
            return true;
        }
        if (!open_dir_ || open_path_ != parent_path(path)) {
            open_dir_ = target_.open_directory(parent_path(path));
            open_path_ = parent_path(path);
        }
        target_.make_special(open_dir_.get(), std::string(base_name(path)), entry.stat, entry.link_target,
                             decode_metadata(entry.metadata));
        ++result_.files;
        return true;
    }

    const OpenArchive& open_archive(catalog::RunNumber number) {
        auto it = archives_.find(number);
        if (it == archives_.end()) {
            std::optional<catalog::Run> run = catalog_.run(number);
            if (!run) throw Error(Error::Kind::corrupt, format("run {} is not in the catalogue", number));
            it = archives_.emplace(number, OpenArchive{nullptr, std::move(*run)}).first;
            it->second.file = std::make_shared<archive::ArchiveFile>(
                set_.backup_dir, it->second.run.header.compression.method, it->second.run.trailer.volumes);
        }
        return it->second;
    }

    /// The next items that one worker should read in a row; names of one file stay together.
    std::shared_ptr<Job> next_job(WorkTables::RestoreCursor& cursor) {
        auto job = std::make_shared<Job>();
        std::uint64_t begin = 0;
        while (true) {
            if (!waiting_) {
                waiting_.emplace();
                if (!cursor.next(*waiting_)) waiting_.reset();
            }
            if (!waiting_) break;
            const archive::Location& location = waiting_->location;
            if (job->items.empty()) {
                const OpenArchive& archive = open_archive(location.run);
                job->archive = archive.file;
                job->volumes = &archive.run.trailer.volumes;
                begin = location.offset;
            } else {
                const archive::Location& first = job->items.front().location;
                bool same_file = location == job->items.back().location;
                bool far = location.run != first.run || location.volume != first.volume ||
                           location.offset + location.length_bytes - begin > kJobBytes ||
                           job->items.size() >= kJobItemsMax;
                if (far && !same_file) break;
            }
            job->items.push_back(std::move(*waiting_));
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

    /// A stream in an archive that remembers where it is.
    struct Reading {
        std::unique_ptr<archive::ByteSource> stream;
        std::uint32_t volume = 0;
        std::uint64_t offset = 0;
        std::string buffer;
        Fd dir;
        std::string dir_path;
        bool dir_open = false;
    };

    void restore_job(const Job& job) {
        Reading reading;
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < job.items.size();) {
            std::size_t end = i + 1;
            while (end < job.items.size() && job.items[end].location == job.items[i].location) ++end;
            bytes +=
                restore_names(job, {job.items.begin() + static_cast<std::ptrdiff_t>(i), end - i}, reading);
            i = end;
        }
        std::lock_guard lock(mutex_);
        progress_.files += job.items.size();
        progress_.bytes += bytes;
        observer_.progress(progress_);
    }

    int open_parent(Reading& reading, const std::string& path) {
        std::string_view parent = parent_path(path);
        if (!reading.dir_open || reading.dir_path != parent) {
            reading.dir_open = false;
            reading.dir = target_.open_directory(parent);
            reading.dir_path = parent;
            reading.dir_open = true;
        }
        return reading.dir.get();
    }

    /// All names of one file: the first that succeeds is made, the others linked to it. Returns bytes of
    /// content.
    std::uint64_t restore_names(const Job& job, std::span<const WorkTables::RestoreItem> names,
                                Reading& reading) {
        const WorkTables::RestoreItem* made = nullptr;
        std::uint64_t bytes = 0;
        std::uint64_t files = 0;
        for (const WorkTables::RestoreItem& item : names) {
            try {
                std::string name(base_name(item.path));
                if (made != nullptr) {
                    Fd existing = target_.open_directory(parent_path(made->path));
                    target_.make_hard_link(existing.get(), std::string(base_name(made->path)),
                                           open_parent(reading, item.path), name);
                } else {
                    Wanted wanted = decode_wanted(item.payload);
                    int dir = open_parent(reading, item.path);
                    if (wanted.stat.type == FileType::regular)
                        bytes += restore_content(job, item, wanted, dir, reading);
                    else
                        target_.make_special(dir, name, wanted.stat, wanted.link_target, wanted.metadata);
                    made = &item;
                }
                ++files;
            } catch (const Error& e) {
                problem(item.path, e.message());
            }
        }
        std::lock_guard lock(mutex_);
        result_.files += files;
        result_.bytes += bytes;
        return bytes;
    }

    void seek(const Job& job, const archive::Location& at, Reading& reading) {
        if (reading.stream != nullptr && reading.volume == at.volume && reading.offset <= at.offset) {
            reading.stream->skip(at.offset - reading.offset);
        } else {
            reading.stream = job.archive->open_stream({at.volume, at.offset});
        }
        reading.volume = at.volume;
        reading.offset = at.offset;
    }

    std::uint64_t restore_content(const Job& job, const WorkTables::RestoreItem& item, const Wanted& wanted,
                                  int dir, Reading& reading) {
        TargetTree::NewFile file(target_, dir, std::string(base_name(item.path)));
        try {
            seek(job, item.location, reading);
            archive::TarReader tar(*reading.stream);
            std::optional<archive::TarMember> member = tar.next();
            if (!member || member->type != FileType::regular || member->hard_link ||
                member->size_bytes != wanted.stat.size || member->sparse.has_value() != wanted.sparse)
                throw Error(Error::Kind::corrupt, "the archive holds something else at its place");
            copy_content(tar, *member, wanted, file.fd(), reading.buffer);
            reading.offset += tar.offset();
            if (reading.offset > job.volumes->at(item.location.volume).raw_bytes) reading.stream.reset();
        } catch (...) {
            reading.stream.reset();
            throw;
        }
        file.place(wanted.stat, wanted.metadata);
        return wanted.stat.size;
    }

    static void copy_content(archive::TarReader& tar, const archive::TarMember& member, const Wanted& wanted,
                             int fd, std::string& buffer) {
        Sha256 hash;
        buffer.resize(kCopyBytes);
        std::vector<archive::SparseRegion> whole = {{0, member.size_bytes}};
        if (member.sparse) hash.update(sparse_map_block(*member.sparse));
        for (const archive::SparseRegion& region : member.sparse ? *member.sparse : whole) {
            std::uint64_t offset = region.offset;
            std::uint64_t left = region.length_bytes;
            while (left > 0) {
                std::size_t n = tar.read_content(
                    buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, kCopyBytes)));
                if (n == 0) throw Error(Error::Kind::corrupt, "its content ends too early in the archive");
                hash.update({buffer.data(), n});
                pwrite_full(fd, {buffer.data(), n}, offset);
                offset += n;
                left -= n;
            }
        }
        if (hash.finish() != wanted.sha256)
            throw Error(Error::Kind::corrupt,
                        "SHA-256 differs: the archive is damaged here, the file was not restored");
    }

    /// Deepest first, so that a directory without permissions for us is closed after all below it.
    void finish_directories() {
        for (std::uint64_t where : directory_records_ | std::views::reverse) {
            std::string record = directories_.read_at(where);
            RecordReader in(record);
            std::string path(in.text());
            FileStat stat = in.stat();
            try {
                target_.finish_directory(path, stat, decode_metadata(in.text()));
            } catch (const Error& e) {
                problem(path, e.message());
            }
        }
    }

    const Environment& env_;
    const SetOptions& set_;
    const catalog::Catalog& catalog_;
    const RestoreRequest& request_;
    Observer& observer_;
    TargetTree target_;
    Spool directories_;
    std::vector<std::uint64_t> directory_records_;
    WorkTables items_;
    std::optional<WorkTables::RestoreItem> waiting_;
    std::map<catalog::RunNumber, OpenArchive> archives_;
    Fd open_dir_;
    std::string open_path_;
    std::mutex mutex_;  // guards what follows
    Progress progress_;
    RestoreResult result_;
};

}  // namespace

RestoreResult restore(const Environment& env, const SetOptions& set, const catalog::Catalog& catalog,
                      const RestoreRequest& request, Observer& observer) {
    return Restore(env, set, catalog, request, observer).run();
}

}  // namespace icecore::engine
