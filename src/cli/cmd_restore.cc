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
    writer.field("files", result.files).field("directories", result.directories);
    writer.field("bytes", result.bytes).field("stored_bytes_read", result.stored_bytes_read);
    append_strings(writer, "problems", result.problems);
    append_strings(writer, "not_permitted", result.not_permitted);
    writer.end_object();
    json.finish();
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
                "What exists below DIR is never replaced: that is reported, with exit status 3.",
            .example =
                "icecore restore --to /tmp/all\nicecore restore --at 3d --to /tmp/back projects/thesis",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--to", "DIR", to_, "where to, made if missing (required)");
        arguments.value("--at", "WHEN", when_,
                        "a run number, a date or time, latest (default), or a span such as 3d");
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
        std::unique_ptr<TerminalObserver> observer = session.observer();
        RestoreResult result =
            engine::restore(session.environment(), set, *opened.catalog, request, *observer);
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
        return request;
    }

    static void report(Session& session, const std::string& set, const RestoreRequest& request,
                       const RestoreResult& result) {
        Messages& messages = session.messages();
        for (const std::string& problem : result.problems) messages.error("not restored: " + problem);
        for (const std::string& what : result.not_permitted) {
            messages.warning(format("not permitted to restore: {}", what));
        }
        if (session.options().json) {
            print_json(session.io().out, set, request, result);
        } else if (!messages.quiet) {
            session.io().out << format("restored {} and {} ({}) of run {} to {}\n",
                                       counted(result.files, "file", "files"),
                                       counted(result.directories, "directory", "directories"),
                                       format_bytes(result.bytes), request.at, shown_path(request.to));
        }
    }

    std::string to_;
    std::string when_;
    std::vector<std::string> paths_;
};

}  // namespace

std::unique_ptr<Command> make_restore_command() {
    return std::make_unique<RestoreCommand>();
}

}  // namespace icecore::cli
