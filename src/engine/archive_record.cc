#include "engine/archive_record.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "archive/dumpdir.h"
#include "archive/tar_reader.h"
#include "archive/volume.h"
#include "base/error.h"
#include "base/format.h"
#include "base/metadata.h"
#include "base/text.h"
#include "engine/archive_survey.h"
#include "engine/rename_replay.h"
#include "engine/run_recorder.h"
#include "engine/spool.h"

namespace icecore::engine {
namespace {

using archive::TarMember;

constexpr std::string_view kDeepName = "./.icecore-deep-";
constexpr std::size_t kExamplesMax = 5;
constexpr std::size_t kNeverStoredMax = 100'000;
constexpr std::uint64_t kProgressStep = 1024;

std::vector<archive::VolumeInfo> infos(const std::vector<RecordedVolume>& volumes) {
    std::vector<archive::VolumeInfo> out;
    for (const RecordedVolume& volume : volumes) out.push_back(volume.info);
    return out;
}

/// What tar gives a directory that it has to make without being told of it.
archive::ManifestEntry unlisted_directory(std::string path, Timestamp when) {
    archive::ManifestEntry entry;
    entry.path = std::move(path);
    entry.stat.type = FileType::directory;
    entry.stat.mode = 0755;
    entry.stat.mtime = when;
    entry.racy = true;
    return entry;
}

class Record {
  public:
    Record(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
           const archive::ManifestHeader& header, const std::vector<RecordedVolume>& volumes,
           const ArchiveRecordOptions& options)
        : env_(env),
          set_(set),
          catalog_(catalog),
          header_(header),
          volumes_(infos(volumes)),
          options_(options),
          root_(header.adopted ? header.adopted->root : ""),
          file_(set.backup_dir, header.form(), volumes_),
          listings_(set.backup_dir) {
        read_listings();
        std::string name = header.archive_name;
        name.resize(name.size() - archive::archive_suffix(header.compression.method).size());
        record_ = std::make_unique<RunRecorder>(env, set.backup_dir, name + ".manifest.zst", catalog, header,
                                                options.log);
        for (const RecordedVolume& volume : volumes) record_->volume(volume.info, volume.frames);
    }

    ArchiveRecordResult run() {
        record_renames();
        if (is_incremental()) record_deletions();
        record_members();
        add_made_directories();
        if (header_.adopted) look_for_what_is_not_stored();
        out_.trailer = record_->seal();
        return std::move(out_);
    }

  private:
    bool is_incremental() const { return header_.kind == archive::RunKind::incremental; }

    /// A first look at the archive: the root's record, and the listings of all directories.
    void read_listings() {
        std::unique_ptr<archive::ByteSource> stream = file_.open_stream({});
        SurveyRequest request;
        request.root = root_;
        request.on_member = [&](const TarMember& member) {
            if (!header_.adopted && member.name.starts_with(kDeepName))
                throw Error(Error::Kind::unsupported,
                            "its archive has paths beyond 3,700 bytes, which have other names there");
        };
        request.on_directory = [&](const std::string& path, std::string_view dumpdir) {
            RecordWriter record;
            record.text(path).text(dumpdir);
            listings_.append(record.view());
        };
        survey_ = survey_archive(*stream, request);
        out_.outside = survey_.outside;
        if (header_.adopted) return;
        if (!survey_.damage.empty()) throw Error(Error::Kind::corrupt, survey_.damage);
        if (!survey_.root_known)
            throw Error(Error::Kind::corrupt, "its archive has no record of the data directory");
    }

    /// Calls `visit` with each directory's path and listing, in the archive's order.
    template <typename Visit>
    void for_each_listing(Visit visit) {
        Spool::Reader reader(listings_);
        for (std::string_view bytes; reader.next(bytes);) {
            RecordReader record(bytes);
            std::string path(record.text());
            visit(path, archive::parse_dumpdir(record.text()));
        }
    }

    void record_renames() {
        std::set<std::string> kept;
        for (const archive::Dumpdir::Entry& entry : survey_.root_listing.entries) kept.insert(entry.name);
        RenamedTree tree;
        tree.is_directory = [this](const std::string& path) -> std::optional<bool> {
            std::optional<catalog::Entry> entry;
            if (is_incremental()) entry = catalog_.lookup(header_.parent, path);
            if (!entry) return std::nullopt;
            return entry->node != 0;
        };
        tree.names = [this](const std::string& path) {
            std::vector<std::string> names;
            std::optional<catalog::Entry> entry = catalog_.lookup(header_.parent, path);
            if (entry)
                catalog_.children(entry->node, header_.parent,
                                  [&](const catalog::Entry& child) { names.push_back(child.name); });
            return names;
        };
        renames_ = replay_renames(renames_below_root(), tree, kept);
        if (!renames_.failure.empty() && !header_.adopted)
            throw Error(Error::Kind::corrupt, "the archive cannot be extracted: " + renames_.failure);
        out_.failed_rename = renames_.failure;
        made_.insert(renames_.made.begin(), renames_.made.end());
        for (const archive::ManifestRename& rename : renames_.renames) {
            record_->rename(rename);
            follow(rename);
        }
        for (const std::string& path : renames_.anew) record_->anew({path});
    }

    std::vector<archive::Dumpdir::Rename> renames_below_root() const {
        std::vector<archive::Dumpdir::Rename> out;
        for (const archive::Dumpdir::Rename& rename : survey_.root_listing.renames) {
            std::optional<std::string> from = path_below(archive::path_of_member(rename.from), root_);
            std::optional<std::string> to = path_below(archive::path_of_member(rename.to), root_);
            if (to && rename.from.empty()) out.push_back({{}, *to});
            if (from && to && !rename.from.empty()) out.push_back({*from, *to});
        }
        return out;
    }

    void follow(const archive::ManifestRename& rename) {
        if (options_.never_stored == nullptr) return;
        std::vector<std::string> moved;
        for (const std::string& path : *options_.never_stored)
            if (is_below(path, rename.from)) moved.push_back(path);
        for (const std::string& path : moved)
            options_.never_stored->insert(rename.to + path.substr(rename.from.size()));
    }

    /// Whatever is in a directory and not in its listing, or there as something else, is removed.
    void record_deletions() {
        for_each_listing([&](const std::string& path, const archive::Dumpdir& listing) {
            std::map<std::string, char, std::less<>> listed;
            for (const archive::Dumpdir::Entry& entry : listing.entries) listed[entry.name] = entry.flag;
            std::vector<std::string> gone;
            std::optional<catalog::Entry> there = record_->tree().find(path);
            if (there && there->node != 0) {
                record_->tree().list(path, [&](const catalog::Entry& child) {
                    auto it = listed.find(child.name);
                    bool directory = child.node != 0;
                    if (it == listed.end() || it->second == (directory ? 'Y' : 'D'))
                        gone.push_back(child.name);
                    else if (it->second == 'N')
                        listed.erase(it);
                });
            }
            if (!path.empty() || renames_.failure.empty())
                for (const std::string& name : gone) record_->remove({join_path(path, name)});
            for (const auto& [name, flag] : listed)
                if (flag == 'N' && header_.adopted) note_lost(join_path(path, name));
        });
    }

    void note_lost(const std::string& path) {
        if (options_.never_stored != nullptr && options_.never_stored->contains(path)) return;
        record_->problem(
            {path, "it was unchanged in this run, but no archive before it that is here holds it"});
        add_example(path);
        ++out_.lost;
    }

    void add_example(const std::string& path) {
        if (out_.examples.size() < kExamplesMax) out_.examples.push_back(path);
    }

    void record_members() {
        std::unique_ptr<archive::ByteSource> stream = file_.open_stream({});
        archive::TarReader reader(*stream);
        bool root_seen = false;
        while (std::optional<TarMember> member = reader.next()) {
            if (header_.adopted && !bring_below_root(*member, root_)) continue;
            bool root = member->type == FileType::directory && archive::path_of_member(member->name).empty();
            // Ours may have a second record of the root.
            if (root && std::exchange(root_seen, true) && !header_.adopted) continue;
            std::uint64_t content = archive::content_bytes(*member);
            archive::Location location = place(reader.member_offset());
            location.length_bytes =
                reader.offset() - reader.member_offset() + content + archive::padding(content);
            if (header_.adopted && !can_be_extracted(*member)) continue;
            std::uint64_t ino = 0;
            if (member->type == FileType::directory && options_.inode_of)
                ino = options_.inode_of(archive::path_of_member(member->name));
            record_->put_member(*member, reader, location, ino);
            if (++out_.entries % kProgressStep == 0) tell_progress(reader.offset());
        }
        if (!root_seen && !is_incremental()) record_->put_directory(unlisted_directory("", header_.started));
        tell_progress(reader.offset());
    }

    void tell_progress(std::uint64_t bytes) const {
        if (options_.observer != nullptr)
            options_.observer->progress({Progress::Phase::adopting, out_.entries, bytes, 0, 0, 0});
    }

    /// Whether tar's extractor gets this member to its place. Directories that it needs are made.
    bool can_be_extracted(TarMember& member) {
        std::string path = archive::path_of_member(member.name);
        if (path.empty()) return member.type == FileType::directory;
        if (is_below_a_file(path)) return refuse(path, "what should be the directory that it is in is none");
        make_parents(std::string(parent_path(path)));
        std::optional<catalog::Entry> there = record_->tree().find(path);
        bool directory_there = there && there->node != 0;
        if (member.type == FileType::directory) {
            made_.erase(path);
            if (directory_there) keep_attributes(*there, member);
            return true;
        }
        if (directory_there) {
            bool empty = true;
            record_->tree().list(path, [&](const catalog::Entry&) { empty = false; });
            if (!empty) return refuse(path, "a directory is in its place, and not empty");
        }
        if (!member.hard_link) return true;
        std::optional<catalog::Entry> target =
            record_->tree().find(archive::path_of_member(member.link_target));
        if (!target || target->node != 0)
            return refuse(path, format("it is a hard link to \"{}\", which is not there",
                                       escape_path(archive::path_of_member(member.link_target))));
        return true;
    }

    bool is_below_a_file(std::string path) {
        while (!path.empty()) {
            path = parent_path(path);
            if (path == last_parent_) return false;
            std::optional<catalog::Entry> there = record_->tree().find(path);
            if (there) return there->node == 0;
        }
        return false;
    }

    bool refuse(const std::string& path, const std::string& why) {
        record_->problem({path, why});
        ++out_.not_stored;
        add_example(path);
        return false;
    }

    void make_parents(const std::string& path) {
        if (path == last_parent_) return;
        last_parent_ = path;
        if (path.empty()) return;
        std::optional<catalog::Entry> there = record_->tree().find(path);
        if (there && there->node != 0) return;
        make_parents(std::string(parent_path(path)));
        last_parent_ = path;
        record_->put_directory(unlisted_directory(path, header_.started));
    }

    /// tar sets extended attributes and removes none.
    static void keep_attributes(const catalog::Entry& there, TarMember& member) {
        auto& xattrs = member.metadata.xattrs;
        for (auto& old : decode_metadata(there.metadata).xattrs) {
            auto same_name = [&](const auto& xattr) { return xattr.first == old.first; };
            if (std::none_of(xattrs.begin(), xattrs.end(), same_name)) xattrs.push_back(std::move(old));
        }
        std::sort(xattrs.begin(), xattrs.end());
    }

    /// What was made on the way to a rename's target, and has no member.
    void add_made_directories() {
        if (!header_.adopted) return;
        for (const std::string& path : made_)
            if (record_->tree().find(path))  // else nothing was moved there, or it was purged
                record_->put_directory(unlisted_directory(path, header_.started));
    }

    /// Names that are listed as stored here, and are not.
    void look_for_what_is_not_stored() {
        const bool damaged = !header_.adopted->damage.empty();
        for_each_listing([&](const std::string& path, const archive::Dumpdir& listing) {
            std::set<std::string> missing;
            for (const archive::Dumpdir::Entry& entry : listing.entries)
                if (entry.flag == 'Y' || (entry.flag == 'N' && !is_incremental())) missing.insert(entry.name);
            std::optional<catalog::Entry> there = record_->tree().find(path);
            if (missing.empty() || !there || there->node == 0) return;
            record_->tree().list(path, [&](const catalog::Entry& child) {
                if (child.added == header_.run) missing.erase(child.name);
            });
            for (const archive::Dumpdir::Entry& entry : listing.entries)
                if (missing.contains(entry.name))
                    note_not_stored(join_path(path, entry.name), entry.flag, damaged);
        });
    }

    void note_not_stored(const std::string& path, char flag, bool damaged) {
        if (flag == 'N') return note_lost(path);
        bool there = record_->tree().find(path).has_value();
        if (damaged) {
            record_->problem({path, there
                                        ? "lost to the archive's damage; what an earlier run has of it stays"
                                        : "lost to the archive's damage"});
        } else if (options_.log != nullptr) {
            options_.log->problem(path, "not in the archive: a socket, or tar could not read it");
        }
        if (!there && options_.never_stored != nullptr && options_.never_stored->size() < kNeverStoredMax)
            options_.never_stored->insert(path);
        add_example(path);
        ++out_.not_stored;
    }

    archive::Location place(std::uint64_t offset) const {
        std::uint32_t volume = 0;
        while (volume + 1 < volumes_.size() && offset >= volumes_[volume].raw_bytes)
            offset -= volumes_[volume++].raw_bytes;
        return {header_.run, volume, offset, 0};
    }

    const Environment& env_;
    const SetOptions& set_;
    catalog::Catalog& catalog_;
    const archive::ManifestHeader& header_;
    const std::vector<archive::VolumeInfo> volumes_;
    const ArchiveRecordOptions& options_;
    const std::string root_;
    archive::ArchiveFile file_;
    Spool listings_;  ///< of directories: path, encoded dumpdir
    ArchiveSurvey survey_;
    NetRenames renames_;
    std::set<std::string> made_;  ///< of renames_, without those that had a member
    std::unique_ptr<RunRecorder> record_;
    std::string last_parent_;
    ArchiveRecordResult out_;
};

}  // namespace

ArchiveRecordResult record_archive(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                                   const archive::ManifestHeader& header,
                                   const std::vector<RecordedVolume>& volumes,
                                   const ArchiveRecordOptions& options) {
    return Record(env, set, catalog, header, volumes, options).run();
}

}  // namespace icecore::engine
