#include <algorithm>

#include "base/format.h"
#include "cli/announcer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/upload_report.h"
#include "cli/usage_error.h"
#include "engine/abandoned_uploads.h"
#include "engine/offsite.h"

namespace icecore::cli {
namespace {

using engine::SetOptions;
using engine::UploadResult;

bool has_target(const SetOptions& set) {
    return set.target.type != engine::TargetOptions::Type::none;
}

class UploadCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "upload",
            .summary = "store offsite what is not there yet",
            .description =
                "Stores what the target of a set, or of all sets in turn, does not have yet. A\n"
                "backup does that by itself; this command goes on where an upload was stopped or\n"
                "the target was not there. A backup may run meanwhile.",
            .example =
                "icecore upload\nicecore upload --set home --json\n"
                "icecore upload --abort-unfinished",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("--abort-unfinished", abort_unfinished_,
                       "instead, give up uploads that were begun more than a day ago and will not go on");
    }
    int run(Session& session) override {
        std::vector<const SetOptions*> sets = session.sets();
        std::erase_if(sets, [](const SetOptions* set) { return !has_target(*set); });
        if (sets.empty()) {
            throw UsageError("there is no target to store in",
                             "[set.target] in the configuration names one: see icecore.toml(5)");
        }
        if (abort_unfinished_) return abort_unfinished(session, sets);
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("sets").begin_array();
        int status = kDone;
        for (const SetOptions* set : sets) {
            int of_set = upload_set(session, *set, sets.size() > 1, as_json ? &json : nullptr);
            status = worse(status, of_set);
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return status;
    }

  private:
    static int abort_unfinished(Session& session, const std::vector<const SetOptions*>& sets) {
        std::unique_ptr<TerminalObserver> observer = session.observer();
        engine::Environment environment = session.environment();
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("aborted").begin_array();
        int status = kDone;
        for (const SetOptions* set : sets) {
            try {
                std::unique_ptr<store::Target> target = engine::open_target(environment, *set, *observer);
                engine::AbortResult result = engine::abort_abandoned(environment, *set, *target);
                for (const store::UnfinishedUpload& upload : result.aborted)
                    tell_aborted(session, *set, upload, as_json ? &json : nullptr);
                for (const std::string& problem : result.problems) session.messages().error(problem);
                if (!result.problems.empty()) status = kFailed;
                if (result.aborted.empty() && result.problems.empty())
                    session.messages().note(format("{}: nothing is left unfinished", set->name));
            } catch (const Error& error) {
                session.messages().error(format("set {}: {}", set->name, error.message()), error.hint());
                status = kFailed;
            }
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return status;
    }

    static void tell_aborted(Session& session, const SetOptions& set, const store::UnfinishedUpload& upload,
                             JsonOutput* json) {
        if (json != nullptr) {
            json->writer().begin_object().field("set", set.name).key("name").path(upload.name);
            json->writer().key("begun").time(*upload.begun).end_object();
            return;
        }
        session.io().out << format("{}: gave up {} of {}\n", set.name, upload.name,
                                   format_local(*upload.begun));
        session.io().out.flush();
    }

    /// One set; its errors end here, so that the next set has its turn.
    static int upload_set(Session& session, const SetOptions& set, bool several, JsonOutput* json) {
        std::unique_ptr<TerminalObserver> observer = session.observer();
        std::string identity;
        UploadResult result;
        try {
            engine::Environment environment = session.environment();
            std::unique_ptr<store::Target> target = engine::open_target(environment, set, *observer);
            identity = target->identity();
            auto more = [&](engine::Observer& told) { return engine::open_target(environment, set, told); };
            result = engine::upload(environment, set, *target, *observer, more);
        } catch (const Error& error) {
            result.failure = error;
        }
        observer->finish();
        if (result.failure && result.failure->hint().empty())
            result.failure->set_hint("the same command goes on; what is stored stays");
        if (json != nullptr) {
            json->writer().begin_object().field("set", set.name).key("target").path(identity);
            write_upload_fields(json->writer(), result);
            json->writer().end_object();
        } else if (!session.messages().quiet && (result.complete() || result.files > 0)) {
            session.io().out << (several ? set.name + ": " : "") << upload_line(result) << '\n';
            session.io().out.flush();
        }
        int status = report_upload_problems(session.messages(), result, several ? "set " + set.name : "", "");
        return worse(status, mail(session, set, result, status));
    }

    /// As after a backup: what went wrong is told at once, and what waits is tried again.
    static int mail(Session& session, const SetOptions& set, const UploadResult& result, int status) {
        report::RunFacts facts = new_facts(session, set);
        facts.result = report::RunFacts::Result::done;
        facts.exit_status = status;
        facts.finished = facts.started;
        facts.upload = upload_facts(result);
        return tell_by_mail(session, set, facts);
    }

    bool abort_unfinished_ = false;
};

}  // namespace

std::unique_ptr<Command> make_upload_command() {
    return std::make_unique<UploadCommand>();
}

}  // namespace icecore::cli
