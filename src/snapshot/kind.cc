#include "snapshot/kind.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::snapshot {
namespace {

constexpr std::array<std::pair<Kind, std::string_view>, 4> kNames = {
    {{Kind::none, "none"}, {Kind::btrfs, "btrfs"}, {Kind::zfs, "zfs"}, {Kind::lvm, "lvm"}}};

/// A large pool may take minutes to write what is under way.
constexpr std::int64_t kToolLimitMs = 10 * 60'000;

bool is_logical_volume(const Place& place) {
    std::string uuid =
        format("/sys/dev/block/{}:{}/dm/uuid", place.stat.dev >> 32, place.stat.dev & 0xffffffff);
    return path_exists(uuid) && read_file(uuid).starts_with("LVM-");
}

}  // namespace

std::string_view kind_name(Kind kind) {
    for (const auto& [known, name] : kNames)
        if (known == kind) return name;
    return "none";
}

std::optional<Kind> parse_kind(std::string_view name) {
    for (const auto& [kind, known] : kNames)
        if (known == name) return kind;
    return std::nullopt;
}

std::unique_ptr<Maker> make_maker(const Options& options, const RunProcess& run) {
    CHECK(options.kind != Kind::none);
    if (options.kind == Kind::btrfs) return make_btrfs_maker();
    if (options.kind == Kind::zfs) return make_zfs_maker(run);
    return make_lvm_maker(options, run);
}

Kind fitting_kind(const Place& place) {
    if (place.type == "btrfs") return Kind::btrfs;
    if (place.type == "zfs") return Kind::zfs;
    return is_logical_volume(place) ? Kind::lvm : Kind::none;
}

void refuse_place(const Place& place, Kind kind, std::string_view needed) {
    Kind fitting = fitting_kind(place);
    std::string hint = fitting == Kind::none || fitting == kind
                           ? "nothing there makes snapshots: leave `snapshot` out of the configuration"
                           : format("snapshot = \"{}\" would suit it", kind_name(fitting));
    throw Error(Error::Kind::invalid,
                format("snapshot = \"{}\" needs {}, and {} is on {} ({})", kind_name(kind), needed,
                       escape_path(place.path), place.type, escape_path(place.source)),
                hint);
}

ProcessResult run_tool(const RunProcess& run, std::vector<std::string> words, std::string_view package) {
    Process process;
    process.words = std::move(words);
    process.environment = {{"LC_ALL", "C"}, {"LVM_SUPPRESS_FD_WARNINGS", "1"}};
    process.limit_ms = kToolLimitMs;
    process.output_bytes_max = 1 << 20;
    try {
        ProcessResult result = run(process);
        if (result.end == ProcessResult::End::time_over)
            throw Error(Error::Kind::io, format("{} {}", process.words[0], result.text(process.limit_ms)));
        return result;
    } catch (Error& e) {
        if (e.kind() == Error::Kind::not_found) e.set_hint(format("install {}", package));
        throw;
    }
}

std::string run_tool_well(const RunProcess& run, std::vector<std::string> words, std::string_view package) {
    std::string command;
    for (const std::string& word : words) command += (command.empty() ? "" : " ") + word;
    ProcessResult result = run_tool(run, std::move(words), package);
    if (result.succeeded()) return std::move(result.out);
    std::string said = result.said();
    throw Error(Error::Kind::io, format("`{}` {}{}", quotable(command), result.text(kToolLimitMs),
                                        said.empty() ? "" : ": " + said));
}

}  // namespace icecore::snapshot
