#include <algorithm>

#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"
#include "cli/when.h"
#include "engine/offsite_volumes.h"
#include "engine/restore.h"

namespace icecore::cli {
namespace {

using engine::RestoreRequest;
using engine::RestoreResult;

void append_strings(JsonWriter& writer, std::string_view key, const std::vector<std::string>& texts) {
    writer.key(key).begin_array();
    for (const std::string& text : texts) writer.string(printable(text));
    writer.end_array();
}

void print_json(std::ostream& out, const std::string& set, const RestoreRequest& request,
                const RestoreResult& result) {
    JsonOutput json(out);
    JsonWriter& writer = json.writer();
    writer.begin_object().field("set", set).field("run", request.at).key("to").path(request.to);
    writer.key("paths").begin_array();
    for (const std::string& path : request.paths) writer.path(path);
    writer.end_array();
    writer.field("files", result.counts.files).field("directories", result.directories);
    writer.field("unchanged", result.counts.unchanged).field("kept", result.counts.kept);
    writer.field("deleted", result.removed);
    writer.field("bytes", result.counts.bytes).field("stored_bytes_read", result.stored_bytes_read);
    writer.key("problems").begin_array();
    result.problems.for_each([&](std::string_view path, std::string_view what) {
        writer.begin_object().key("path").path(path).field("message", printable(what)).end_object();
    });
    writer.end_array();
    append_strings(writer, "not_permitted", result.not_permitted);
    append_strings(writer, "remarks", result.remarks);
    writer.end_object();
    json.finish();
}

engine::Overwrite parse_overwrite(const std::string& text) {
    if (text == "never") return engine::Overwrite::never;
    if (text == "older") return engine::Overwrite::older;
    if (text == "always") return engine::Overwrite::always;
    throw UsageError(format("--overwrite cannot be {}", printable(text)), "never, older or always");
}

/// Of many files lost for one reason only the first are named.
void report_problems(Messages& messages, const engine::RestoreProblems& problems) {
    for (const engine::RestoreProblems::Group& group : problems.groups()) {
        for (const std::string& path : group.paths)
            messages.error(format("not restored: {}: {}", shown_path(path), group.what));
        if (group.count > group.paths.size())
            messages.error(format("not restored: {} more: {} (--json lists all)",
                                  format_count(group.count - group.paths.size()), group.what));
    }
}

class RestoreCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "restore",
            .summary = "restore files from the local archives",
            .description =
                "Restores files and directories as they were at a run, each at its place below\n"
                "DIR; without a PATH everything. Every file is checked before it is put in place.\n"
                "What exists below DIR is not replaced, but reported, with exit status 3, unless\n"
                "--overwrite says otherwise: \"older\" replaces what was not modified later than\n"
                "what is restored, \"always\" whatever differs. Then files that are there with\n"
                "the recorded size, times, mode, owner and attributes are left without reading\n"
                "them, so that a restore that was interrupted can be repeated.",
            .example =
                "icecore restore --to /tmp/all\nicecore restore --at 3d --to /tmp/back projects/thesis",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--to", "DIR", to_, "where to, made if missing (required)");
        arguments.value("--at", "WHEN", when_,
                        "a run number, a date or time, latest (default), or a span such as 3d");
        arguments.value("--overwrite", "WHAT", overwrite_,
                        "what may be replaced: never (default), older or always");
        arguments.flag("--delete", mirror_,
                       "remove what restored directories have that the run does not have");
        arguments.words("PATH", paths_, "relative to the data directory, or absolute inside it");
    }
    int run(Session& session) override {
        if (to_.empty()) {
            throw UsageError("restore needs to know where to",
                             "--to DIR, a directory that is made if missing");
        }
        const engine::SetOptions& set = session.set();
        RestoreRequest request = make_request(set, session.io());
        OpenedSet opened = open_set(session, set);
        const catalog::Run& run = resolve_when(when_, opened.runs, session.io().clock.now());
        request.at = run.number();
        if (run.header.interrupted)
            session.messages().warning(
                format("run {} was interrupted: it holds a part of the tree", request.at));
        if (request.mirror) require_directory(*opened.catalog, request);
        engine::Environment environment = session.environment();
        std::unique_ptr<TerminalObserver> observer = session.observer();
        if (auto offsite = engine::offsite_volumes(environment, set, *observer))
            request.further_sources.push_back(std::move(*offsite));
        RestoreResult result = engine::restore(environment, set, *opened.catalog, request, *observer);
        observer->finish();
        report(session, set.name, request, result);
        return result.problems.empty() ? kDone : kIncomplete;
    }

  private:
    RestoreRequest make_request(const engine::SetOptions& set, const Io& io) const {
        RestoreRequest request;
        request.to = absolute_path(to_, io.cwd);
        for (const std::string& path : paths_) request.paths.push_back(data_path(path, set.data_dir));
        bool everything = std::find(request.paths.begin(), request.paths.end(), "") != request.paths.end();
        if (everything) request.paths.clear();
        request.overwrite = parse_overwrite(overwrite_);
        request.mirror = mirror_;
        if (mirror_ && request.overwrite == engine::Overwrite::never)
            throw UsageError("--delete needs --overwrite older or --overwrite always");
        return request;
    }

    static void require_directory(const catalog::Catalog& catalog, const RestoreRequest& request) {
        auto is_file = [&](const std::string& path) {
            std::optional<catalog::Entry> entry = catalog.lookup(request.at, path);
            return entry && entry->stat.type != FileType::directory;
        };
        if (!request.paths.empty() && std::all_of(request.paths.begin(), request.paths.end(), is_file))
            throw UsageError("--delete works on directories, and only files are to be restored",
                             "name a directory, or leave --delete out");
    }

    static void report(Session& session, const std::string& set, const RestoreRequest& request,
                       const RestoreResult& result) {
        Messages& messages = session.messages();
        report_problems(messages, result.problems);
        for (const std::string& remark : result.remarks) messages.warning(remark);
        for (const std::string& what : result.not_permitted) {
            messages.warning(format("not permitted to restore: {}", what));
        }
        if (session.options().json) {
            print_json(session.io().out, set, request, result);
        } else if (!messages.quiet) {
            print_summary(session.io().out, request, result);
        }
    }

    static void print_summary(std::ostream& out, const RestoreRequest& request, const RestoreResult& result) {
        const engine::RestoreCounts& counts = result.counts;
        out << format("restored {} and {} ({}) of run {} to {}\n", counted(counts.files, "file", "files"),
                      counted(result.directories, "directory", "directories"), format_bytes(counts.bytes),
                      request.at, shown_path(request.to));
        if (counts.unchanged > 0)
            out << format("{} there already\n", counted(counts.unchanged, "file was", "files were"));
        if (counts.kept > 0)
            out << format("{} there and left\n", counted(counts.kept, "newer file was", "newer files were"));
        if (result.removed > 0)
            out << format("{} not in the run and deleted\n",
                          counted(result.removed, "name was", "names were"));
    }

    std::string to_;
    std::string when_;
    std::string overwrite_ = "never";
    bool mirror_ = false;
    std::vector<std::string> paths_;
};

}  // namespace

std::unique_ptr<Command> make_restore_command() {
    return std::make_unique<RestoreCommand>();
}

}  // namespace icecore::cli
