#include "sim/s3/intervals.h"

#include <algorithm>

namespace icecore::sim::s3 {

void add_intervals(const Version& version, Timestamp end, bool gone, std::vector<S3Interval>& out) {
    if (version.delete_marker) return;
    out.push_back({.what = S3Interval::What::object,
                   .storage_class = version.attributes.storage_class,
                   .size_bytes = version.size_bytes,
                   .begun = version.in_class_since,
                   .ended = end,
                   .gone = gone,
                   .moved = version.moved});
    add_copy_interval(version, end, out);
}

void add_copy_interval(const Version& version, Timestamp end, std::vector<S3Interval>& out) {
    if (!version.restore || version.restore->ready >= end) return;
    out.push_back({.what = S3Interval::What::copy,
                   .storage_class = version.attributes.storage_class,
                   .size_bytes = version.size_bytes,
                   .begun = version.restore->ready,
                   .ended = std::min(version.restore->expiry, end)});
}

void add_intervals(const Upload& upload, Timestamp end, std::vector<S3Interval>& out) {
    for (const auto& [number, part] : upload.parts)
        out.push_back({.what = S3Interval::What::parts,
                       .storage_class = upload.attributes.storage_class,
                       .size_bytes = part.blob->size_bytes(),
                       .begun = part.modified,
                       .ended = end});
}

}  // namespace icecore::sim::s3
