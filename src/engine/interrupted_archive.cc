#include "engine/interrupted_archive.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

using archive::ManifestReader;

bool has_place(const archive::ManifestEntry& entry, std::uint32_t run) {
    return entry.location.run == run && entry.stored != archive::Stored::earlier &&
           entry.stored != archive::Stored::link;
}

std::uint64_t whole_length(const archive::TarMember& member) {
    std::uint64_t content = archive::content_bytes(member);
    return content + archive::padding(content);
}

}  // namespace

bool comes_before(std::string_view a, std::string_view b) {
    auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return rank(x) < rank(y); });
}

std::unique_ptr<InterruptedArchive> InterruptedArchive::open(const std::string& backup_dir,
                                                             const std::string& journal_path,
                                                             std::uint32_t volumes_max, bool purges_again) {
    if (!path_exists(journal_path)) return nullptr;
    while (true) {
        std::unique_ptr<InterruptedArchive> archive(new InterruptedArchive());
        if (!archive->find_volumes(backup_dir, journal_path, volumes_max)) return nullptr;
        archive->survey_journal(journal_path);
        Survey survey = archive->survey_tail(purges_again);
        if (survey == Survey::done) return archive;
        if (survey == Survey::hopeless || archive->volumes_usable_ == 0) return nullptr;
        volumes_max = archive->volumes_usable_;
    }
}

/// Sealed volumes from 0 on without a gap. Most are described by the journal; of one that was sealed just
/// before the end all is in the file itself.
bool InterruptedArchive::find_volumes(const std::string& backup_dir, const std::string& journal_path,
                                      std::uint32_t volumes_max) {
    std::map<std::uint32_t, archive::VolumeInfo> described;
    try {
        ManifestReader journal(journal_path, ManifestReader::Expect::may_be_cut);
        while (std::optional<archive::ManifestLine> line = journal.next()) {
            if (auto* header = std::get_if<archive::ManifestHeader>(&*line)) header_ = *header;
            if (auto* volume = std::get_if<archive::VolumeInfo>(&*line)) described[volume->number] = *volume;
        }
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        return false;  // not even a header: the volumes cannot be anything yet
    }
    while (volumes_.size() < volumes_max) {
        auto number = static_cast<std::uint32_t>(volumes_.size());
        std::string path = join_path(backup_dir, archive::volume_name(header_.archive_name, number));
        if (!path_exists(path)) break;
        auto known = described.find(number);
        try {
            volumes_.push_back(known != described.end()
                                   ? known->second
                                   : archive::examine_volume(backup_dir, header_.archive_name,
                                                             header_.compression.method, number));
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt) throw;
            break;
        }
    }
    if (volumes_.empty()) return false;
    file_ = std::make_unique<archive::ArchiveFile>(backup_dir, header_.compression.method, volumes_);
    return true;
}

bool InterruptedArchive::survey_journal(const std::string& journal_path) {
    ManifestReader journal(journal_path, ManifestReader::Expect::may_be_cut);
    const std::uint64_t end = raw_bytes();
    std::uint64_t index = 0;
    bool pending_root = false;
    std::string pending_directory;  // of lines that wait for an entry with a place
    bool has_pending = false;
    while (std::optional<archive::ManifestLine> line = journal.next()) {
        auto* entry = std::get_if<archive::ManifestEntry>(&*line);
        if (entry == nullptr) continue;
        ++index;
        if (entry->stat.type == FileType::directory) {
            if (!has_pending || comes_before(pending_directory, entry->path)) pending_directory = entry->path;
            has_pending = true;
            pending_root |= entry->path.empty();
        }
        if (!has_place(*entry, header_.run)) continue;
        const archive::Location& at = entry->location;
        if (at.volume >= volumes_.size()) break;
        std::uint64_t member_end = absolute({at.volume, at.offset}) + at.length_bytes;
        if (member_end > end) break;
        entries_kept_ = index;
        tail_start_ = member_end;
        root_kept_ |= pending_root;
        if (has_pending) note_directory(pending_directory);
        has_pending = false;
    }
    return true;
}

InterruptedArchive::Survey InterruptedArchive::survey_tail(bool purges_again) {
    const std::uint64_t there = raw_bytes() - tail_start_;
    std::uint64_t next_start = 0;
    unsigned roots = root_kept_ ? (purges_again ? 2U : 1U) : 0U;
    try {
        Tail tail(*this);
        while (std::optional<archive::TarMember> member = tail.next()) {
            std::uint64_t member_end = tail.reader().offset() + whole_length(*member);
            if (member->type == FileType::directory) {
                std::string path = archive::path_of_member(member->name);
                if (path.empty()) ++roots;
                note_directory(path);
            }
            if (member_end > there) {
                has_cut_member_ = true;
                break;
            }
            next_start = member_end;
            ++tail_members_;
        }
        ended_ = !has_cut_member_ && next_start < there;
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt) throw;
        // A header is cut: the volume in which it starts is of no use.
        volumes_usable_ = position(tail_start_ + next_start).volume;
        return Survey::fewer_volumes;
    }
    return roots >= (purges_again ? 2U : 1U) ? Survey::done : Survey::hopeless;
}

void InterruptedArchive::note_directory(std::string_view path) {
    if (comes_before(last_directory_, path)) last_directory_ = path;
}

bool InterruptedArchive::reaches(std::string_view directory) const {
    return !comes_before(last_directory_, directory);
}

archive::StreamPosition InterruptedArchive::position(std::uint64_t absolute) const {
    archive::StreamPosition at{0, absolute};
    while (at.volume + 1 < volumes_.size() && at.offset >= volumes_[at.volume].raw_bytes) {
        at.offset -= volumes_[at.volume].raw_bytes;
        ++at.volume;
    }
    return at;
}

std::uint64_t InterruptedArchive::absolute(archive::StreamPosition position) const {
    std::uint64_t bytes = position.offset;
    for (std::uint32_t i = 0; i < position.volume; ++i) bytes += volumes_[i].raw_bytes;
    return bytes;
}

std::uint64_t InterruptedArchive::raw_bytes() const {
    return absolute({static_cast<std::uint32_t>(volumes_.size()), 0});
}

InterruptedArchive::Tail::Tail(const InterruptedArchive& archive)
    : archive_(archive),
      stream_(archive.file_->open_stream(archive.position(archive.tail_start_))),
      reader_(*stream_) {}

std::optional<archive::TarMember> InterruptedArchive::Tail::next() {
    if (archive_.tail_start_ == archive_.raw_bytes()) return std::nullopt;
    return reader_.next();
}

archive::Location InterruptedArchive::Tail::location(const archive::TarMember& member) const {
    archive::StreamPosition at = archive_.position(archive_.tail_start_ + reader_.member_offset());
    std::uint64_t length = reader_.offset() - reader_.member_offset() + whole_length(member);
    return {archive_.header_.run, at.volume, at.offset, length};
}

std::uint64_t InterruptedArchive::Tail::bytes_there() const {
    return archive_.raw_bytes() - archive_.tail_start_ - reader_.offset();
}

}  // namespace icecore::engine
