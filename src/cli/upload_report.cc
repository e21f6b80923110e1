#include "cli/upload_report.h"

#include "base/format.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/program.h"

namespace icecore::cli {

std::string upload_line(const engine::UploadResult& result) {
    if (result.files == 0 && result.complete())
        return format("nothing to store: all {} are offsite", plural(result.stored_files, "file", "files"));
    std::string line = format("stored {} ({}) in {}", plural(result.files, "file", "files"),
                              format_bytes(result.bytes), format_duration(result.seconds));
    if (result.waiting_files > 0) {
        line += format("; {} ({}) {}", plural(result.waiting_files, "file", "files"),
                       format_bytes(result.waiting_bytes), result.waiting_files == 1 ? "waits" : "wait");
    }
    return line;
}

void write_upload_fields(JsonWriter& json, const engine::UploadResult& result) {
    json.field("files", result.files).field("bytes", result.bytes);
    json.field("stored_files", result.stored_files);
    json.field("waiting_files", result.waiting_files).field("waiting_bytes", result.waiting_bytes);
    json.key("problems").begin_array();
    for (const std::string& problem : result.problems) json.string(printable(problem));
    json.end_array();
    json.field("error", result.failure ? printable(result.failure->message()) : "");
    json.field("hint", result.failure ? printable(result.failure->hint()) : "");
    json.field("seconds", result.seconds);
}

report::RunFacts::Upload upload_facts(const engine::UploadResult& result) {
    report::RunFacts::Upload facts;
    facts.files = result.files;
    facts.bytes = result.bytes;
    facts.waiting_files = result.waiting_files;
    facts.waiting_bytes = result.waiting_bytes;
    facts.problems = result.problems;
    if (result.failure) facts.problems.push_back(result.failure->message());
    return facts;
}

int report_upload_problems(Messages& messages, const engine::UploadResult& result, std::string_view context,
                           std::string_view advice) {
    std::string prefix = context.empty() ? "" : format("{}: ", context);
    for (const std::string& problem : result.problems) messages.error(prefix + problem);
    if (result.failure) {
        std::string hint = result.failure->hint();
        if (!advice.empty()) hint += (hint.empty() ? "" : "; ") + std::string(advice);
        if (result.failure->kind() == Error::Kind::not_ready) {
            messages.note(prefix + result.failure->message());
            if (!hint.empty()) messages.note(hint);
            return result.problems.empty() ? kPending : kFailed;
        }
        messages.error(prefix + result.failure->message(), hint);
    } else if (!result.problems.empty() && !advice.empty()) {
        messages.note(advice);
    }
    return result.complete() ? kDone : kFailed;
}

}  // namespace icecore::cli
