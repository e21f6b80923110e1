#include "fault/child.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/format.h"
#include "fault/power_disk.h"

namespace icecore::testing {
namespace {

constexpr std::string_view kChild = "--backup-child";

}  // namespace

CommandResult run_with_fault(const Argv& program, const std::string& fault, const std::string& trace) {
    // `timeout` and `env` themselves run without the injector.
    Argv argv = {"timeout", "-s", "QUIT", "60", "env"};
    if (!fault.empty()) {
        argv.push_back("LD_PRELOAD=" ICECORE_FAULT_PRELOAD);
        argv.push_back("ICECORE_FAULT=" + fault);
        argv.push_back("ICECORE_FAULT_TRACE=" + trace);
    }
    argv.insert(argv.end(), program.begin(), program.end());
    return run_command(argv);
}

std::vector<std::string> trace_lines(const std::string& trace) {
    std::ifstream in(trace);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

CommandResult run_backup_child(const engine::SetOptions& set, const ChildOptions& options) {
    return run_with_fault(
        {std::filesystem::read_symlink("/proc/self/exe"), std::string(kChild), set.data_dir, set.backup_dir,
         std::to_string(set.volume_bytes_max), options.power, options.full ? "full" : ""},
        options.fault, options.trace);
}

std::optional<int> backup_child_status(int argc, char** argv) {
    if (argc != 7 || argv[1] != kChild) return std::nullopt;
    ShiftedClock clock(10);
    std::unique_ptr<FileSystem> fs = make_file_system();
    PowerDisk* disk = nullptr;
    if (*argv[5] != '\0') {
        auto owned = std::make_unique<PowerDisk>(argv[3], argv[5]);
        disk = owned.get();
        fs = std::move(owned);
    }
    engine::Environment environment{clock, *fs, "host", "0.0.0-test", 2};
    engine::SetOptions set;
    set.name = "set";
    set.data_dir = argv[2];
    set.backup_dir = argv[3];
    set.compression = archive::parse_compression("zstd:1");
    set.volume_bytes_max = std::strtoull(argv[4], nullptr, 10);
    RecordingObserver observer;
    try {
        engine::BackupRequest request{.full = *argv[6] != '\0', .allow_empty = true};
        bool incomplete = engine::run_backup(environment, set, request, observer).incomplete();
        for (const std::string& warning : observer.warnings) std::fprintf(stderr, "%s\n", warning.c_str());
        if (disk != nullptr) disk->finish();
        return incomplete ? 3 : 0;
    } catch (const Error& e) {
        std::fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}

}  // namespace icecore::testing
