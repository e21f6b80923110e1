#include "engine/found_archives.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <set>

#include "archive/expanding_source.h"
#include "archive/volume_bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "engine/adopted_volume.h"
#include "engine/archive_order.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

constexpr std::string_view kChooseHint =
    "name the archives that belong together, oldest first: icecore adopt DIR ARCHIVE…";

/// What a name promises.
bool looks_like_archive(std::string_view name) {
    for (std::string_view suffix : {".tar", ".tgz", ".taz", ".tzst", ".txz", ".tbz2", ".tbz"})
        if (name.ends_with(suffix)) return true;
    return name.find(".tar.") != std::string_view::npos;
}

std::string shown_root(const std::string& root) {
    return root.empty() ? "\".\"" : format("\"{}\"", escape_path(root));
}

/// Whether archives of `root` can be of the set's data directory.
bool fits(const SetOptions& set, const std::string& root) {
    return root.empty() || set.data_dir == "/" + root || set.data_dir.ends_with("/" + root);
}

void refuse_other_compression(const archive::VolumeBytes& bytes, const std::string& name) {
    struct Other {
        std::string_view magic, program, suffix;
    };
    static constexpr std::array<Other, 2> kOthers = {{{"\xfd"
                                                       "7zXZ",
                                                       "xz", ".xz"},
                                                      {"BZh", "bzip2", ".bz2"}}};
    char head[8];
    std::string_view begin(head, bytes.read(head, sizeof head, 0));
    for (const Other& other : kOthers)
        if (begin.starts_with(other.magic) && looks_like_archive(name))
            throw Error(
                Error::Kind::unsupported,
                format("{} is compressed with {}, which icecore does not read", escape_path(name),
                       other.program),
                format("compress it anew and move it away: {} -dc NAME.tar{} | zstd -o NAME.tar.zst; or "
                       "name the archives to adopt",
                       other.program, other.suffix));
}

class Finder {
  public:
    Finder(const SetOptions& set, const FindRequest& request, Observer& observer)
        : set_(set), request_(request), observer_(observer) {}

    FoundArchives run() {
        std::vector<std::string> names = request_.names;
        if (names.empty()) {
            names = list_directory(request_.dir);
            std::sort(names.begin(), names.end());
        }
        refuse_repeated(names);
        // A link to an archive that is there, too, is none of its own: "latest.tar.gz".
        std::stable_partition(names.begin(), names.end(),
                              [this](const std::string& name) { return !is_symlink(name); });
        for (const std::string& name : names)
            if (is_candidate(name)) look_at(name);
        keep_those_of_the_set();
        if (out_.archives.empty()) return std::move(out_);
        put_in_order();
        for (std::size_t i = 1; i < out_.archives.size(); ++i)
            check_that_they_follow(out_.archives[i - 1], out_.archives[i]);
        find_snapshot();
        return std::move(out_);
    }

  private:
    std::string path_of(const std::string& name) const { return join_path(request_.dir, name); }

    bool is_candidate(const std::string& name) const {
        if (!request_.names.empty()) return true;
        return !name.starts_with('.') && !parse_archive_name(set_.name, name) && name != kReadmeName &&
               !name.starts_with(kCatalogName) && !name.starts_with(kOutboxName) &&
               !name.starts_with(kThawsName);
    }

    void look_at(const std::string& name) {
        FoundArchive found;
        found.name = name;
        Fd fd = open_at(AT_FDCWD, path_of(name).c_str(), O_RDONLY | O_NONBLOCK);
        if (!fd && request_.names.empty()) {
            if (looks_like_archive(name)) pass_over_unopened(name, errno);
            return;
        }
        if (!fd) throw_errno("opening " + path_of(name));
        if (!stat_at(fd.get(), "", found.stat, AT_EMPTY_PATH)) throw_errno("examining " + path_of(name));
        if (found.stat.type != FileType::regular) {
            if (!request_.names.empty())
                throw Error(Error::Kind::not_found, path_of(name) + " is no regular file");
            return;
        }
        auto [first, fresh] = seen_files_.emplace(std::pair(found.stat.dev, found.stat.ino), name);
        if (!fresh) {
            out_.passed_over.push_back({name, "it is the same file as " + first->second, false});
            return;
        }
        std::shared_ptr<const archive::VolumeBytes> bytes = archive::open_volume_file(path_of(name));
        refuse_other_compression(*bytes, name);
        std::optional<archive::Compression::Method> method = archive::recognize_archive(*bytes);
        if (!method) {
            pass_over(name, found.stat.size == 0 ? "it is empty" : "it is no tar archive");
            return;
        }
        found.method = *method;
        observer_.progress({Progress::Phase::adopting, ++seen_, found.stat.size, 0, 0, 0});
        SurveyRequest survey;
        survey.root = request_.root;
        survey.only_kind = true;
        try {
            found.survey = survey_volume(*method, bytes, survey);
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::unsupported) throw;
            throw Error(
                e.kind(), format("{}: {}", escape_path(name), e.message()),
                "archives in volumes (tar --multi-volume) cannot be adopted: extract them with tar and "
                "start anew, or name the archives to adopt");
        }
        if (found.survey.raw_bytes == 0 && !found.survey.damage.empty()) {
            pass_over(name, found.survey.damage);
            return;
        }
        out_.archives.push_back(std::move(found));
    }

    static void refuse_repeated(const std::vector<std::string>& names) {
        std::set<std::string_view> seen;
        for (const std::string& name : names)
            if (!seen.insert(name).second)
                throw Error(Error::Kind::invalid, format("{} is named twice", escape_path(name)));
    }

    bool is_symlink(const std::string& name) const {
        FileStat stat;
        return stat_at(AT_FDCWD, path_of(name).c_str(), stat) && stat.type == FileType::symlink;
    }

    /// A link to nothing is lost. What is there and cannot be read now would be missing from the chain for
    /// good.
    void pass_over_unopened(const std::string& name, int error_number) {
        if (error_number != ENOENT)
            throw Error::from_errno(
                error_number, "opening " + path_of(name),
                "make it readable; or name the archives to adopt, and do without this one");
        out_.passed_over.push_back({name, "it is a link to nothing", true});
    }

    void pass_over(const std::string& name, const std::string& reason) {
        bool named = !request_.names.empty();
        if (named || looks_like_archive(name)) out_.passed_over.push_back({name, reason, true});
    }

    void keep_those_of_the_set() {
        std::set<std::string> others;
        std::vector<FoundArchive> kept;
        for (FoundArchive& found : out_.archives) {
            const std::string& root = found.survey.root;
            bool right = request_.root ? found.survey.members > found.survey.outside : fits(set_, root);
            if (right) {
                kept.push_back(std::move(found));
                continue;
            }
            others.insert(shown_root(root));
            out_.passed_over.push_back(
                {found.name, format("it is of {}, not of {}", shown_root(root), set_.data_dir), false});
        }
        out_.archives = std::move(kept);
        if (!out_.archives.empty() || others.empty()) return;
        std::string list;
        for (const std::string& other : others) list += (list.empty() ? "" : ", ") + other;
        throw Error(Error::Kind::invalid,
                    format("the archives in {} are of {}, but the data directory is {}", request_.dir, list,
                           set_.data_dir),
                    "if it is the same tree, say so: --root DIRECTORY, as the archives name it");
    }

    void put_in_order() {
        std::vector<DatedName> dated;
        for (const FoundArchive& found : out_.archives) dated.push_back({found.name, found.stat.mtime});
        order_by_time(dated);
        std::vector<FoundArchive> ordered;
        for (const DatedName& next : dated) {
            auto found = std::find_if(out_.archives.begin(), out_.archives.end(),
                                      [&](const FoundArchive& a) { return a.name == next.name; });
            found->time = next.time;
            found->time_from_name = next.time_from_name;
            if (request_.names.empty()) ordered.push_back(std::move(*found));
        }
        if (request_.names.empty()) out_.archives = std::move(ordered);
        out_.root = out_.archives[0].survey.root;
    }

    static std::set<std::string> names_of(const FoundArchive& found) {
        std::set<std::string> names;
        for (const archive::Dumpdir::Entry& entry : found.survey.root_listing.entries)
            names.insert(entry.name);
        return names;
    }

    void check_that_they_follow(const FoundArchive& before, const FoundArchive& after) const {
        if (after.survey.root != out_.root)
            throw Error(Error::Kind::invalid,
                        format("{} is of {}, {} is of {}", escape_path(out_.archives[0].name),
                               shown_root(out_.root), escape_path(after.name), shown_root(after.survey.root)),
                        std::string(kChooseHint));
        if (!after.survey.incremental || !after.survey.root_listing.renames.empty()) return;
        std::set<std::string> old = names_of(before);
        std::set<std::string> now = names_of(after);
        bool common = std::any_of(now.begin(), now.end(), [&](auto& name) { return old.contains(name); });
        if (common || old.empty() || now.empty()) return;
        throw Error(Error::Kind::invalid,
                    format("{} is incremental, but not on {}: they have not one name in common",
                           escape_path(after.name), escape_path(before.name)),
                    std::string(kChooseHint));
    }

    void find_snapshot() {
        if (!request_.snapshot.empty()) {
            read_snapshot(request_.snapshot);
            return;
        }
        std::vector<std::string> names = list_directory(request_.dir);
        std::sort(names.begin(), names.end());
        if (std::find(names.begin(), names.end(), kSnarName) != names.end()) {
            read_snapshot(std::string(kSnarName));
            return;
        }
        for (const std::string& name : names)
            if ((name.ends_with(".snar") || name.ends_with(".snap")) && !name.starts_with('.')) {
                FoundSnapshot last = out_.snapshot.value_or(FoundSnapshot{});
                read_snapshot(name);
                if (!last.name.empty() && last.run_time > out_.snapshot->run_time) out_.snapshot = last;
            }
    }

    void read_snapshot(const std::string& name) {
        FoundSnapshot& snapshot = out_.snapshot.emplace();
        snapshot.name = name;
        try {
            bool elsewhere = name.find('/') != std::string::npos;
            archive::Snar snar = archive::parse_snar(read_file(elsewhere ? name : path_of(name)));
            snapshot.format = snar.format;
            snapshot.run_time = snar.run_time;
            for (const archive::SnarDirectory& directory : snar.directories) {
                std::optional<std::string> path =
                    path_below(archive::path_of_member(directory.name), out_.root);
                if (!path) continue;
                std::vector<std::string> entries;
                for (const auto& [flag, entry] : directory.entries) entries.push_back(entry);
                std::uint64_t hash = snar.format == 2 ? hash_of_names(std::move(entries)) : 0;
                snapshot.directories[*path] = {directory.ino, hash};
            }
        } catch (const Error& e) {
            if (e.kind() == Error::Kind::not_found && !request_.snapshot.empty()) throw;
            snapshot.problem = e.message();
        }
    }

    const SetOptions& set_;
    const FindRequest& request_;
    Observer& observer_;
    FoundArchives out_;
    std::uint64_t seen_ = 0;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> seen_files_;  ///< by device and inode
};

}  // namespace

FoundArchives find_archives(const SetOptions& set, const FindRequest& request, Observer& observer) {
    return Finder(set, request, observer).run();
}

std::uint64_t hash_of_names(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    std::string all;
    for (const std::string& name : names) all.append(name).append(1, '\0');
    return std::max<std::uint64_t>(std::hash<std::string>()(all), 1);
}

}  // namespace icecore::engine
