#include "base/format.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "scan/filter.h"

namespace icecore::cli {
namespace {

using catalog::PathVersion;

/// What a PATTERN matches: an absolute one the whole path, any other as scan::matches_name_or_path has it.
class PathMatcher {
  public:
    PathMatcher(const std::string& pattern, const std::string& data_dir)
        : pattern_(pattern.starts_with('/') ? data_path(pattern, data_dir) : pattern),
          top_level_only_(pattern.starts_with('/') && pattern_.find('/') == std::string::npos) {}

    bool operator()(std::string_view path) const {
        // Without a slash left, a pattern would match in every directory.
        if (top_level_only_ && path.find('/') != std::string_view::npos) return false;
        return scan::matches_name_or_path(pattern_, path);
    }

  private:
    std::string pattern_;
    bool top_level_only_;
};

std::string runs_text(const PathVersion& version) {
    if (version.first == version.last) return format("{}", version.first);
    return format("{}-{}", version.first, version.last);
}

void print_version(std::ostream& out, const PathVersion& version) {
    const FileStat& stat = version.entry.stat;
    bool directory = stat.type == FileType::directory;
    out << format("{:<9} {:>12} {} {}{}\n", runs_text(version), stat.size, format_local(stat.mtime),
                  shown_path(version.path), directory && !version.path.empty() ? "/" : "");
}

void append_version(JsonOutput& json, const PathVersion& version) {
    JsonWriter& writer = json.writer();
    writer.begin_object().key("path").path(version.path);
    write_entry_fields(writer, version.entry);
    writer.field("first_run", version.first).field("last_run", version.last).end_object();
    json.flush_some();
}

class FindCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "find",
            .summary = "find every version of a file",
            .description =
                "Prints every version of every path that matches: the runs that hold it (first-\n"
                "last), size in bytes, time of its last change, path. A PATTERN without a slash\n"
                "matches names, one with a slash whole paths; * ? [...] and ** as in a shell.",
            .example = "icecore find thesis.tex\nicecore find 'projects/**/*.c'",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.word("PATTERN", pattern_, "a name or path, quoted if it holds wildcards", true);
    }
    int run(Session& session) override {
        const engine::SetOptions& set = session.set();
        PathMatcher matches(pattern_, set.data_dir);
        OpenedSet opened = open_set(session, set);
        bool as_json = session.options().json;
        std::ostream& out = session.io().out;
        JsonOutput json(out);
        if (as_json) json.writer().begin_object().field("set", set.name).key("versions").begin_array();
        std::uint64_t found = 0;
        opened.catalog->find(matches, [&](const PathVersion& version) {
            ++found;
            if (as_json)
                append_version(json, version);
            else
                print_version(out, version);
        });
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        } else if (found == 0) {
            session.messages().note(format("nothing in any run matches \"{}\"", pattern_));
        }
        return kDone;
    }

  private:
    std::string pattern_;
};

}  // namespace

std::unique_ptr<Command> make_find_command() {
    return std::make_unique<FindCommand>();
}

}  // namespace icecore::cli
