#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/file.h"
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

/// First line that a command of ours prints; empty if it cannot be run.
std::string first_line_of(const char* command) {
    auto close = [](std::FILE* pipe) { pclose(pipe); };
    std::unique_ptr<std::FILE, decltype(close)> pipe(popen(command, "re"), close);
    std::array<char, 256> line{};
    if (pipe == nullptr || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return "";
    std::string text(line.data());
    return text.substr(0, text.find('\n'));
}

Diagnosis examine_tools(const Environment&) {
    constexpr const char* kHint = "needed only to restore without icecore, on whatever machine that will be";
    std::string tar = first_line_of("tar --version 2>/dev/null");
    if (tar.find("GNU tar") == std::string::npos) return warning("tar is missing or is not GNU tar", kHint);
    if (first_line_of("zstd --version 2>/dev/null").empty()) return warning("zstd is missing", kHint);
    if (first_line_of("gzip --version 2>/dev/null").empty()) return warning("gzip is missing", kHint);
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
