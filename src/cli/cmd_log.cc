#include <fcntl.h>

#include "base/file.h"
#include "base/format.h"
#include "cli/command.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/when.h"
#include "engine/backup_dir.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kChunkBytes = 64 << 10;

std::string log_path(const engine::SetOptions& set, const catalog::Run& run) {
    const archive::ManifestHeader& header = run.header;
    engine::ArchiveNames names = engine::make_archive_names(header.set, header.run, header.kind,
                                                            header.started, header.compression.method);
    return set.backup_dir + "/" + names.log;
}

/// Whole lines of the file, made safe for a terminal. A line longer than a chunk is cut in two, no more.
void print_log(const std::string& path, std::ostream& out) {
    Fd file = open_file(path, O_RDONLY);
    std::string chunk(kChunkBytes, '\0'), pending;
    for (;;) {
        std::size_t size = read_full(file.get(), chunk.data(), chunk.size());
        pending.append(chunk, 0, size);
        bool last = size < chunk.size();
        std::string_view rest = pending;
        for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
             rest.remove_prefix(end + 1)) {
            out << printable(rest.substr(0, end)) << '\n';
        }
        if (!rest.empty() && (last || rest.size() >= kChunkBytes)) {
            out << printable(rest) << (last ? "\n" : "");
            rest = {};
        }
        if (last) return;
        pending = std::string(rest);
    }
}

class LogCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "log",
            .summary = "print the log of a run",
            .description =
                "Prints the log of a run, the latest if none is named: every file that was added,\n"
                "changed, deleted, renamed, left out or unreadable, then totals. With --json only\n"
                "the facts of the run.",
            .example = "icecore log\nicecore log 12\nicecore log 2026-11-20",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.word("RUN", when_, "a run number, a date or time, latest, or a span such as 3d", false);
    }
    int run(Session& session) override {
        OpenedSet opened = open_set(session, session.set());
        const catalog::Run& run = resolve_when(when_, opened.runs, session.io().clock.now());
        std::string path = log_path(opened.set, run);
        if (!session.options().json) {
            print_log(path, session.io().out);
            return kDone;
        }
        JsonOutput json(session.io().out);
        JsonWriter& writer = json.writer();
        writer.begin_object().field("set", opened.set.name);
        write_run_fields(writer, run.header, run.trailer);
        writer.key("log").path(path).end_object();
        json.finish();
        return kDone;
    }

  private:
    std::string when_;
};

}  // namespace

std::unique_ptr<Command> make_log_command() {
    return std::make_unique<LogCommand>();
}

}  // namespace icecore::cli
