#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

#include "base/format.h"
#include "cli/program.h"

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

std::optional<std::string> environment_variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

/// This program's file, however it was found.
std::string program_path() {
    std::error_code error;
    std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? "icecore" : path.string();
}

/// Whether stderr is the stream that systemd made for this service: systemd.exec(5), "$JOURNAL_STREAM".
bool err_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat err {};
    return stream != nullptr && fstat(STDERR_FILENO, &err) == 0 &&
           icecore::format("{}:{}", err.st_dev, err.st_ino) == stream;
}

unsigned terminal_width_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80U;
}

}  // namespace

/// The composition root: the one place that touches the process's own streams, clock and environment.
int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    std::error_code ignored;
    icecore::SystemClock clock;
    std::unique_ptr<icecore::FileSystem> fs = icecore::make_file_system();
    icecore::cli::Io io{
        .in = std::cin,
        .out = std::cout,
        .err = std::cerr,
        .clock = clock,
        .fs = *fs,
        .environment = environment_variable,
        .sleep_ns = [](std::int64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); },
        .random =
            [generator = std::mt19937(std::random_device{}())]() mutable {
                return std::uniform_real_distribution<double>()(generator);
            },
        .cwd = std::filesystem::current_path(ignored).string(),
        .host = host_name(),
        .privileged = geteuid() == 0,
        .in_is_terminal = isatty(STDIN_FILENO) == 1,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = isatty(STDERR_FILENO) == 1,
        .err_is_journal = err_is_journal(),
        .width_columns = terminal_width_columns(),
        .program = program_path(),
        .systemd_runs = std::filesystem::is_directory("/run/systemd/system", ignored)};
    return icecore::cli::run_program({argv + 1, argv + argc}, io);
}
