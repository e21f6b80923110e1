#include <algorithm>
#include <filesystem>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/usage_error.h"
#include "engine/adopt.h"

namespace icecore::cli {
namespace {

using engine::AdoptedRun;
using engine::AdoptResult;
using Snapshot = AdoptResult::Snapshot;

std::string_view snapshot_name(Snapshot snapshot) {
    switch (snapshot) {
        case Snapshot::missing:
            return "missing";
        case Snapshot::matches:
            return "matches";
        case Snapshot::differs:
            return "differs";
        case Snapshot::damaged:
            return "damaged";
    }
    return "unknown";
}

void append_run(JsonWriter& json, const AdoptedRun& run) {
    json.begin_object().key("file").path(run.name);
    json.field("adopted_before", run.adopted_before).field("linked", run.linked);
    json.field("time_from", run.time_from_name ? "name" : "mtime");
    json.field("members", run.members).field("lost", run.lost).field("not_stored", run.not_stored);
    json.field("outside", run.outside).key("failed_rename").path(run.failed_rename);
    json.key("examples").begin_array();
    for (const std::string& path : run.examples) json.path(path);
    json.end_array();
    write_run_fields(json, run.header, run.trailer);
    json.end_object();
}

void append_result(JsonWriter& json, const engine::SetOptions& set, const AdoptResult& result, bool dry_run) {
    json.begin_object().field("set", set.name).field("dry_run", dry_run);
    json.field("complete", result.is_complete());
    json.key("root").path(result.root);
    json.key("runs").begin_array();
    for (const AdoptedRun& run : result.runs) append_run(json, run);
    json.end_array().key("passed_over").begin_array();
    for (const engine::PassedOver& file : result.passed_over) {
        json.begin_object().key("file").path(file.name);
        json.field("reason", printable(file.reason)).field("lost", file.lost).end_object();
    }
    json.end_array().field("snapshot", snapshot_name(result.snapshot));
    json.key("snapshot_file").path(result.snapshot_name);
    json.field("snapshot_problem", printable(result.snapshot_problem));
    json.key("renamed").begin_array();
    for (const std::string& name : result.renamed) json.path(name);
    json.end_array().field("seconds", result.seconds).end_object();
}

std::string table_text(const AdoptResult& result) {
    using enum Table::Align;
    Table table({{"RUN", right}, {"KIND"}, {"MADE"}, {"ARCHIVE"}, {"NAME HERE"}});
    for (const AdoptedRun& run : result.runs) {
        if (run.header.run > 1 && run.header.kind == archive::RunKind::full) table.gap();
        table.row({format("{}", run.header.run), std::string(kind_name(run.header.kind)),
                   format_local(run.header.started), shown_path(run.name), run.header.archive_name});
    }
    return table.text();
}

/// "a, b and 3 more".
std::string some(const std::vector<std::string>& examples, std::uint64_t count) {
    std::string text;
    for (const std::string& path : examples) text += (text.empty() ? "" : ", ") + shown_path(path);
    if (count > examples.size()) text += format(" and {} more", format_count(count - examples.size()));
    return text;
}

class AdoptCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "adopt",
            .summary = "take over archives made by tar --listed-incremental",
            .description =
                "Makes runs of the archives in DIR that tar --listed-incremental wrote (.tar,\n"
                ".tar.gz, .tar.zst; formats gnu, oldgnu and pax), with manifests and catalogue,\n"
                "so that they are listed, verified, uploaded and restored from like our own. The\n"
                "next backup goes on incrementally if archive.snar is there. Archives keep their\n"
                "bytes and get a second name in the backup directory (a hard link, or a copy on\n"
                "another file system); DIR may be that directory itself.\n"
                "\n"
                "The order is that of the dates in their names, else of their mtimes, or that in\n"
                "which ARCHIVEs are named; then only these are adopted. What damage or a missing\n"
                "archive takes away is told (exit status 3), and the rest is adopted. It can be\n"
                "stopped and repeated at any time. See what it would do with --dry-run first.",
            .example = "icecore adopt --dry-run /srv/old-backup\nicecore adopt /srv/old-backup",
        };
        return kTexts;
    }

    void declare(Arguments& arguments) override {
        arguments.word("DIR", dir_, "the directory with the archives", true);
        arguments.words("ARCHIVE", archives_, "only these, oldest first");
        arguments.flag("-n,--dry-run", dry_run_, "only show what was found and how it will be named");
        arguments.flag("--copy", copy_, "copy the archives instead of linking them");
        arguments.flag("--rename", rename_, "remove the old names in the end");
        arguments.value("--root", "PATH", root_, "what the archives call the data directory, if not alike");
        arguments.value("--snapshot", "FILE", snapshot_, "the snapshot file (default: archive.snar)");
    }

    int run(Session& session) override {
        if (copy_ && rename_)
            throw UsageError("--rename is for hard links, --copy makes none", "say one of them");
        const engine::SetOptions& set = session.set();
        engine::AdoptRequest request{
            .find = find_request(session), .copy = copy_, .rename = rename_, .dry_run = dry_run_};
        std::unique_ptr<TerminalObserver> observer = session.observer();
        AdoptResult result = engine::adopt(session.environment(), set, request, *observer);
        observer->finish();
        if (session.options().json) {
            JsonOutput json(session.io().out);
            append_result(json.writer(), set, result, dry_run_);
            json.finish();
        } else if (!session.messages().quiet) {
            session.io().out << table_text(result);
        }
        warn(session.messages(), result);
        if (!session.options().json && !session.messages().quiet) session.io().out << summary(set, result);
        return result.is_complete() ? kDone : kIncomplete;
    }

  private:
    engine::FindRequest find_request(Session& session) const {
        engine::FindRequest find;
        find.dir = absolute_path(dir_, session.io().cwd);
        for (const std::string& archive : archives_) find.names.push_back(name_in_dir(archive, session));
        find.snapshot = snapshot_;
        if (snapshot_.find('/') != std::string::npos)
            find.snapshot = absolute_path(snapshot_, session.io().cwd);
        if (root_.empty()) return find;
        std::string root = absolute_path(root_, "/");
        find.root = root.substr(1);
        return find;
    }

    /// ARCHIVE is a name in DIR, or a path to one.
    std::string name_in_dir(const std::string& archive, Session& session) const {
        std::string name(base_name(archive));
        if (name == archive) return name;
        std::string dir = absolute_path(dir_, session.io().cwd);
        std::string of_archive(parent_path(absolute_path(archive, session.io().cwd)));
        std::error_code no_such;
        if (of_archive != dir && !std::filesystem::equivalent(dir, of_archive, no_such))
            throw UsageError(format("{} is not in {}", archive, dir_),
                             "the archives of a chain lie in one directory: give that as DIR");
        return name;
    }

    void warn(Messages& messages, const AdoptResult& result) const {
        for (const AdoptedRun& run : result.runs) warn_of_run(messages, run);
        for (const archive::ManifestHeader& header : result.overwritten)
            messages.error(
                format("run {} is lost: since it was adopted, somebody wrote over its archive {} by its old "
                       "name {}",
                       header.run, header.archive_name, shown_path(header.adopted->name)),
                "write nothing to names of adopted archives; `adopt --copy` makes the two independent");
        for (const engine::PassedOver& file : result.passed_over)
            messages.warning(format("{} is left out: {}", shown_path(file.name), printable(file.reason)));
        std::string next = "the next backup compares with the archives themselves, so it misses nothing";
        switch (result.snapshot) {
            case Snapshot::missing:
                messages.warning("there is no archive.snar: the next run will be full");
                break;
            case Snapshot::differs:
                messages.warning(format("{} is not that of the last archive: {}; {}",
                                        shown_path(result.snapshot_name), printable(result.snapshot_problem),
                                        next));
                break;
            case Snapshot::damaged:
                messages.warning(format("{} cannot be read: {}; {}", shown_path(result.snapshot_name),
                                        printable(result.snapshot_problem), next));
                break;
            case Snapshot::matches:
                break;
        }
    }

    static void warn_of_run(Messages& messages, const AdoptedRun& run) {
        std::string which = format("run {} ({})", run.header.run, shown_path(run.name));
        if (!run.header.adopted->damage.empty())
            messages.warning(format("{} is damaged: {}; {}", which, printable(run.header.adopted->damage),
                                    run.members == 0 ? "what is whole can be restored"
                                                     : format("{} are whole and can be restored",
                                                              plural(run.members, "entry", "entries"))));
        if (run.lost > 0)
            messages.warning(format(
                "{}: {} that it leaves out as unchanged cannot be restored, because no archive before it "
                "holds them ({}): one is missing, or tar recorded a move wrongly; other files may come back "
                "older than they were",
                which, plural(run.lost, "file", "files"), some(run.examples, run.lost)));
        else if (run.not_stored > 0)
            messages.warning(format("{}: {} it lists and does not hold: {} ({})", which,
                                    plural(run.not_stored, "name", "names"),
                                    run.header.adopted->damage.empty() ? "sockets, or tar could not read them"
                                                                       : "lost to the damage",
                                    some(run.examples, run.not_stored)));
        if (!run.failed_rename.empty())
            messages.warning(
                format("{}: tar cannot extract it as it was meant, and the run is what tar makes of "
                       "it; the next backup puts it right: {}",
                       which, printable(run.failed_rename)));
        if (run.outside > 0)
            messages.warning(format("{}: {} outside of \"{}\" left out", which,
                                    plural(run.outside, "member is", "members are"),
                                    shown_path(run.header.adopted->root)));
    }

    std::string summary(const engine::SetOptions& set, const AdoptResult& result) const {
        std::uint64_t fresh = 0;
        std::uint64_t links = 0;
        for (const AdoptedRun& run : result.runs) {
            fresh += run.adopted_before ? 0 : 1;
            links += run.linked ? 1 : 0;
        }
        std::string text = "\n";
        if (dry_run_) {
            text += format("{} to adopt into {}; nothing was changed\n", plural(fresh, "archive", "archives"),
                           shown_path(set.backup_dir));
            return text;
        }
        text +=
            format("adopted {} into {}", plural(fresh, "archive", "archives"), shown_path(set.backup_dir));
        if (!result.renamed.empty())
            text += ", and removed the old names";
        else if (fresh > 0 && links == fresh)
            text +=
                " by hard links, which take no room.\nThe old names may be removed; let nothing write to "
                "them";
        else if (fresh > 0)
            text += ", copied; the originals may be removed";
        text += ".\nNext: turn the old script off, then `icecore backup`.\n";
        return text;
    }

    std::string dir_;
    std::vector<std::string> archives_;
    bool dry_run_ = false;
    bool copy_ = false;
    bool rename_ = false;
    std::string root_;
    std::string snapshot_;
};

}  // namespace

std::unique_ptr<Command> make_adopt_command() {
    return std::make_unique<AdoptCommand>();
}

}  // namespace icecore::cli
