#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "archive/tar_reader.h"
#include "archive/volume.h"

namespace icecore::engine {

/// What a run that was stopped left: its sealed volumes, which hold a beginning of its archive, and its
/// manifest so far (the *journal*), which may lag behind the volumes or know more than they hold.
///
/// The line between what counts and what does not is found in two steps. Every entry whose member lies wholly
/// in the sealed volumes counts, with all lines before it. What the archive holds after the last of these
/// (the *tail*: members that have no place in the manifest, such as directories, or no line yet, at last one
/// that is cut) is read from the archive.
class InterruptedArchive {
  public:
    /// Examines what is there. `volumes_max`: consider no more volumes than these. Returns nullptr if nothing
    /// can be made of it: no journal, no sealed volume, or not even the root's records in them. Throws Error
    /// for what is not the interruption's doing.
    static std::unique_ptr<InterruptedArchive> open(const std::string& backup_dir,
                                                    const std::string& journal_path,
                                                    std::uint32_t volumes_max, bool purges_again);

    const archive::ManifestHeader& header() const { return header_; }
    const std::vector<archive::VolumeInfo>& volumes() const { return volumes_; }
    /// Entry lines of the journal, from the first, that count without a look at the archive.
    std::uint64_t entries_kept() const { return entries_kept_; }
    /// Whether the archive holds this directory's member, if the run was to write one. Directories come in
    /// archive order, so the last one tells.
    bool reaches(std::string_view directory) const;
    /// Members of the tail that are whole.
    std::uint64_t tail_members() const { return tail_members_; }
    bool has_cut_member() const { return has_cut_member_; }
    /// Whether the end-of-archive blocks are there.
    bool ended() const { return ended_; }

    /// Reads the tail's members, the cut one last. One at a time.
    class Tail {
      public:
        explicit Tail(const InterruptedArchive& archive);
        /// The next member; its content can be read from reader(). nullopt after the last.
        std::optional<archive::TarMember> next();
        archive::TarReader& reader() { return reader_; }
        /// Where the current member starts, and its length if it were whole.
        archive::Location location(const archive::TarMember& member) const;
        /// Bytes of the current member, of which nothing was read yet, that follow its header: content and
        /// padding.
        std::uint64_t bytes_there() const;

      private:
        const InterruptedArchive& archive_;
        std::unique_ptr<archive::ByteSource> stream_;
        archive::TarReader reader_;
    };

  private:
    InterruptedArchive() = default;
    bool find_volumes(const std::string& backup_dir, const std::string& journal_path,
                      std::uint32_t volumes_max);
    bool survey_journal(const std::string& journal_path);
    enum class Survey : std::uint8_t { done, hopeless, fewer_volumes };
    Survey survey_tail(bool purges_again);
    void note_directory(std::string_view path);
    archive::StreamPosition position(std::uint64_t absolute) const;
    std::uint64_t absolute(archive::StreamPosition position) const;
    std::uint64_t raw_bytes() const;

    archive::ManifestHeader header_;
    std::vector<archive::VolumeInfo> volumes_;
    std::unique_ptr<archive::ArchiveFile> file_;
    bool root_kept_ = false;
    std::uint64_t entries_kept_ = 0;
    std::uint64_t tail_start_ = 0;  ///< in the whole tar stream
    std::string last_directory_;
    std::uint64_t tail_members_ = 0;
    bool has_cut_member_ = false;
    bool ended_ = false;
    std::uint32_t volumes_usable_ = 0;  ///< fewer_volumes: how many
};

/// Whether directory `a` comes before `b` in an archive: depth first, names in byte order.
bool comes_before(std::string_view a, std::string_view b);

}  // namespace icecore::engine
