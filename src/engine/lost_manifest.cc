#include "engine/lost_manifest.h"

#include <fcntl.h>

#include <array>
#include <set>

#include "archive/dumpdir.h"
#include "archive/frame.h"
#include "archive/tar_reader.h"
#include "archive/volume.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/rename_replay.h"
#include "engine/run_recorder.h"

namespace icecore::engine {
namespace {

using archive::Compression;
using archive::TarMember;

constexpr std::string_view kDeepName = "./.icecore-deep-";

/// The method by the name of volume 0; its level is not known any more.
archive::Compression compression_of(const SetOptions& set, const std::string& stem) {
    using enum Compression::Method;
    for (auto [method, text] : {std::pair{zstd, "zstd"}, {gzip, "gzip"}, {none, "none"}})
        if (path_exists(join_path(set.backup_dir, stem + std::string(archive::archive_suffix(method)))))
            return archive::parse_compression(text);
    throw Error(Error::Kind::not_found, format("the archive {} is missing, too", stem));
}

class Recovery {
  public:
    Recovery(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
             const LostManifest& lost)
        : set_(set), catalog_(catalog) {
        header_.set = set.name;
        header_.host = env.host;
        header_.run = lost.run;
        header_.kind = lost.kind;
        header_.started =
            parse_utc(std::string_view(lost.stem).substr(lost.stem.rfind('-') + 1)).value_or(Timestamp{});
        header_.program = env.program_version;
        header_.compression = compression_of(set, lost.stem);
        header_.archive_name = lost.stem + std::string(archive::archive_suffix(header_.compression.method));
        header_.chain = lost.run;
        if (lost.kind == archive::RunKind::full) {
            header_.reason = "the manifest was lost, and made again from the archive";
        } else {
            std::optional<catalog::Run> parent = catalog.last_run();
            CHECK(parent.has_value());
            header_.parent = parent->number();
            header_.chain = parent->header.chain;
        }
        examine_volumes();
        read_root();
        std::string name = lost.stem + ".manifest.zst";
        record_ = std::make_unique<RunRecorder>(env, set.backup_dir, name, catalog, header_, nullptr);
    }

    std::uint64_t run() {
        for (const archive::VolumeInfo& volume : volumes_) {
            Fd fd = open_file(join_path(set_.backup_dir, volume.name), O_RDONLY);
            record_->volume(
                volume, archive::read_seek_table(header_.compression.method, fd.get(), volume.stored_bytes));
        }
        record_renames();
        if (header_.kind == archive::RunKind::incremental) record_deletions();
        record_members();
        record_->seal();
        return entries_;
    }

  private:
    void examine_volumes() {
        for (std::uint32_t number = 0;; ++number) {
            std::string name = archive::volume_name(header_.archive_name, number);
            if (!path_exists(join_path(set_.backup_dir, name))) break;
            volumes_.push_back(archive::examine_volume(set_.backup_dir, header_.archive_name,
                                                       header_.compression.method, number));
        }
        file_ = std::make_unique<archive::ArchiveFile>(set_.backup_dir, header_.compression.method, volumes_);
    }

    /// Calls `visit` with each member and the reader that stands at its content.
    template <typename Visit>
    void for_each_member(Visit visit) const {
        std::unique_ptr<archive::ByteSource> stream = file_->open_stream({});
        archive::TarReader reader(*stream);
        while (std::optional<TarMember> member = reader.next())
            if (!visit(*member, reader)) return;
    }

    /// The first record of the root, with the renames.
    void read_root() {
        bool found = false;
        for_each_member([&](const TarMember& member, archive::TarReader&) {
            if (member.name.starts_with(kDeepName))
                throw Error(Error::Kind::unsupported,
                            "its archive has paths beyond 3,700 bytes, which have other names there");
            if (member.type != FileType::directory || !path_of_member(member.name).empty()) return true;
            root_ = archive::parse_dumpdir(member.dumpdir.value_or(std::string(1, '\0')));
            found = true;
            return false;
        });
        if (!found) throw Error(Error::Kind::corrupt, "its archive has no record of the data directory");
    }

    void record_renames() {
        std::set<std::string> kept;
        for (const archive::Dumpdir::Entry& entry : root_.entries) kept.insert(entry.name);
        auto exists = [this](const std::string& path) {
            return catalog_.lookup(header_.parent, path).has_value();
        };
        NetRenames net = replay_renames(root_.renames, exists, kept);
        for (const archive::ManifestRename& rename : net.renames) record_->rename(rename);
        for (const std::string& path : net.anew) record_->anew({path});
    }

    /// Whatever is in a directory and not in its listing, or there as something else, is removed.
    void record_deletions() {
        for_each_member([&](const TarMember& member, archive::TarReader&) {
            if (member.type != FileType::directory || !member.dumpdir) return true;
            std::string path = path_of_member(member.name);
            std::optional<catalog::Entry> there = record_->tree().find(path);
            if (!there || there->node == 0) return true;  // new
            std::map<std::string, bool, std::less<>> listed;
            for (archive::Dumpdir::Entry& entry : archive::parse_dumpdir(*member.dumpdir).entries)
                listed[std::move(entry.name)] = entry.flag == 'D';
            std::vector<std::string> gone;
            record_->tree().list(path, [&](const catalog::Entry& child) {
                auto it = listed.find(child.name);
                if (it == listed.end() || it->second != (child.node != 0)) gone.push_back(child.name);
            });
            for (const std::string& name : gone) record_->remove({join_path(path, name)});
            return true;
        });
    }

    void record_members() {
        bool root_seen = false;
        for_each_member([&](const TarMember& member, archive::TarReader& reader) {
            bool root = member.type == FileType::directory && path_of_member(member.name).empty();
            if (root && std::exchange(root_seen, true)) return true;  // its second record
            std::uint64_t content = archive::content_bytes(member);
            archive::Location location = place(reader.member_offset());
            location.length_bytes =
                reader.offset() - reader.member_offset() + content + archive::padding(content);
            record_->put_member(member, reader, location);
            ++entries_;
            return true;
        });
    }

    archive::Location place(std::uint64_t offset) const {
        std::uint32_t volume = 0;
        while (volume + 1 < volumes_.size() && offset >= volumes_[volume].raw_bytes)
            offset -= volumes_[volume++].raw_bytes;
        return {header_.run, volume, offset, 0};
    }

    const SetOptions& set_;
    catalog::Catalog& catalog_;
    archive::ManifestHeader header_;
    std::vector<archive::VolumeInfo> volumes_;
    std::unique_ptr<archive::ArchiveFile> file_;
    archive::Dumpdir root_;
    std::unique_ptr<RunRecorder> record_;
    std::uint64_t entries_ = 0;
};

}  // namespace

std::uint64_t recover_manifest(const Environment& env, const SetOptions& set, catalog::Catalog& catalog,
                               const LostManifest& lost) {
    try {
        return Recovery(env, set, catalog, lost).run();
    } catch (Error& e) {
        e.add_context(format("making the manifest of run {} again", lost.run));
        throw;
    }
}

}  // namespace icecore::engine
