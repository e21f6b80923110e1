#include "base/format.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"
#include "cli/when.h"
#include "engine/offsite.h"
#include "engine/verify.h"
#include "engine/verify_remote.h"

namespace icecore::cli {
namespace {

using engine::Finding;
using engine::VerifyRequest;
using engine::VerifyResult;

std::string_view severity_name(Finding::Severity severity) {
    return severity == Finding::Severity::problem ? "problem" : "remark";
}

void append_finding(JsonWriter& writer, const Finding& finding) {
    writer.begin_object().field("severity", severity_name(finding.severity)).field("run", finding.run);
    writer.key("file").path(finding.file);
    if (finding.path) writer.key("path").path(*finding.path);
    writer.field("message", printable(finding.message)).field("hint", printable(finding.hint)).end_object();
}

std::string summary(const VerifyResult& result, bool deep) {
    std::string text = format("verified {}, {} ({})", plural(result.runs, "run", "runs"),
                              plural(result.volumes, "volume", "volumes"), format_bytes(result.stored_bytes));
    if (deep) text += format(", {} compared", plural(result.members, "entry", "entries"));
    if (result.problems == 0) return text + ": all well";
    return text + format(": {}", plural(result.problems, "problem", "problems"));
}

class VerifyCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "verify",
            .summary = "check archives and manifests for damage",
            .description =
                "Reads every archive of a set and compares it with its manifest: sizes, SHA-256,\n"
                "seek tables, gaps in chains, and the catalogue. With --deep it also expands the\n"
                "archives and compares every file in them. Lists all damage; exit status 1 if\n"
                "there is any. Changes nothing; a backup may run meanwhile.\n"
                "\n"
                "With --remote it compares what the target lists with the catalogue instead: what\n"
                "is missing there, differs, or is unknown here. Nothing is retrieved from a cold\n"
                "store and nothing costs money; a vault needs hours for its inventory, which is a\n"
                "day old then (exit status 75 until it is there).",
            .example = "icecore verify\nicecore verify --deep --at latest\nicecore verify --remote",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--at", "WHEN", when_, "only what restoring this run needs: its chain up to it");
        arguments.flag("--remote", remote_, "compare what the target lists with the catalogue");
        arguments.flag("--deep", deep_, "also compare every file in the archives, which takes longer");
    }
    int run(Session& session) override {
        std::vector<const engine::SetOptions*> sets = session.sets();
        if (!when_.empty() && sets.size() > 1)
            throw UsageError("--at needs to know which set is meant", "--set NAME");
        if (remote_ && (deep_ || !when_.empty()))
            throw UsageError("--remote goes with neither --at nor --deep");
        JsonOutput json(session.io().out);
        bool as_json = session.options().json;
        if (as_json) json.writer().begin_object().key("sets").begin_array();
        int status = kDone;
        for (const engine::SetOptions* set : sets)
            status = worse(status, verify_set(session, *set, sets.size() > 1, as_json ? &json : nullptr));
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return status;
    }

  private:
    /// The exit status. The errors of a set end here, so that the next one has its turn.
    int verify_set(Session& session, const engine::SetOptions& set, bool several, JsonOutput* json) {
        std::unique_ptr<TerminalObserver> observer = session.observer();
        if (json != nullptr)
            json->writer().begin_object().field("set", set.name).key("findings").begin_array();
        auto tell = [&](const Finding& finding) {
            observer->finish();
            std::string text = (several ? set.name + ": " : "") + engine::finding_text(finding);
            if (finding.severity == Finding::Severity::problem)
                session.messages().error(text, finding.hint);
            else
                session.messages().warning(text);
            if (json == nullptr) return;
            append_finding(json->writer(), finding);
            json->flush_some();
        };
        if (remote_) return verify_remote_set(session, set, several, json, *observer, tell);
        VerifyResult result;
        try {
            result = engine::verify(session.environment(), set, request(session), *observer, tell);
        } catch (const UsageError&) {
            throw;
        } catch (const Error& error) {
            if (!several && json == nullptr) throw;
            tell({Finding::Severity::problem, 0, "", std::nullopt, error.message(), error.hint()});
            result.problems = 1;
        }
        observer->finish();
        if (json != nullptr)
            append_result(json->writer(), result);
        else if (!session.messages().quiet)
            session.io().out << (several ? set.name + ": " : "") << summary(result, deep_) << std::endl;
        return result.problems == 0 ? kDone : kFailed;
    }

    using Tell = std::function<void(const Finding&)>;

    static int verify_remote_set(Session& session, const engine::SetOptions& set, bool several,
                                 JsonOutput* json, TerminalObserver& observer, const Tell& tell) {
        engine::RemoteVerifyResult result;
        bool pending = false;
        try {
            engine::Environment environment = session.environment();
            if (set.target.type == engine::TargetOptions::Type::none)
                throw UsageError(format("set {} has no target", set.name),
                                 "[set.target] in the configuration names one: see icecore.toml(5)");
            auto open = [&](engine::Observer& told) { return engine::open_target(environment, set, told); };
            result = engine::verify_remote(environment, set, open, observer, tell);
        } catch (const UsageError&) {
            throw;
        } catch (const Error& error) {
            pending = error.kind() == Error::Kind::not_ready;
            if (!several && json == nullptr && !pending) throw;
            observer.finish();
            if (pending)
                session.messages().note((several ? set.name + ": " : "") + error.message() + "; " +
                                        error.hint());
            else
                tell({Finding::Severity::problem, 0, "", std::nullopt, error.message(), error.hint()});
            if (!pending) result.problems = 1;
        }
        observer.finish();
        if (json != nullptr)
            append_remote_result(json->writer(), result, pending);
        else if (!session.messages().quiet && !pending)
            session.io().out << (several ? set.name + ": " : "") << remote_summary(result) << "\n"
                             << lock_summary(set, result) << std::flush;
        if (pending) return kPending;
        return result.problems == 0 ? kDone : kFailed;
    }

    static std::string remote_summary(const engine::RemoteVerifyResult& result) {
        std::string text = format("{} offsite ({}) are as they should be",
                                  plural(result.files, "file", "files"), format_bytes(result.bytes));
        if (result.as_of) text += format(", as of {}", format_local(*result.as_of));
        if (result.unlisted > 0)
            text += format("; {} stored lately, of which nothing can be said yet", result.unlisted);
        if (result.waiting > 0) text += format("; {} not stored yet", result.waiting);
        if (result.problems > 0) text += format("; {}", plural(result.problems, "problem", "problems"));
        return text;
    }

    /// "runs 1 to 30 are safe until …": a line for each end of locks.
    static std::string lock_summary(const engine::SetOptions& set, const engine::RemoteVerifyResult& result) {
        if (!set.target.object_lock) return "";
        std::string text;
        const std::vector<engine::SafeSnapshot>& all = result.snapshots;
        for (std::size_t first = 0, end = 0; first < all.size(); first = end) {
            auto same = [&](const engine::SafeSnapshot& other) {
                return other.complete == all[first].complete && other.locked_until == all[first].locked_until;
            };
            while (end < all.size() && same(all[end])) ++end;
            bool one = end - first == 1;
            text += one ? format("run {} is ", all[first].run)
                        : format("runs {} to {} are ", all[first].run, all[end - 1].run);
            if (!all[first].complete)
                text += "not complete offsite\n";
            else if (all[first].locked_until)
                text += format("safe from deletion until {}\n", format_local(*all[first].locked_until));
            else
                text += "not safe from deletion\n";
        }
        return text;
    }

    static void append_remote_result(JsonWriter& writer, const engine::RemoteVerifyResult& result,
                                     bool pending) {
        writer.end_array().field("pending", pending).key("as_of");
        result.as_of ? writer.time(*result.as_of) : writer.null();
        writer.field("files", result.files).field("bytes", result.bytes).field("waiting", result.waiting);
        writer.field("unlisted", result.unlisted).field("problems", result.problems);
        writer.field("remarks", result.remarks).key("snapshots").begin_array();
        for (const engine::SafeSnapshot& snapshot : result.snapshots) {
            writer.begin_object().field("run", snapshot.run).field("complete", snapshot.complete);
            writer.key("locked_until");
            snapshot.locked_until ? writer.time(*snapshot.locked_until) : writer.null();
            writer.end_object();
        }
        writer.end_array().end_object();
    }

    VerifyRequest request(Session& session) const {
        VerifyRequest request{.choose = {}, .deep = deep_};
        if (when_.empty()) return request;
        request.choose = [this, &session](const std::vector<catalog::Run>& runs) {
            return resolve_when(when_, runs, session.io().clock.now()).number();
        };
        return request;
    }

    static void append_result(JsonWriter& writer, const VerifyResult& result) {
        writer.end_array().field("runs", result.runs).field("volumes", result.volumes);
        writer.field("stored_bytes", result.stored_bytes).field("entries", result.members);
        writer.field("problems", result.problems).field("remarks", result.remarks);
        writer.field("seconds", result.seconds).end_object();
    }

    std::string when_;
    bool deep_ = false;
    bool remote_ = false;
};

}  // namespace

std::unique_ptr<Command> make_verify_command() {
    return std::make_unique<VerifyCommand>();
}

}  // namespace icecore::cli
