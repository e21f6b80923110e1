#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/table.h"

namespace icecore::cli {
namespace {

using catalog::Run;

void print_json(JsonOutput& json, const OpenedSet& opened) {
    JsonWriter& writer = json.writer();
    writer.begin_object().field("set", opened.set.name).key("runs").begin_array();
    for (const Run& run : opened.runs) {
        writer.begin_object();
        write_run_fields(writer, run.header, run.trailer);
        writer.end_object();
        json.flush_some();
    }
    writer.end_array().end_object();
    json.finish();
}

std::vector<std::string> cells(const Run& run) {
    const archive::RunCounts& counts = run.trailer.counts;
    std::uint64_t changes = counts.added + counts.changed + counts.deleted + counts.renamed;
    return {format("{}", run.number()),
            std::string(kind_name(run.header.kind)) + (run.header.interrupted ? ", interrupted" : ""),
            format_local(run.header.started),
            format_count(counts.files),
            format_count(changes),
            format_bytes(counts.read_bytes),
            format_bytes(counts.stored_bytes),
            format_count(counts.errors)};
}

/// One table; a gap before each chain after the first.
std::string table_text(const std::vector<Run>& runs) {
    using enum Table::Align;
    Table table({{"RUN", right},
                 {"KIND"},
                 {"STARTED"},
                 {"FILES", right},
                 {"CHANGED", right},
                 {"READ", right},
                 {"STORED", right},
                 {"ERRORS", right}});
    std::uint64_t read_bytes = 0, stored_bytes = 0, chains = 0;
    for (const Run& run : runs) {
        if (chains == 0 || run.header.kind == archive::RunKind::full) {
            if (chains > 0) table.gap();
            ++chains;
        }
        table.row(cells(run));
        read_bytes += run.trailer.counts.read_bytes;
        stored_bytes += run.trailer.counts.stored_bytes;
    }
    return table.text() + format("\n{} {} in {} {}: {} read, {} stored\n", format_count(runs.size()),
                                 runs.size() == 1 ? "run" : "runs", format_count(chains),
                                 chains == 1 ? "chain" : "chains", format_bytes(read_bytes),
                                 format_bytes(stored_bytes));
}

class ListCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "list",
            .summary = "list the runs",
            .description =
                "Lists the runs of a set, chain by chain. CHANGED counts what was added, changed,\n"
                "deleted and renamed; READ is file content, STORED what the archive takes. A run\n"
                "that was interrupted holds a part of the tree; the one after it carries on.",
            .example = "icecore list\nicecore list --json | jq '.runs[-1].stored_bytes'",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        OpenedSet opened = open_set(session, session.set());
        if (session.options().json) {
            JsonOutput json(session.io().out);
            print_json(json, opened);
        } else {
            session.io().out << table_text(opened.runs);
        }
        return kDone;
    }
};

}  // namespace

std::unique_ptr<Command> make_list_command() {
    return std::make_unique<ListCommand>();
}

}  // namespace icecore::cli
