#include "report/hook.h"

#include "base/format.h"

namespace icecore::report {

std::map<std::string, std::string> hook_environment(const RunFacts& facts) {
    std::map<std::string, std::string> variables = {
        {"ICECORE_SET", facts.set},
        {"ICECORE_HOST", facts.host},
        {"ICECORE_DATA", facts.data_dir},
        {"ICECORE_BACKUP", facts.backup_dir},
    };
    if (facts.ended()) {
        variables["ICECORE_RESULT"] = result_name(facts.result);
        variables["ICECORE_STATUS"] = std::to_string(facts.exit_status);
        variables["ICECORE_SECONDS"] = format("{:.0f}", facts.seconds());
        variables["ICECORE_ERROR"] = facts.error;
    }
    auto number = [&](const char* name, std::uint64_t value) { variables[name] = std::to_string(value); };
    if (facts.header) {
        const archive::RunCounts& counts = facts.trailer.counts;
        variables["ICECORE_KIND"] = facts.header->kind == archive::RunKind::full ? "full" : "incremental";
        variables["ICECORE_ARCHIVE"] = facts.header->archive_name;
        variables["ICECORE_LOG"] = facts.log_file;
        number("ICECORE_RUN", facts.header->run);
        number("ICECORE_FILES", counts.files);
        number("ICECORE_ADDED", counts.added);
        number("ICECORE_CHANGED", counts.changed);
        number("ICECORE_DELETED", counts.deleted);
        number("ICECORE_RENAMED", counts.renamed);
        number("ICECORE_ERRORS", counts.errors);
        number("ICECORE_TREE_BYTES", counts.tree_bytes);
        number("ICECORE_READ_BYTES", counts.read_bytes);
        number("ICECORE_STORED_BYTES", counts.stored_bytes);
    }
    if (facts.upload) {
        number("ICECORE_UPLOADED_BYTES", facts.upload->bytes);
        number("ICECORE_WAITING_FILES", facts.upload->waiting_files);
    }
    return variables;
}

}  // namespace icecore::report
