#include "engine/archive_survey.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

class Survey {
  public:
    Survey(archive::ByteSource& source, const SurveyRequest& request)
        : source_(source), request_(request), reader_(source) {
        if (request.root) out_.root = *request.root;
    }

    ArchiveSurvey run() {
        try {
            while (std::optional<archive::TarMember> member = reader_.next()) {
                out_.raw_bytes = reader_.member_offset();
                add(*member);
                if (request_.only_kind && out_.incremental) return std::move(out_);
            }
            out_.raw_bytes = reader_.offset();
            // Its checksum may come after all that tar looks at.
            std::string rest(kReadBytes, '\0');
            while (source_.read(rest.data(), rest.size()) > 0) {
            }
            if (reader_.offset() == reader_.member_offset())
                out_.damage = "the archive is cut off after a member";
            out_.complete = true;
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::corrupt) throw;
            out_.damage = e.message();
        }
        return std::move(out_);
    }

  private:
    void add(const archive::TarMember& member) {
        if (request_.on_member) request_.on_member(member);
        std::string path = archive::path_of_member(member.name);
        bool directory = member.type == FileType::directory;
        if (out_.members++ == 0 && !request_.root && directory) out_.root = path;
        if (!directory && !member.hard_link) out_.newest = std::max(out_.newest, member.mtime);
        std::optional<std::string> below = path_below(path, out_.root);
        if (!below) {
            ++out_.outside;
            return;
        }
        if (!directory) return;
        bool is_root = below->empty() && !out_.root_known;
        out_.root_known = out_.root_known || is_root;
        if (!member.dumpdir) return;
        out_.listings = true;
        archive::Dumpdir listing = archive::parse_dumpdir(*member.dumpdir);
        auto left_out = [](const archive::Dumpdir::Entry& entry) { return entry.flag == 'N'; };
        out_.incremental = out_.incremental || !listing.renames.empty() ||
                           std::any_of(listing.entries.begin(), listing.entries.end(), left_out);
        if (is_root) out_.root_listing = std::move(listing);
        if (request_.on_directory) request_.on_directory(*below, *member.dumpdir);
    }

    archive::ByteSource& source_;
    const SurveyRequest& request_;
    archive::TarReader reader_;
    ArchiveSurvey out_;
};

}  // namespace

ArchiveSurvey survey_archive(archive::ByteSource& source, const SurveyRequest& request) {
    return Survey(source, request).run();
}

std::optional<std::string> path_below(std::string_view path, std::string_view root) {
    if (root.empty()) return std::string(path);
    if (!is_below(path, root)) return std::nullopt;
    return std::string(path.substr(std::min(path.size(), root.size() + 1)));
}

bool bring_below_root(archive::TarMember& member, std::string_view root) {
    std::optional<std::string> path = path_below(archive::path_of_member(member.name), root);
    if (!path) return false;
    member.name = "./" + *path;
    if (member.type == FileType::directory && !path->empty()) member.name += '/';
    if (!member.hard_link) return true;
    std::optional<std::string> target = path_below(archive::path_of_member(member.link_target), root);
    if (!target) return false;
    member.link_target = "./" + *target;
    return true;
}

}  // namespace icecore::engine
