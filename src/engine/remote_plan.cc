#include "engine/remote_plan.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "archive/manifest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/work_tables.h"
#include "engine/backup_dir.h"
#include "engine/file_restorer.h"

namespace icecore::engine {
namespace {

using catalog::WorkTables;

/// The frame tables of one run's volumes, in order, one at a time.
class FrameTables {
  public:
    FrameTables(const SetOptions& set, const archive::ManifestHeader& header) {
        ArchiveNames names =
            make_archive_names(set.name, header.run, header.kind, header.started, header.compression.method);
        try {
            reader_ = std::make_unique<archive::ManifestReader>(join_path(set.backup_dir, names.manifest));
        } catch (const Error&) {
            reader_ = nullptr;  // then volumes are wanted whole
        }
    }

    /// Takes out the table of a volume; none if it is not known. Numbers must go up.
    std::vector<archive::FrameSize> take(const archive::VolumeInfo& volume) {
        read_up_to(volume.number);
        if (!current_ || current_->volume != volume.number || !fits(current_->frames, volume)) return {};
        return std::move(current_->frames);
    }

  private:
    static bool fits(const std::vector<archive::FrameSize>& frames, const archive::VolumeInfo& volume) {
        std::uint64_t stored = 0;
        std::uint64_t raw = 0;
        for (const archive::FrameSize& frame : frames) {
            if (frame.stored_bytes > 2 * archive::kFrameBytesMax) return false;
            stored += frame.stored_bytes;
            raw += frame.raw_bytes;
        }
        return stored <= volume.stored_bytes && raw == volume.raw_bytes;
    }

    void read_up_to(std::uint32_t volume) {
        while (reader_ != nullptr && (!current_ || current_->volume < volume)) {
            try {
                std::optional<archive::ManifestLine> line = reader_->next();
                if (!line) reader_ = nullptr;
                if (!line) break;
                if (auto* frames = std::get_if<archive::ManifestFrames>(&*line))
                    current_ = std::move(*frames);
            } catch (const Error&) {
                reader_ = nullptr;
            }
        }
    }

    std::unique_ptr<archive::ManifestReader> reader_;
    std::optional<archive::ManifestFrames> current_;
};

class Planner {
  public:
    Planner(const SetOptions& set, const catalog::Catalog& catalog, RestoreFrom from,
            const store::Capabilities& capabilities, store::ThawTier tier, const ContentNeeded& needed)
        : set_(set),
          catalog_(catalog),
          from_(from),
          capabilities_(capabilities),
          needed_(needed),
          gap_bytes_(capabilities.thaw_gap_bytes.at(static_cast<std::size_t>(tier))) {}

    RemotePlan plan(catalog::RunNumber at, const std::vector<std::string>& paths) {
        if (from_ == RestoreFrom::local) return {};
        if (paths.empty()) collect(at, "");
        for (const std::string& path : paths) {
            if (!catalog_.lookup(at, path))
                throw Error(Error::Kind::not_found, format("{} is not in run {}", escape_path(path), at),
                            "`icecore find` shows every version of a file");
            collect(at, path);
        }
        auto cursor = items_.open_restore_items();
        std::vector<WorkTables::RestoreItem> names;  // of one file
        for (WorkTables::RestoreItem item; cursor->next(item);) {
            if (!names.empty() && names.front().location != item.location) add_file(names);
            names.push_back(std::move(item));
        }
        if (!names.empty()) add_file(names);
        close_volume();
        return std::move(plan_);
    }

  private:
    void collect(catalog::RunNumber at, const std::string& start) {
        catalog_.walk(at, start, [&](const std::string& path, const catalog::Entry& entry) {
            bool stored = entry.stat.type == FileType::regular || entry.stat.nlink > 1;
            if (entry.stat.type != FileType::directory && stored && entry.location.run != 0)
                items_.add_restore_item({entry.location, needed_ ? path : "",
                                         needed_ ? encode_wanted(entry, false) : std::string()});
            return true;
        });
    }

    void add_file(std::vector<WorkTables::RestoreItem>& names) {
        if (!needed_ || needed_(names)) add(names.front().location);
        names.clear();
    }

    void add(const archive::Location& location) {
        open_run(location.run);
        std::uint64_t offset = location.offset;
        std::uint64_t left = location.length_bytes;
        for (std::uint32_t number = location.volume; left > 0; ++number, offset = 0) {
            if (number >= run_->trailer.volumes.size())
                throw Error(Error::Kind::corrupt,
                            format("the catalogue knows no volume {} of run {}", number, location.run));
            std::uint64_t raw = run_->trailer.volumes[number].raw_bytes;
            std::uint64_t here = std::min(left, raw - std::min(raw, offset));
            open_volume(number);
            if (wanted_volume_ && here > 0) add_frames(offset, here);
            left -= here;
        }
    }

    void open_run(catalog::RunNumber number) {
        if (run_ && run_->number() == number) return;
        close_volume();
        run_ = catalog_.run(number);
        if (!run_) throw Error(Error::Kind::corrupt, format("run {} is not in the catalogue", number));
        tables_.emplace(set_, run_->header);
        volume_ = 0;
    }

    void open_volume(std::uint32_t number) {
        if (open_ && volume_ == number) return;
        close_volume();
        volume_ = number;
        open_ = true;
        const archive::VolumeInfo& volume = run_->trailer.volumes[number];
        wanted_volume_ = from_ == RestoreFrom::remote || !is_here(volume);
        wanted_ = {volume, run_->header.compression.method, {}, {}};
        if (wanted_volume_) wanted_.frames = tables_->take(volume);
        frame_ = 0;
        frame_raw_ = frame_stored_ = 0;
    }

    bool is_here(const archive::VolumeInfo& volume) const {
        FileStat stat;
        return stat_at(AT_FDCWD, join_path(set_.backup_dir, volume.name).c_str(), stat) &&
               stat.type == FileType::regular && stat.size == volume.stored_bytes;
    }

    /// The frames that hold [offset, offset + length) of the volume's tar stream. Offsets do not go down:
    /// the first frame is found from where the last one was.
    void add_frames(std::uint64_t offset, std::uint64_t length) {
        const std::vector<archive::FrameSize>& frames = wanted_.frames;
        if (frames.empty()) {
            wanted_.ranges = {{0, wanted_.info.stored_bytes}};
            return;
        }
        while (frame_ < frames.size() && frame_raw_ + frames[frame_].raw_bytes <= offset) {
            frame_raw_ += frames[frame_].raw_bytes;
            frame_stored_ += frames[frame_].stored_bytes;
            ++frame_;
        }
        std::uint64_t raw = frame_raw_;
        std::uint64_t end = frame_stored_;
        for (std::size_t i = frame_; i < frames.size() && raw < offset + length; ++i) {
            raw += frames[i].raw_bytes;
            end += frames[i].stored_bytes;
        }
        add_range(frame_stored_, end);
    }

    void add_range(std::uint64_t begin, std::uint64_t end) {
        std::uint64_t step = capabilities_.range_alignment_bytes;
        begin -= begin % step;
        end = std::min(wanted_.info.stored_bytes, (end + step - 1) / step * step);
        std::vector<ByteRange>& ranges = wanted_.ranges;
        if (ranges.empty() || begin > ranges.back().offset + ranges.back().length_bytes + gap_bytes_)
            ranges.push_back({begin, end - begin});
        else
            ranges.back().length_bytes = std::max(ranges.back().length_bytes, end - ranges.back().offset);
    }

    /// A volume that is here wholly can be proved by its SHA-256 and goes back to its place: worth a
    /// hundredth more.
    void take_whole_if_nearly() {
        std::uint64_t size = wanted_.info.stored_bytes;
        std::uint64_t missing = size - wanted_.ranges.front().length_bytes;
        if (wanted_.ranges.size() == 1 &&
            missing <= std::max(capabilities_.range_alignment_bytes, size / 100))
            wanted_.ranges = {{0, size}};
    }

    void close_volume() {
        if (!open_) return;
        open_ = false;
        if (wanted_.ranges.empty()) return;
        take_whole_if_nearly();
        for (const ByteRange& range : wanted_.ranges) {
            ++plan_.ranges;
            plan_.bytes += range.length_bytes;
        }
        plan_.volumes.push_back(std::move(wanted_));
    }

    const SetOptions& set_;
    const catalog::Catalog& catalog_;
    RestoreFrom from_;
    const store::Capabilities& capabilities_;
    const ContentNeeded& needed_;
    std::uint64_t gap_bytes_;
    WorkTables items_;
    RemotePlan plan_;
    std::optional<catalog::Run> run_;
    std::optional<FrameTables> tables_;
    std::uint32_t volume_ = 0;
    bool open_ = false;
    bool wanted_volume_ = false;
    WantedVolume wanted_;    // of the open volume
    std::size_t frame_ = 0;  // the frame of the last begin, and what stands before it
    std::uint64_t frame_raw_ = 0;
    std::uint64_t frame_stored_ = 0;
};

}  // namespace

RemotePlan plan_remote(const SetOptions& set, const catalog::Catalog& catalog, catalog::RunNumber at,
                       const std::vector<std::string>& paths, RestoreFrom from,
                       const store::Capabilities& capabilities, store::ThawTier tier,
                       const ContentNeeded& needed) {
    return Planner(set, catalog, from, capabilities, tier, needed).plan(at, paths);
}

}  // namespace icecore::engine
