#include <memory>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "engine/abandoned_uploads.h"
#include "engine/doctor_check.h"
#include "engine/offsite.h"
#include "store/target.h"

namespace icecore::engine {
namespace {

/// A target that was opened, and whose it is.
struct Opened {
    const Environment& env;
    const SetOptions& set;
    const std::vector<catalog::Run>& runs;
    store::Target& target;
};

/// A target that is told nothing.
class SilentObserver final : public Observer {
  public:
    void progress(const Progress&) override {}
    void warning(std::string_view) override {}
};

Diagnosis examine_answer(const Opened& opened) {
    opened.target.check();
    std::optional<OffsiteStatus> status = read_offsite_status(opened.env, opened.set, opened.runs);
    if (status && status->stored_files > 0) refuse_emptied(opened.set, opened.target);
    if (status && status->waiting_files > 0)
        return warning(format("{} files ({}) are not offsite yet", status->waiting_files,
                              format_bytes(status->waiting_bytes)),
                       "`icecore upload` stores them");
    return fine(opened.target.identity() + " can be reached, and has everything");
}

/// "NAME of 2026-11-22 03:15:00 (7 days old, 160 MiB)"
std::string about_unfinished(const Opened& opened, const store::UnfinishedUpload& upload) {
    std::int64_t days = (opened.env.clock.now().sec - upload.begun->sec) / (24 * 3600);
    std::string out = format("{} of {} ({} {} old", upload.name, format_local(*upload.begun), days,
                             days == 1 ? "day" : "days");
    try {
        if (std::optional<std::uint64_t> bytes = opened.target.unfinished_bytes(upload))
            out += ", " + format_bytes(*bytes);
    } catch (const Error&) {
        // A key may be allowed to list uploads and not their parts.
    }
    return out + ")";
}

/// Uploads that were begun and never ended: their parts are paid for.
Diagnosis examine_unfinished(const Opened& opened) {
    std::vector<store::UnfinishedUpload> abandoned;
    try {
        abandoned = abandoned_uploads(opened.env, opened.set, opened.target);
    } catch (const Error& e) {
        return warning(e.message(), e.hint());
    }
    if (abandoned.empty()) return fine("no upload that was begun is left unfinished");
    std::vector<std::string> names;
    for (const store::UnfinishedUpload& upload : abandoned)
        names.push_back(names.size() < kNamesMax ? about_unfinished(opened, upload) : upload.name);
    return warning("uploads that were begun and never ended: " + some_of(names),
                   "what has arrived of them is paid for: `icecore upload --abort-unfinished` removes it");
}

/// What is set up at the target and may do harm: a line each.
void examine_remarks(const Opened& opened, std::vector<Diagnosis>& out) {
    auto remark = [&](const std::string& message, const std::string& hint) {
        out.push_back(warning(message, hint));
        out.back().check = "remarks";
    };
    try {
        for (const store::TargetRemark& told : opened.target.remarks()) remark(told.message, told.hint);
    } catch (const Error& e) {
        remark(e.message(), e.hint());
    }
}

constexpr DoctorCheck<Opened> kTarget = {"target", examine_answer};
constexpr DoctorCheck<Opened> kUnfinished = {"unfinished", examine_unfinished};

}  // namespace

void examine_target(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs,
                    std::vector<Diagnosis>& out) {
    SilentObserver observer;
    std::unique_ptr<store::Target> target;
    Diagnosis none = fine("none: archives are in the backup directory only");
    try {
        target = open_target(env, set, observer, Patience::seconds);
    } catch (const Error& e) {
        none = problem(e.message(), e.hint());
    }
    if (target == nullptr) {
        none.check = kTarget.name;
        out.push_back(std::move(none));
        return;
    }
    Opened opened{env, set, runs, *target};
    out.push_back(examined(kTarget, opened));
    // One that does not answer would say the same again.
    if (out.back().status == Diagnosis::Status::problem) return;
    out.push_back(examined(kUnfinished, opened));
    examine_remarks(opened, out);
}

}  // namespace icecore::engine
