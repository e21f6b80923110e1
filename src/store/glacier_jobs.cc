#include "store/glacier_jobs.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"

namespace icecore::store {
namespace {

using cloud::GlacierClient;
using cloud::GlacierJob;
using cloud::GlacierTier;

/// How long the output of a job can be read after it is done, by the service's word.
constexpr std::int64_t kOutputSeconds = 24 * 3600;
/// How often a request is begun whose reply is lost each time.
constexpr unsigned kBeginAttempts = 4;

GlacierTier tier_of(ThawTier tier) {
    switch (tier) {
        case ThawTier::bulk:
            return GlacierTier::bulk;
        case ThawTier::standard:
            return GlacierTier::standard;
        case ThawTier::expedited:
            return GlacierTier::expedited;
    }
    CHECK(false);
}

}  // namespace

GlacierJobs::GlacierJobs(GlacierClient& client, const std::string& vault, const Clock& clock)
    : client_(client), vault_(vault), clock_(clock) {}

const std::vector<GlacierJob>& GlacierJobs::jobs() {
    if (!jobs_) {
        std::vector<GlacierJob> found;
        client_.list_jobs(vault_, [&](const GlacierJob& job) { found.push_back(job); });
        // The last one first: its output can be read longest.
        std::stable_sort(found.begin(), found.end(),
                         [](const GlacierJob& a, const GlacierJob& b) { return a.created > b.created; });
        jobs_ = std::move(found);
    }
    return *jobs_;
}

/// Done ones before those under way. `end` 0: one of the whole archive, however long that is.
const GlacierJob* GlacierJobs::find(const std::string& archive_id, std::uint64_t offset, std::uint64_t end,
                                    bool done_only) {
    const GlacierJob* under_way = nullptr;
    for (const GlacierJob& job : jobs()) {
        if (job.kind != GlacierJob::Kind::archive || job.archive_id != archive_id) continue;
        bool whole = job.range_offset == 0 && job.range_bytes == job.archive_bytes;
        if (end == 0 ? !whole : job.range_offset > offset || job.range_offset + job.range_bytes < end)
            continue;
        if (job.status == GlacierJob::Status::succeeded) return &job;
        if (job.status == GlacierJob::Status::in_progress && under_way == nullptr) under_way = &job;
    }
    return done_only ? nullptr : under_way;
}

ThawState GlacierJobs::state_of(const GlacierJob& job) const {
    ThawState state;
    state.ticket = job.id;
    state.message = job.message;
    switch (job.status) {
        case GlacierJob::Status::in_progress:
            state.phase = ThawState::Phase::pending;
            break;
        case GlacierJob::Status::failed:
            state.phase = ThawState::Phase::failed;
            break;
        case GlacierJob::Status::succeeded:
            state.phase = ThawState::Phase::ready;
            if (job.completed) state.until = add_ns(*job.completed, kOutputSeconds * 1'000'000'000);
            break;
    }
    return state;
}

GlacierJob GlacierJobs::begin(const cloud::GlacierArchiveJob& wanted) {
    for (unsigned attempt = 1;; ++attempt) {
        try {
            GlacierJob job;
            job.id = client_.initiate_archive_job(vault_, wanted);
            job.archive_id = wanted.archive_id;
            job.range_offset = wanted.offset;
            job.range_bytes = wanted.length_bytes;
            job.created = clock_.now();
            return job;
        } catch (const Error& e) {
            if (e.kind() != Error::Kind::transient || attempt == kBeginAttempts) throw;
        }
        // The reply was lost. If the job was begun, it is listed.
        forget();
        if (const GlacierJob* job =
                find(wanted.archive_id, wanted.offset, wanted.offset + wanted.length_bytes, false))
            return *job;
    }
}

ThawState GlacierJobs::request(const ThawRequest& request, const std::string& description) {
    if (request.object.id.empty())
        throw Error(Error::Kind::not_found,
                    format("the id of {} in vault {} is not known", request.object.name, vault_),
                    "icecore recover reads it from the vault's inventory");
    std::uint64_t end = request.offset + request.length_bytes;
    if (const GlacierJob* job = find(request.object.id, request.offset, end, false)) return state_of(*job);
    GlacierJob job = begin({.archive_id = request.object.id,
                            .tier = tier_of(request.tier),
                            .offset = request.offset,
                            .length_bytes = request.length_bytes,
                            .description = description});
    jobs_->push_back(job);
    return state_of(job);
}

ThawState GlacierJobs::poll(const AskedThaw& thaw) {
    const std::string& job_id = thaw.ticket;
    if (job_id.empty()) {
        forget();
        const ThawRequest& request = thaw.request;
        std::uint64_t end = request.offset + request.length_bytes;
        if (const GlacierJob* job = find(request.object.id, request.offset, end, false))
            return state_of(*job);
        ThawState never_asked;
        never_asked.phase = ThawState::Phase::failed;
        never_asked.message = "the request for it never arrived";
        return never_asked;
    }
    try {
        GlacierJob job = client_.describe_job(vault_, job_id);
        if (jobs_)
            for (GlacierJob& known : *jobs_)
                if (known.id == job_id) known = job;
        return state_of(job);
    } catch (const Error& e) {
        if (e.kind() != Error::Kind::not_found) throw;
        forget();
        ThawState state;
        state.phase = ThawState::Phase::failed;
        state.message = "the service no longer knows the job; its output could be read for a day";
        return state;
    }
}

GlacierJob GlacierJobs::readable(const ObjectRange& range) {
    std::uint64_t end = range.offset + range.length_bytes;
    const GlacierJob* found = nullptr;
    for (unsigned attempt = 0; attempt < 2 && found == nullptr; ++attempt) {
        if (attempt > 0) forget();  // what was listed before may be done by now
        for (const GlacierJob& job : jobs()) {
            if (job.archive_id != range.object.id || job.status != GlacierJob::Status::succeeded) continue;
            bool whole = job.range_offset <= range.offset && job.range_offset + job.range_bytes >= end;
            bool beyond = end > job.archive_bytes && job.archive_bytes > 0;
            if (beyond)
                throw Error(
                    Error::Kind::corrupt,
                    format("{} has {} bytes only in vault {}; asked for were {} at {}", range.object.name,
                           job.archive_bytes, vault_, range.length_bytes, range.offset));
            if (whole && (found == nullptr || job.id == range.ticket)) found = &job;
        }
    }
    if (found == nullptr)
        throw Error(Error::Kind::not_ready,
                    format("{} must be thawed before it can be read", range.object.name),
                    "icecore restore --from remote asks for it");
    return *found;
}

bool GlacierJobs::find_whole(const std::string& archive_id, std::uint64_t size_bytes) {
    return find(archive_id, 0, size_bytes, true) != nullptr;
}

GlacierJob GlacierJobs::retrieve(const std::string& archive_id, ThawTier tier, const std::string& description,
                                 bool& begun) {
    if (const GlacierJob* job = find(archive_id, 0, 0, false)) {
        begun = false;
        return *job;
    }
    begun = true;
    std::string id = begin({.archive_id = archive_id, .tier = tier_of(tier), .description = description}).id;
    forget();
    return client_.describe_job(vault_, id);
}

std::optional<GlacierJob> GlacierJobs::inventory_job(std::optional<std::int64_t> age_seconds_max,
                                                     bool& begun) {
    begun = false;
    if (!client_.describe_vault(vault_).last_inventory) return std::nullopt;
    forget();
    std::int64_t now = clock_.now().sec;
    std::optional<GlacierJob> under_way;
    for (const GlacierJob& job : jobs()) {
        if (job.kind != GlacierJob::Kind::inventory || !job.inventory_whole || job.inventory_format == "CSV")
            continue;
        bool young = !age_seconds_max || (*age_seconds_max > 0 &&
                                          now - job.completed.value_or(job.created).sec < *age_seconds_max);
        if (job.status == GlacierJob::Status::succeeded && young) return job;
        if (job.status == GlacierJob::Status::in_progress && !under_way) under_way = job;
    }
    if (under_way) return under_way;
    begun = true;
    std::string id = client_.initiate_inventory_job(vault_, "icecore");
    forget();
    return client_.describe_job(vault_, id);
}

std::optional<GlacierJob> GlacierJobs::inventory() {
    bool begun = false;
    std::optional<GlacierJob> job = inventory_job(std::nullopt, begun);
    if (!job || job->status == GlacierJob::Status::succeeded) return job;
    throw Error(Error::Kind::not_ready,
                format("vault {} {} its inventory; that takes some hours", vault_,
                       begun ? "was asked for" : "still prepares"),
                "run the same command again then");
}

}  // namespace icecore::store
