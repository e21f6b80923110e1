#include <fcntl.h>

#include "base/file.h"
#include "base/format.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"
#include "engine/doctor.h"

namespace icecore::cli {
namespace {

using engine::Diagnosis;

std::string_view status_name(Diagnosis::Status status) {
    switch (status) {
        case Diagnosis::Status::ok:
            return "ok";
        case Diagnosis::Status::warning:
            return "warning";
        case Diagnosis::Status::problem:
            return "problem";
    }
    return "problem";
}

/// Who may read and write the configuration: it says what is backed up, which program sends mail, and perhaps
/// a password.
Diagnosis examine_config(const Config& config) {
    Diagnosis out{Diagnosis::Status::ok, "config", config.path, ""};
    Fd fd = open_file(config.path, O_RDONLY);
    FileStat stat;
    if (!stat_at(fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("examining " + config.path);
    bool secret = config.report.smtp.find('@') != std::string::npos;
    if ((stat.mode & 0022) != 0) {
        out = {Diagnosis::Status::problem, "config",
               format("others may write {} (mode {:04o})", config.path, stat.mode),
               format("chmod 0600 {}", config.path)};
    } else if (secret && (stat.mode & 0044) != 0) {
        out = {Diagnosis::Status::problem, "config",
               format("others may read the password in {} (mode {:04o})", config.path, stat.mode),
               format("chmod 0600 {}", config.path)};
    }
    return out;
}

class DoctorCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "doctor",
            .summary = "look for what may go wrong",
            .description =
                "Checks configuration, directories, free space, clock, locks, leftovers, chains\n"
                "and catalogue of each set, and this machine: one line each, with advice where\n"
                "there is some. Quick: it reads no archive (`icecore verify` does) and changes\n"
                "nothing.\n"
                "Exit status 1 if there is a problem, 0 if there are only warnings.",
            .example = "icecore doctor\nicecore doctor --json | jq '.checks[] | select(.status != \"ok\")'",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        JsonOutput json(session.io().out);
        if (session.options().json) {
            json_ = &json;
            json.writer().begin_object().key("checks").begin_array();
        }
        examine(session);
        if (json_ != nullptr) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return problems_ == 0 ? kDone : kFailed;
    }

  private:
    void examine(Session& session) {
        try {
            tell(session, "", examine_config(session.config()));
        } catch (const Error& e) {
            tell(session, "", {Diagnosis::Status::problem, "config", e.message(), e.hint()});
            tell_all(session, "", engine::examine_machine(session.environment()));
            return;
        }
        for (const engine::SetOptions* set : session.sets())
            tell_all(session, set->name, engine::examine_set(session.environment(), *set));
        tell_all(session, "", engine::examine_machine(session.environment()));
    }

    void tell_all(Session& session, const std::string& set, const std::vector<Diagnosis>& diagnoses) {
        for (const Diagnosis& diagnosis : diagnoses) tell(session, set, diagnosis);
    }

    void tell(Session& session, const std::string& set, const Diagnosis& diagnosis) {
        bool ok = diagnosis.status == Diagnosis::Status::ok;
        if (diagnosis.status == Diagnosis::Status::problem) ++problems_;
        if (json_ != nullptr) {
            JsonWriter& writer = json_->writer();
            writer.begin_object().field("set", set).field("check", diagnosis.check);
            writer.field("status", status_name(diagnosis.status));
            writer.field("message", printable(diagnosis.message)).field("hint", printable(diagnosis.hint));
            writer.end_object();
        } else if (!ok || !session.messages().quiet) {
            std::string subject = set.empty() ? diagnosis.check : set + ": " + diagnosis.check;
            std::ostream& out = session.io().out;
            out << format("{:<8} {}: {}\n", status_name(diagnosis.status), subject,
                          printable(diagnosis.message));
            if (!diagnosis.hint.empty()) out << format("{:<8} hint: {}\n", "", printable(diagnosis.hint));
        }
    }

    JsonOutput* json_ = nullptr;
    std::uint64_t problems_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() {
    return std::make_unique<DoctorCommand>();
}

}  // namespace icecore::cli
