#include "base/format.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/rename_pairs.h"
#include "cli/session.h"
#include "cli/when.h"

namespace icecore::cli {
namespace {

using catalog::Difference;

std::string_view what_name(Difference::What what) {
    switch (what) {
        case Difference::What::added:
            return "added";
        case Difference::What::deleted:
            return "deleted";
        case Difference::What::changed:
            return "changed";
        case Difference::What::metadata:
            return "metadata";
        case Difference::What::type_changed:
            return "type_changed";
    }
    return "unknown";
}

void append_sizes(JsonWriter& writer, const std::optional<catalog::Entry>& before,
                  const std::optional<catalog::Entry>& after) {
    if (before) writer.field("size_before", before->stat.size);
    if (after) writer.field("size_after", after->stat.size);
    writer.end_object();
}

/// Prints differences one by one, renames where the deletion stands.
class DiffPrinter {
  public:
    DiffPrinter(std::ostream& out, bool as_json, const RenamePairs& pairs)
        : out_(out), as_json_(as_json), json_(out), pairs_(pairs) {}

    void begin(const std::string& set, catalog::RunNumber before, catalog::RunNumber after) {
        if (!as_json_) return;
        json_.writer().begin_object().field("set", set).field("before", before).field("after", after);
        json_.writer().key("differences").begin_array();
    }

    void print(const Difference& difference) {
        if (difference.what == Difference::What::added && pairs_.is_new_name(difference.path)) return;
        if (difference.what == Difference::What::deleted) {
            if (auto moved_to = pairs_.new_path(difference.path)) {
                if (!pairs_.carried_along(difference.path, *moved_to)) print_rename(difference, *moved_to);
                return;
            }
        }
        if (!as_json_) {
            out_ << static_cast<char>(difference.what) << ' ' << shown_path(difference.path) << '\n';
            return;
        }
        json_.writer().begin_object().field("what", what_name(difference.what));
        json_.writer().key("path").path(difference.path);
        append_sizes(json_.writer(), difference.before, difference.after);
        json_.flush_some();
    }

    void end() {
        if (!as_json_) return;
        json_.writer().end_array().end_object();
        json_.finish();
    }

  private:
    void print_rename(const Difference& difference, const std::string& to) {
        if (!as_json_) {
            out_ << "R " << shown_path(difference.path) << " -> " << shown_path(to) << '\n';
            return;
        }
        json_.writer().begin_object().field("what", "renamed").key("path").path(difference.path);
        json_.writer().key("to").path(to);
        append_sizes(json_.writer(), difference.before, difference.before);
        json_.flush_some();
    }

    std::ostream& out_;
    bool as_json_;
    JsonOutput json_;
    const RenamePairs& pairs_;
};

class DiffCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "diff",
            .summary = "show what changed between two runs",
            .description =
                "Shows what changed from the first run's tree to the second's, one line each:\n"
                "\n"
                "  + path         added\n"
                "  - path         deleted\n"
                "  M path         content changed\n"
                "  m path         only mode, owner, times or attributes changed\n"
                "  T path         became another type of file\n"
                "  R old -> new   the same directory, or the same content, under another name\n"
                "\n"
                "What merely went along with a renamed directory is not listed.",
            .example = "icecore diff 11 12\nicecore diff 7d latest",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.word("RUN1", before_, "a run number, a date or time, latest, or a span such as 3d", true);
        arguments.word("RUN2", after_, "the same", true);
    }
    int run(Session& session) override {
        OpenedSet opened = open_set(session, session.set());
        Timestamp now = session.io().clock.now();
        catalog::RunNumber before = resolve_when(before_, opened.runs, now).number();
        catalog::RunNumber after = resolve_when(after_, opened.runs, now).number();
        RenamePairs pairs;
        opened.catalog->diff(before, after, [&](const Difference& difference) { pairs.offer(difference); });
        pairs.pair();
        DiffPrinter printer(session.io().out, session.options().json, pairs);
        printer.begin(opened.set.name, before, after);
        opened.catalog->diff(before, after, [&](const Difference& difference) { printer.print(difference); });
        printer.end();
        return kDone;
    }

  private:
    std::string before_;
    std::string after_;
};

}  // namespace

std::unique_ptr<Command> make_diff_command() {
    return std::make_unique<DiffCommand>();
}

}  // namespace icecore::cli
