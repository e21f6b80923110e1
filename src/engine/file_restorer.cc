#include "engine/file_restorer.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/content.h"
#include "engine/spool.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;
/// What our writer makes at most; a hostile map must not take more.
constexpr std::size_t kSparseRegionsMax = 1'000'000 + 1;

constexpr const char* kDiffers = "SHA-256 differs: the archive is damaged here, the file was not restored";

/// nullopt for what is no member of any file, too: where in it the damage is helps nobody.
std::optional<archive::TarMember> next_member(archive::TarReader& tar) {
    try {
        return tar.next();
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::unsupported) throw;
        return std::nullopt;
    }
}

}  // namespace

struct FileRestorer::Wanted {
    FileStat stat;
    Digest sha256;
    bool sparse = false;
    bool fresh = false;
    std::string link_target;
    Metadata metadata;

    /// Whether names with both can be names of one file.
    bool same_file(const Wanted& other) const {
        return stat.type == other.stat.type && stat.size == other.stat.size && sha256 == other.sha256 &&
               sparse == other.sparse && link_target == other.link_target;
    }
};

/// The name that the others are linked to.
struct FileRestorer::Made {
    std::string path;  ///< empty: none yet
    Wanted wanted;
};

RestoreCounts& RestoreCounts::operator+=(const RestoreCounts& other) {
    files += other.files;
    unchanged += other.unchanged;
    kept += other.kept;
    bytes += other.bytes;
    return *this;
}

std::string encode_wanted(const catalog::Entry& entry, bool fresh) {
    RecordWriter out;
    out.stat(entry.stat).digest(entry.sha256).number((entry.sparse ? 1U : 0U) + (fresh ? 2U : 0U));
    out.text(entry.link_target).text(entry.metadata);
    return std::string(out.view());
}

FileRestorer::Wanted FileRestorer::decode_wanted(std::string_view payload) {
    RecordReader in(payload);
    Wanted wanted;
    wanted.stat = in.stat();
    wanted.sha256 = in.digest();
    std::uint64_t flags = in.number();
    wanted.sparse = (flags & 1) != 0;
    wanted.fresh = (flags & 2) != 0;
    wanted.link_target = in.text();
    wanted.metadata = decode_metadata(in.text());
    return wanted;
}

FileRestorer::FileRestorer(TargetTree& tree, OnProblem on_problem)
    : tree_(tree), on_problem_(std::move(on_problem)) {}
FileRestorer::~FileRestorer() = default;

FileRestorer::Directory& FileRestorer::directory_of(const std::string& path) {
    std::string_view parent = parent_path(path);
    if (!dir_.fd || dir_path_ != parent) {
        dir_ = {};
        dir_ = tree_.open_directory(parent);
        dir_path_ = parent;
    }
    return dir_;
}

RestoreCounts FileRestorer::restore(const std::shared_ptr<archive::ArchiveFile>& archive,
                                    std::span<const Item> names) {
    if (archive_ != archive) {
        streams_.clear();
        archive_ = archive;
    }
    RestoreCounts counts;
    Made made;
    std::vector<bool> done(names.size());
    find_present(names, done, made, counts);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (done[i]) continue;
        try {
            Wanted wanted = decode_wanted(names[i].payload);
            if (!made.path.empty() && wanted.same_file(made.wanted))
                link_one(names[i], wanted, made, counts);
            else
                restore_one(names[i], wanted, made, counts);
        } catch (const Error& e) {
            on_problem_(names[i].path, e.message());
        }
    }
    return counts;
}

/// Looks for names that are what they should be: those of one file that has no names beside them.
void FileRestorer::find_present(std::span<const Item> names, std::vector<bool>& done, Made& made,
                                RestoreCounts& counts) {
    if (tree_.overwrite() == Overwrite::never) return;
    std::vector<std::optional<FileStat>> there(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        try {
            Wanted wanted = decode_wanted(names[i].payload);
            FileStat stat;
            if (wanted.fresh || !is_present(names[i].path, wanted, stat)) continue;
            there[i] = stat;
            if (i == 0 || made.wanted.sha256.empty()) made.wanted = std::move(wanted);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it comes again when the name is made
        }
    }
    for (const std::optional<FileStat>& file : there) {
        if (!file) continue;
        auto is_name = [&](const std::optional<FileStat>& other) {
            return other && other->ino == file->ino && other->dev == file->dev;
        };
        auto count = static_cast<std::uint32_t>(std::count_if(there.begin(), there.end(), is_name));
        // Of a group of which one name was asked for, the others may be there.
        std::uint32_t recorded = names.size() == 1 ? made.wanted.stat.nlink : 1;
        if (file->nlink > std::max(count, recorded)) continue;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!is_name(there[i])) continue;
            done[i] = true;
            ++counts.unchanged;
            if (made.path.empty()) {
                made.path = names[i].path;
                made.wanted = decode_wanted(names[i].payload);
            }
        }
        return;
    }
}

bool FileRestorer::is_present(const std::string& path, const Wanted& wanted, FileStat& there) {
    Directory& dir = directory_of(path);
    std::string name(base_name(path));
    return stat_at(dir.fd.get(), name.c_str(), there) &&
           tree_.is_same(dir, name, there, wanted.stat, wanted.link_target, wanted.metadata);
}

/// Whether the name is to be made; false if what is there stays without ado.
bool FileRestorer::clear_to_make(Directory& dir, const std::string& name, const Wanted& wanted,
                                 RestoreCounts& counts) {
    FileStat there;
    if (wanted.fresh || !stat_at(dir.fd.get(), name.c_str(), there)) return true;
    if (tree_.may_replace(there, wanted.stat)) return true;
    ++counts.kept;
    return false;
}

bool FileRestorer::needs_content(std::span<const Item> names) {
    RestoreCounts ignored;
    Made made;
    std::vector<bool> done(names.size());
    find_present(names, done, made, ignored);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (done[i]) continue;
        Wanted wanted = decode_wanted(names[i].payload);
        bool link = !made.path.empty() && wanted.same_file(made.wanted);
        if (!link && is_to_be_made(names[i], wanted)) return true;
    }
    return false;
}

/// What cannot be told now is.
bool FileRestorer::is_to_be_made(const Item& item, const Wanted& wanted) {
    RestoreCounts ignored;
    try {
        return clear_to_make(directory_of(item.path), std::string(base_name(item.path)), wanted, ignored);
    } catch (const Error& e) {
        return e.kind() != Error::Kind::exists;
    }
}

void FileRestorer::restore_one(const Item& item, const Wanted& wanted, Made& made, RestoreCounts& counts) {
    Directory& dir = directory_of(item.path);
    std::string name(base_name(item.path));
    if (!clear_to_make(dir, name, wanted, counts)) return;
    if (wanted.stat.type == FileType::regular) {
        restore_content(item, wanted, dir, name);
        counts.bytes += wanted.stat.size;
    } else if (!tree_.make_special(dir, name, wanted.stat, wanted.link_target, wanted.metadata)) {
        return;
    }
    ++counts.files;
    made = {item.path, wanted};
}

void FileRestorer::link_one(const Item& item, const Wanted& wanted, const Made& made, RestoreCounts& counts) {
    Directory existing = tree_.open_directory(parent_path(made.path));
    std::string existing_name(base_name(made.path));
    Directory& dir = directory_of(item.path);
    std::string name(base_name(item.path));
    FileStat file;
    FileStat there;
    if (!wanted.fresh && stat_at(existing.fd.get(), existing_name.c_str(), file) &&
        stat_at(dir.fd.get(), name.c_str(), there) && there.ino == file.ino && there.dev == file.dev) {
        ++counts.unchanged;
        return;
    }
    if (!clear_to_make(dir, name, wanted, counts)) return;
    tree_.make_hard_link(existing, existing_name, dir, name);
    ++counts.files;
}

RestoreCounts FileRestorer::restore_special(const std::string& path, const catalog::Entry& entry,
                                            bool fresh) {
    RestoreCounts counts;
    Wanted wanted{entry.stat, {}, false, fresh, entry.link_target, decode_metadata(entry.metadata)};
    FileStat there;
    if (!fresh && tree_.overwrite() != Overwrite::never && is_present(path, wanted, there)) {
        ++counts.unchanged;
        return counts;
    }
    Directory& dir = directory_of(path);
    std::string name(base_name(path));
    if (clear_to_make(dir, name, wanted, counts) &&
        tree_.make_special(dir, name, wanted.stat, wanted.link_target, wanted.metadata))
        ++counts.files;
    return counts;
}

/// A source whose frames are sound and yet hold something else is as good as a damaged one. If no source has
/// the file, the first one's Error tells why.
void FileRestorer::restore_content(const Item& item, const Wanted& wanted, Directory& dir,
                                   const std::string& name) {
    std::optional<Error> first;
    for (std::size_t source = 0; source < archive_->source_count(); ++source) {
        try {
            return restore_content_from(source, item, wanted, dir, name);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt && e.kind() != Error::Kind::not_found) throw;
            if (!first) first = e;
        }
    }
    throw Error(*first);
}

archive::ArchiveStream& FileRestorer::stream_at(std::size_t source, const archive::Location& at) {
    streams_.resize(archive_->source_count());
    std::unique_ptr<archive::ArchiveStream>& stream = streams_[source];
    if (stream == nullptr)
        stream = archive_->open_stream({at.volume, at.offset}, source);
    else
        stream->seek({at.volume, at.offset});
    return *stream;
}

void FileRestorer::differs(const char* what, const Item& item, std::size_t source) const {
    throw Error(Error::Kind::corrupt,
                format("{}: {}", archive_->volume_text(item.location.volume, source), what));
}

void FileRestorer::restore_content_from(std::size_t source, const Item& item, const Wanted& wanted,
                                        Directory& dir, const std::string& name) {
    archive::ArchiveStream& stream = stream_at(source, item.location);
    std::string_view at_hand = stream.peek();
    archive::TarReader::Limits limits{.dumpdir_bytes_max = 0, .sparse_regions_max = kSparseRegionsMax};
    archive::StringSource in_frame(at_hand);
    bool whole = item.location.length_bytes <= at_hand.size();
    archive::TarReader tar(whole ? static_cast<archive::ByteSource&>(in_frame) : stream, limits);
    std::optional<archive::TarMember> member = next_member(tar);
    if (!member || member->type != FileType::regular || member->hard_link ||
        member->size_bytes != wanted.stat.size || member->sparse.has_value() != wanted.sparse)
        differs("it holds something else at this file's place", item, source);
    if (whole && !member->sparse) {
        // Its bytes lie in the frame: nothing is made before they are known to be right.
        std::uint64_t left = at_hand.size() - tar.offset();
        if (member->size_bytes > left) differs("its content ends too early", item, source);
        std::string_view content = at_hand.substr(static_cast<std::size_t>(tar.offset()),
                                                  static_cast<std::size_t>(wanted.stat.size));
        if (sha256(content) != wanted.sha256) differs(kDiffers, item, source);
        TargetTree::NewFile file(tree_, dir, name);
        write_full(file.fd(), content);
        file.place(wanted.stat, wanted.metadata);
        return;
    }
    TargetTree::NewFile file(tree_, dir, name);
    if (copy_content(tar, *member, wanted, file.fd()) != wanted.sha256) differs(kDiffers, item, source);
    file.place(wanted.stat, wanted.metadata);
}

Digest FileRestorer::copy_content(archive::TarReader& tar, const archive::TarMember& member,
                                  const Wanted& wanted, int fd) {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kCopyBytes);
    Sha256 hash;
    std::vector<archive::SparseRegion> whole = {{0, member.size_bytes}};
    if (member.sparse) {
        hash.update(sparse_map_block(*member.sparse));
        if (ftruncate(fd, static_cast<off_t>(wanted.stat.size)) != 0) throw_errno("setting the size");
    }
    for (const archive::SparseRegion& region : member.sparse ? *member.sparse : whole) {
        std::uint64_t offset = region.offset;
        std::uint64_t left = region.length_bytes;
        while (left > 0) {
            std::size_t n = tar.read_content(
                buffer_.get(), static_cast<std::size_t>(std::min<std::uint64_t>(left, kCopyBytes)));
            if (n == 0) throw Error(Error::Kind::corrupt, "its content ends too early");
            hash.update({buffer_.get(), n});
            pwrite_full(fd, {buffer_.get(), n}, offset);
            offset += n;
            left -= n;
        }
    }
    return hash.finish();
}

}  // namespace icecore::engine
