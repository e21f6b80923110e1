#include "cli/set_status.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/format.h"
#include "engine/backup_dir.h"

namespace icecore::cli {
namespace {

std::uint64_t files_bytes(const std::string& dir) {
    Fd fd = open_file(dir, O_RDONLY | O_DIRECTORY);
    std::uint64_t bytes = 0;
    for (const std::string& name : list_directory(dir)) {
        FileStat stat;
        if (stat_at(fd.get(), name.c_str(), stat) && stat.type == FileType::regular) bytes += stat.size;
    }
    return bytes;
}

/// The reasons that can be told without scanning.
std::string why_full(const engine::SetOptions& set, const std::vector<catalog::Run>& runs, Timestamp now) {
    if (runs.empty()) return "it is the first";
    if (!path_exists(format("{}/{}", set.backup_dir, engine::kSnarName))) {
        return format("{} is missing", engine::kSnarName);
    }
    std::uint32_t chain = runs.back().header.chain;
    std::uint32_t length = 0;
    Timestamp chain_started = runs.back().header.started;
    for (const catalog::Run& run : runs) {
        if (run.header.chain != chain) continue;
        ++length;
        if (run.header.kind == archive::RunKind::full) chain_started = run.header.started;
    }
    const engine::FullEvery& every = set.full_every;
    if ((every.runs && length >= *every.runs) ||
        (every.seconds && now.sec - chain_started.sec >= *every.seconds)) {
        return "full_every is reached";
    }
    return {};
}

}  // namespace

SetStatus read_set_status(Session& session, const engine::SetOptions& set) {
    SetStatus status;
    status.name = set.name;
    status.data_dir = set.data_dir;
    status.backup_dir = set.backup_dir;
    std::vector<catalog::Run> runs;
    if (path_exists(set.backup_dir)) {
        status.running = engine::lock_holder(set.backup_dir).has_value();
        status.backup_dir_bytes = files_bytes(set.backup_dir);
        try {
            runs = open_set(session, set).runs;
        } catch (const Error& error) {
            if (error.kind() != Error::Kind::not_found) throw;
        }
    }
    status.offsite = engine::read_offsite_status(session.environment(), set, runs);
    status.runs = runs.size();
    for (const catalog::Run& run : runs) status.chains += run.header.kind == archive::RunKind::full ? 1 : 0;
    if (!runs.empty()) status.last_run = runs.back();
    status.full_reason = why_full(set, runs, session.io().clock.now());
    return status;
}

}  // namespace icecore::cli
