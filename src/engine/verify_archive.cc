#include "engine/verify_archive.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/archive_survey.h"
#include "engine/member_check.h"
#include "engine/parallel.h"
#include "engine/stream_layout.h"

namespace icecore::engine {
namespace {

using archive::ManifestEntry;
using archive::Stored;
using archive::TarMember;

/// A piece ends after an entry with a known place when it has one of these sizes …
constexpr std::uint64_t kPieceTarBytes = 16 << 20;
constexpr std::size_t kPieceEntries = 1024;
constexpr std::size_t kPieceEntryBytes = 4 << 20;
/// … and anywhere when it has so much more. (Directories and hard links have no recorded place.)
constexpr std::size_t kOpenPieceFactor = 4;

/// Superseded members that are remembered until their last version comes.
constexpr std::size_t kSupersededMax = 100'000;

/// Files with several names whose links are looked at.
constexpr std::size_t kLinkTargetsMax = 100'000;

/// What an entry takes in memory, roughly.
std::size_t entry_bytes(const ManifestEntry& entry) {
    std::size_t bytes = sizeof entry + entry.path.size() + entry.link_target.size() + entry.link_path.size();
    for (const auto& [name, value] : entry.metadata.xattrs) bytes += name.size() + value.size();
    return bytes;
}

/// Consecutive entries, and the part of the tar stream that should hold them.
struct Piece {
    std::vector<ManifestEntry> entries;
    std::optional<std::uint64_t> begin;    ///< offset in the tar stream; unknown: where the piece before ends
    bool begins_open = false;              ///< begin must be taken from the piece before
    std::optional<std::uint64_t> end;      ///< unknown: after the last entry, whose place is not recorded
    bool last = false;                     ///< the archive's end belongs to it
    std::optional<std::uint64_t> reached;  ///< after the check: where it ended; unknown: lost in damage
    std::vector<std::string> unknown_files;  ///< members that the manifest may know later
    std::vector<Finding> findings;           ///< reported in the archive's order
};

/// What the pieces of one archive share.
struct Archive {
    const catalog::Run& run;
    const StreamLayout layout;
    const archive::ArchiveFile file;
    VerifyLog& log;

    std::optional<std::uint64_t> offset_of(const ManifestEntry& entry) const {
        if (entry.location.run != run.number()) return std::nullopt;
        return layout.offset_of(entry.location.volume, entry.location.offset);
    }
    void problem(const std::string& path, std::string message) const {
        log.problem_at(run.number(), path, std::move(message));
    }
};

/// What a manifest's hard links lead to, known before those names come.
class LinkTargets {
  public:
    explicit LinkTargets(const std::string& manifest_path) {
        archive::ManifestReader manifest(manifest_path);
        while (std::optional<archive::ManifestLine> line = manifest.next()) {
            auto* entry = std::get_if<ManifestEntry>(&*line);
            if (entry == nullptr || entry->stored != Stored::link) continue;
            if (links_.size() == kLinkTargetsMax) return;
            links_.try_emplace(std::move(entry->link_path), Link{std::move(entry->path), entry->stat.ino});
        }
    }

    /// Two names of one file have one inode number, unless it is not known (0): the link says it is the file
    /// of `target`, of whatever content that is.
    void check(const Archive& archive, const ManifestEntry& target) const {
        auto found = target.stored == Stored::link ? links_.end() : links_.find(target.path);
        if (found == links_.end()) return;
        const Link& link = found->second;
        if (link.ino == target.stat.ino || link.ino == 0 || target.stat.ino == 0) return;
        archive.problem(link.path, format("is stored as a hard link to {}, which was another file",
                                          escape_path(target.path)));
    }

  private:
    struct Link {
        std::string path;
        std::uint64_t ino;
    };
    std::unordered_map<std::string, Link> links_;  ///< the first of each target
};

/// Cuts a manifest's entries into pieces.
class PieceSource {
  public:
    PieceSource(const Archive& archive, const std::string& manifest_path,
                const EarlierPlaceExists& earlier_exists)
        : archive_(archive),
          links_(manifest_path),
          manifest_(manifest_path),
          earlier_exists_(earlier_exists) {}

    /// nullptr after the last.
    std::shared_ptr<Piece> next() {
        if (ended_) return nullptr;
        auto piece = std::make_shared<Piece>();
        piece->begins_open = !next_begin_;
        piece->begin = next_begin_;
        std::uint64_t tar_begin = tar_end_;
        std::size_t bytes = 0;
        next_begin_.reset();
        while (std::optional<ManifestEntry> entry = next_entry()) {
            bytes += entry_bytes(*entry);
            bool placed = entry->location.run != 0;
            piece->entries.push_back(std::move(*entry));
            std::size_t count = piece->entries.size();
            bool full =
                count >= kPieceEntries || bytes >= kPieceEntryBytes || tar_end_ - tar_begin >= kPieceTarBytes;
            if (placed && full) {
                piece->end = next_begin_ = tar_end_;
                return piece;
            }
            if (count >= kOpenPieceFactor * kPieceEntries || bytes >= kOpenPieceFactor * kPieceEntryBytes)
                return piece;
        }
        ended_ = true;
        piece->last = true;
        return piece;
    }

  private:
    /// The next entry that has a member in this archive.
    std::optional<ManifestEntry> next_entry() {
        while (std::optional<archive::ManifestLine> line = manifest_.next()) {
            auto* entry = std::get_if<ManifestEntry>(&*line);
            if (entry != nullptr) links_.check(archive_, *entry);
            if (entry != nullptr && belongs_here(*entry)) return std::move(*entry);
        }
        return std::nullopt;
    }

    bool belongs_here(const ManifestEntry& entry) {
        const archive::Location& at = entry.location;
        if (entry.stored == Stored::earlier) {
            if (at.run >= archive_.run.number() || !earlier_exists_(at))
                archive_.problem(entry.path,
                                 format("it is said to be stored in run {}, which cannot be", at.run));
            return false;
        }
        if (at.run == 0) return true;
        std::optional<std::uint64_t> begin = archive_.offset_of(entry);
        bool fits = begin && *begin >= tar_end_ && at.length_bytes <= archive_.layout.total_bytes() - *begin;
        if (!fits)
            archive_.problem(entry.path, "its place in the manifest cannot be");
        else
            tar_end_ = *begin + at.length_bytes;
        return fits;
    }

    const Archive& archive_;
    const LinkTargets links_;
    archive::ManifestReader manifest_;
    const EarlierPlaceExists& earlier_exists_;
    std::optional<std::uint64_t> next_begin_ = 0;
    std::uint64_t tar_end_ = 0;  ///< of the last entry with a place
    bool ended_ = false;
};

/// Checks one piece.
class PieceCheck {
  public:
    PieceCheck(const Archive& archive, Piece& piece) : archive_(archive), piece_(piece) {}

    void run() {
        std::optional<std::uint64_t> at = piece_.begin;
        if (!at) at = skip_to_placed(0, "what is before it in the archive is damaged");
        while (at) {
            try {
                read_from(*at);
                return;
            } catch (const Error& e) {
                at = skip_damage(e);
            }
        }
        piece_.reached = piece_.end;
    }

  private:
    void problem(const std::string& path, std::string message) {
        piece_.findings.push_back(
            {Finding::Severity::problem, archive_.run.number(), "", path, std::move(message), ""});
    }
    void problem_of_archive(std::string message) {
        const archive::ManifestHeader& header = archive_.run.header;
        piece_.findings.push_back({Finding::Severity::problem, header.run, header.archive_name, std::nullopt,
                                   std::move(message), ""});
    }

    bool expects_more() const { return next_ < piece_.entries.size() || piece_.last; }

    void read_from(std::uint64_t at) {
        base_ = at_ = at;
        tar_offset_ = 0;
        std::unique_ptr<archive::ByteSource> stream =
            archive_.file.open_stream(archive_.layout.position_of(at));
        archive::TarReader tar(*stream);
        while (expects_more() && (!piece_.end || at_ < *piece_.end)) {
            std::optional<TarMember> member = next_member(tar);
            if (!member) {
                check_end(tar, *stream);
                break;
            }
            place(*member, tar);
        }
        for (; next_ < piece_.entries.size(); ++next_) missing(piece_.entries[next_]);
        piece_.reached = at_;
    }

    std::optional<TarMember> next_member(archive::TarReader& tar) {
        const std::optional<archive::AdoptedArchive>& adopted = archive_.run.header.adopted;
        try {
            std::optional<TarMember> member = tar.next();
            while (member && adopted && !bring_below_root(*member, adopted->root)) {
                at_ = base_ + tar.offset() + archive::content_bytes(*member);
                at_ += archive::padding(archive::content_bytes(*member));
                member = tar.next();
            }
            return member;
        } catch (const Error&) {
            tar_offset_ = tar.offset();
            throw;
        }
    }

    /// Finds the entry of the member that stands at at_.
    void place(const TarMember& member, archive::TarReader& tar) {
        std::uint64_t begin = at_;
        std::uint64_t content = archive::content_bytes(member);
        std::uint64_t end = base_ + tar.offset() + content + archive::padding(content);
        bool known = false;
        while (next_ < piece_.entries.size()) {
            const ManifestEntry& entry = piece_.entries[next_];
            if (std::optional<std::uint64_t> placed = archive_.offset_of(entry)) {
                if (begin < *placed) break;
                known = begin == *placed;
            } else {
                known = is_member_of(entry, member) && !is_repeated(entry, member, tar);
                if (!known && may_be_unknown(member) && !is_placed_further_on(begin)) break;
            }
            if (known) {
                check(entry, member, tar, end - begin);
                ++next_;
                break;
            }
            missing(entry);
            ++next_;
        }
        if (!known) unknown(member);
        at_ = end;
    }

    /// Whether the entry at `place` comes after some that have none: directories without a member of their
    /// own, as others' archives have them.
    bool is_placed_further_on(std::uint64_t place) const {
        if (!archive_.run.header.adopted) return false;
        for (std::size_t i = next_ + 1; i < piece_.entries.size(); ++i)
            if (std::optional<std::uint64_t> placed = archive_.offset_of(piece_.entries[i]))
                return *placed == place;
        return false;
    }

    /// Whether it is the record of another directory, once more: in deep units names tell little.
    bool is_repeated(const ManifestEntry& entry, const TarMember& member, archive::TarReader& tar) {
        return is_auxiliary(member) && !differences(entry, member, tar, buffer_, archive_.log).empty();
    }

    void check(const ManifestEntry& entry, const TarMember& member, archive::TarReader& tar,
               std::uint64_t length_bytes) {
        std::string differing;
        try {
            bool keeps = archive_.run.header.adopted && member.type == FileType::directory;
            differing = differences(entry, keeps ? with_kept_attributes(member, entry) : member, tar, buffer_,
                                    archive_.log);
        } catch (const Error&) {
            tar_offset_ = tar.offset();
            throw;
        }
        if (entry.location.run != 0 && entry.location.length_bytes != length_bytes)
            differing += differing.empty() ? "length" : ", length";
        if (differing.empty()) return;
        problem(entry.path, format("differs from the manifest: {}", differing));
    }

    /// tar takes no attribute away from a directory that it finds.
    static TarMember with_kept_attributes(TarMember member, const ManifestEntry& entry) {
        auto& xattrs = member.metadata.xattrs;
        for (const auto& kept : entry.metadata.xattrs) {
            auto same_name = [&](const auto& xattr) { return xattr.first == kept.first; };
            if (std::none_of(xattrs.begin(), xattrs.end(), same_name)) xattrs.push_back(kept);
        }
        std::sort(xattrs.begin(), xattrs.end());
        return member;
    }

    void missing(const ManifestEntry& entry) {
        // tar makes directories that a rename needs.
        if (archive_.run.header.adopted && entry.stat.type == FileType::directory) return;
        problem(entry.path, "is in the manifest, but not in the archive");
    }

    /// A regular file may be an earlier reading of one that changed meanwhile.
    static bool may_be_unknown(const TarMember& member) {
        return is_auxiliary(member) || (member.type == FileType::regular && !member.hard_link);
    }

    void unknown(const TarMember& member) {
        // What tar could not extract of an adopted archive has an error line.
        if (is_auxiliary(member) || archive_.run.header.adopted) return;
        std::string path = member.name.starts_with("./") ? member.name.substr(2) : member.name;
        if (may_be_unknown(member))
            piece_.unknown_files.push_back(std::move(path));
        else
            problem(path, "is in the archive, but not in the manifest");
    }

    void check_end(const archive::TarReader& tar, archive::ByteSource& stream) {
        if (archive_.run.header.adopted) return;  // it was looked at when it was adopted
        char byte = 0;
        if (tar.offset() - tar.member_offset() != archive::end_of_archive().size() ||
            stream.read(&byte, 1) != 0 || !piece_.last)
            problem_of_archive("the tar archive does not end where it should");
    }

    /// Reports what the damage hits. Returns where to go on, if there is such a place in this piece.
    std::optional<std::uint64_t> skip_damage(const Error& e) {
        std::uint64_t failed = std::min(base_ + tar_offset_, archive_.layout.total_bytes());
        std::size_t first = next_;
        std::optional<std::uint64_t> at = skip_to_placed(after_damage(failed), e.message());
        if (next_ == first && !at) problem_of_archive("the end of the archive: " + e.message());
        return at;
    }

    /// Where reading may work again: right after `failed` if the frame there is good (then it was tar that
    /// was damaged), else at the next frame.
    std::uint64_t after_damage(std::uint64_t failed) const {
        const std::uint64_t total = archive_.layout.total_bytes();
        if (failed >= total) return total;
        archive::StreamPosition position = archive_.layout.position_of(failed);
        try {
            char byte = 0;
            archive_.file.open_stream(position)->read(&byte, 1);
            return failed + 1;
        } catch (const Error&) {
            archive::StreamPosition next = archive_.file.next_frame(position);
            return archive_.layout.offset_of(next.volume, next.offset).value_or(total);
        }
    }

    /// Passes over the entries that are hit, up to a place from `from` on: where an entry is known to begin,
    /// or where one that is hit is known to end.
    std::optional<std::uint64_t> skip_to_placed(std::uint64_t from, const std::string& why) {
        while (next_ < piece_.entries.size()) {
            const ManifestEntry& entry = piece_.entries[next_];
            std::optional<std::uint64_t> placed = archive_.offset_of(entry);
            if (placed && *placed >= from) return placed;
            problem(entry.path, "cannot be read: " + why);
            ++next_;
            if (placed && *placed + entry.location.length_bytes >= from)
                return *placed + entry.location.length_bytes;
        }
        return std::nullopt;
    }

    const Archive& archive_;
    Piece& piece_;
    std::size_t next_ = 0;          ///< the entry that should come next
    std::uint64_t base_ = 0;        ///< where the reader began
    std::uint64_t at_ = 0;          ///< where the next member begins
    std::uint64_t tar_offset_ = 0;  ///< how far the reader was when it failed
    std::string buffer_;
};

/// Puts the pieces' results together, in order.
class ArchiveCheck {
  public:
    explicit ArchiveCheck(const Archive& archive) : archive_(archive) {}

    void finish(Piece& piece) {
        if (piece.begins_open) {
            piece.begin = reached_;
            PieceCheck(archive_, piece).run();
        }
        for (Finding& finding : piece.findings) archive_.log.report(std::move(finding));
        reached_ = piece.reached;
        entries_ += piece.entries.size();
        archive_.log.advance(piece.entries.size(), 0);
        for (std::string& path : piece.unknown_files) {
            if (unknown_.size() < kSupersededMax)
                unknown_.insert(std::move(path));
            else
                remark(path);
        }
        if (unknown_.empty()) return;
        for (const ManifestEntry& entry : piece.entries)
            if (entry.stored == Stored::whole || entry.stored == Stored::sparse) unknown_.erase(entry.path);
    }

    std::uint64_t finish_all() {
        for (const std::string& path : unknown_) remark(path);
        return entries_;
    }

  private:
    void remark(const std::string& path) const {
        archive_.log.report({Finding::Severity::remark, archive_.run.number(), "", path,
                             "is in the archive, but not in the manifest: it vanished after it was read",
                             ""});
    }

    const Archive& archive_;
    std::optional<std::uint64_t> reached_;
    std::set<std::string> unknown_;
    std::uint64_t entries_ = 0;
};

}  // namespace

std::uint64_t check_archive(const Environment& env, const std::string& dir, const catalog::Run& run,
                            const std::string& manifest_path, const EarlierPlaceExists& earlier_exists,
                            VerifyLog& log) {
    std::vector<archive::VolumeInfo> const& volumes = run.trailer.volumes;
    try {
        Archive archive{run, StreamLayout(volumes), archive::ArchiveFile(dir, run.header.form(), volumes),
                        log};
        PieceSource source(archive, manifest_path, earlier_exists);
        ArchiveCheck check(archive);
        for_each_job<Piece>(
            env.threads, [&] { return source.next(); },
            [&](Piece& piece) {
                if (!piece.begins_open) PieceCheck(archive, piece).run();
            },
            [&](Piece& piece) { check.finish(piece); });
        return check.finish_all();
    } catch (const Error& e) {
        log.problem(run.number(), run.header.archive_name, e.message());
        return 0;
    }
}

}  // namespace icecore::engine
