#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace icecore {

/// A program to run, with everything it may take.
struct Process {
    std::vector<std::string> words =
        {};  ///< its name (looked up in PATH) and its arguments; at least the name
    std::map<std::string, std::string> environment =
        {};                          ///< set, or set otherwise, besides this program's own
    std::string_view input = {};     ///< what it reads from stdin; must outlive the run
    std::int64_t limit_ms = 60'000;  ///< it is killed after that
    /// What is kept of its output, of stdout and stderr each. Of more, the beginning is kept and the rest
    /// read and dropped; with `kill_if_more` the program is killed as soon as stdout has more.
    std::size_t output_bytes_max = 64 << 10;
    bool kill_if_more = false;
};

/// What became of it.
struct ProcessResult {
    enum class End : std::uint8_t {
        exited,     ///< by itself: `status` is its exit status
        signalled,  ///< `status` is the signal
        time_over,  ///< killed: it did not end within limit_ms
        too_long,   ///< killed: it printed more than output_bytes_max
    };
    End end = End::exited;
    int status = 0;
    std::string out;
    std::string err;
    std::uint64_t dropped_bytes = 0;  ///< of output that was not kept

    /// What it wrote on stderr, else on stdout, as one line for a message; "" if it wrote nothing.
    std::string said() const;
    bool succeeded() const { return end == End::exited && status == 0; }
    /// "ended with status 3", "was ended by signal 9", "did not end within 60 s", "prints too much".
    std::string text(std::int64_t limit_ms) const;
};

/// Runs it to its end; no shell. Signals that this program ignores or blocks are none to it. It gets a
/// process group of its own, and what it leaves running in there is killed with it if its time is over; else
/// it is not waited for. Threads: any. Throws Error{not_found} if there is no such program, Error{denied} if
/// it may not be run, Error{io} for what this machine lacks (processes, descriptors).
ProcessResult run_process(const Process& process);

}  // namespace icecore
