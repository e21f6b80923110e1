#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/rebuild_report.h"
#include "cli/session.h"
#include "engine/rebuild.h"

namespace icecore::cli {
namespace {

using engine::RebuildResult;
using engine::RebuiltRun;

void append_runs(JsonWriter& writer, std::string_view key, const std::vector<RebuiltRun>& runs) {
    writer.key(key).begin_array();
    for (const RebuiltRun& run : runs)
        writer.begin_object().field("run", run.run).field("reason", printable(run.reason)).end_object();
    writer.end_array();
}

void append_result(JsonWriter& writer, const engine::SetOptions& set, const RebuildResult& result) {
    writer.begin_object().field("set", set.name).field("runs", result.runs);
    writer.field("versions", result.versions);
    append_runs(writer, "left_out", result.left_out);
    append_runs(writer, "recovered", result.recovered);
    writer.key("superseded").begin_array();
    for (const std::string& stem : result.superseded) writer.path(stem);
    writer.end_array();
    writer.key("old_catalogue").path(result.old_catalogue);
    writer.field("seconds", result.seconds).end_object();
}

std::string summary(const RebuildResult& result) {
    std::string text = format("rebuilt the catalogue: {}, {}", plural(result.runs, "run", "runs"),
                              plural(result.versions, "version", "versions"));
    if (!result.left_out.empty()) text += format(", {} left out", format_count(result.left_out.size()));
    return text;
}

class RebuildCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "rebuild",
            .summary = "make the catalogue again from the manifests",
            .description =
                "Makes catalog.db anew from the manifests in the backup directory. Other commands\n"
                "do so by themselves when it is missing or damaged; this one is for doubts. A\n"
                "manifest that is missing or damaged is made again from its archive. A run of\n"
                "which neither is whole is named (exit status 1), and the catalogue that was\n"
                "there is kept as catalog.db.old.",
            .example = "icecore rebuild",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        const engine::SetOptions& set = session.set();
        std::unique_ptr<TerminalObserver> observer = session.observer();
        RebuildResult result = engine::rebuild(session.environment(), set, *observer);
        observer->finish();
        for (const RebuiltRun& run : result.recovered)
            session.messages().warning(
                format("the manifest of run {} was made again from its archive: {}", run.run, run.reason));
        warn_of_superseded(session.messages(), result);
        for (const RebuiltRun& left_out : result.left_out)
            session.messages().error(format("run {} is left out: {}", left_out.run, left_out.reason));
        if (!result.old_catalogue.empty())
            session.messages().warning(
                format("the catalogue that was there is kept as {}", shown_path(result.old_catalogue)));
        if (session.options().json) {
            JsonOutput json(session.io().out);
            append_result(json.writer(), set, result);
            json.finish();
        } else if (!session.messages().quiet) {
            session.io().out << summary(result) << '\n';
        }
        return result.left_out.empty() ? kDone : kFailed;
    }
};

}  // namespace

std::unique_ptr<Command> make_rebuild_command() {
    return std::make_unique<RebuildCommand>();
}

}  // namespace icecore::cli
