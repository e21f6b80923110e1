#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/process.h"
#include "engine/doctor_check.h"

namespace icecore::engine {
namespace {

/// Before this program existed.
constexpr std::int64_t kPlausibleSeconds = 1'704'067'200;  // 2024-01-01T00:00:00Z
constexpr rlim_t kDescriptorsMin = 256;

Diagnosis examine_clock(const Environment& env) {
    Timestamp now = env.clock.now();
    if (now.sec < kPlausibleSeconds)
        return problem(format("it is {}", format_local(now)), "set the clock; runs are found by their time");
    return fine(format("it is {}", format_local(now)));
}

Diagnosis examine_kernel(const Environment&) {
    Fd root = open_file("/", O_PATH | O_DIRECTORY);
    if (!open_beneath(root.get(), "", O_PATH | O_DIRECTORY) && errno == ENOSYS)
        return problem("the kernel does not have openat2(2)", "Linux 5.6 or newer is needed");
    return fine("has openat2(2)");
}

Diagnosis examine_user(const Environment&) {
    if (geteuid() == 0) return fine("runs as root");
    return warning(format("runs as user {}, not as root", geteuid()),
                   "files that this user may not read are left out, and a restore cannot set owners");
}

Diagnosis examine_limits(const Environment&) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("reading the limit of open files");
    if (limit.rlim_cur < kDescriptorsMin)
        return warning(format("only {} files may be open at once", limit.rlim_cur),
                       format("`ulimit -n {}` or more", kDescriptorsMin));
    return fine(limit.rlim_cur == RLIM_INFINITY ? "no limit of open files"
                                                : format("{} files may be open at once", limit.rlim_cur));
}

/// First line that `PROGRAM --version` prints; empty if it cannot be run.
std::string version_line(const char* program) {
    constexpr std::int64_t kLimitMs = 10'000;
    try {
        std::string out = run_process({.words = {program, "--version"}, .limit_ms = kLimitMs}).out;
        return out.substr(0, out.find('\n'));
    } catch (const Error&) {
        return "";
    }
}

Diagnosis examine_tools(const Environment&) {
    constexpr const char* kHint = "needed only to restore without icecore, on whatever machine that will be";
    std::string tar = version_line("tar");
    if (tar.find("GNU tar") == std::string::npos) return warning("tar is missing or is not GNU tar", kHint);
    if (version_line("zstd").empty()) return warning("zstd is missing", kHint);
    if (version_line("gzip").empty()) return warning("gzip is missing", kHint);
    return fine(tar + ", zstd and gzip are there");
}

/// What is looked at, in this order.
constexpr std::array<DoctorCheck<Environment>, 5> kMachineChecks = {{{"clock", examine_clock},
                                                                     {"kernel", examine_kernel},
                                                                     {"user", examine_user},
                                                                     {"limits", examine_limits},
                                                                     {"tools", examine_tools}}};

}  // namespace

std::vector<Diagnosis> examine_machine(const Environment& env) {
    std::vector<Diagnosis> out;
    examine_all<Environment>(kMachineChecks, env, out);
    return out;
}

}  // namespace icecore::engine
