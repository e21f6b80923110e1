#include "scan/change.h"

#include <cstdint>

namespace icecore::scan {
namespace {

/// The coarsest step in which a file system that wrote `t` may count, with a margin: kernels stamp files with
/// the time of their last tick.
std::int64_t granularity_ns(Timestamp t) {
    return t.nsec == 0 ? 2'000'000'000 : 50'000'000;
}

bool may_repeat(Timestamp t, Timestamp read_started) {
    return t > add_ns(read_started, -granularity_ns(t));
}

}  // namespace

Verdict compare(const FileStat& old, bool old_racy, const FileStat& now) {
    if (old.type != now.type || old.size != now.size || old.mtime != now.mtime || old.mode != now.mode ||
        old.uid != now.uid || old.gid != now.gid || old.rdev_major != now.rdev_major ||
        old.rdev_minor != now.rdev_minor)
        return Verdict::changed;
    bool same = old.ctime == now.ctime && old.ino == now.ino;
    return same && !old_racy ? Verdict::unchanged : Verdict::suspect;
}

bool is_racy(const FileStat& stat, Timestamp read_started) {
    return may_repeat(stat.ctime, read_started) || may_repeat(stat.mtime, read_started);
}

}  // namespace icecore::scan
