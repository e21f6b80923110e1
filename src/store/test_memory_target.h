#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/target.h"

namespace icecore::store {

/// What a MemoryTarget stores in, and how it behaves; outlives the targets that are opened on it.
struct MemoryVault {
    struct Object {
        std::string name;
        std::string content;
        Digest sha256;
        Digest tree_hash;
    };
    /// A request that makes a range of an object readable.
    struct Job {
        std::string object_id;
        std::uint64_t offset = 0;
        std::uint64_t end = 0;
        ThawTier tier = ThawTier::bulk;
        ThawState::Phase phase = ThawState::Phase::pending;
        std::optional<Timestamp> until = {};
    };
    std::map<std::string, Object> objects;     ///< by id
    std::map<std::string, std::string> parts;  ///< by upload id: what has arrived
    std::uint64_t part_bytes = 4 << 20;
    std::uint64_t next_id = 1;
    bool inventory_asked = false;
    bool inventory_ready = false;
    bool thaws_ranges = false;
    bool thaw_needed = true;     ///< else reading costs
    bool hastens = false;        ///< a faster tier makes a job under way faster
    std::uint64_t hastened = 0;  ///< how often that was asked for
    std::array<std::uint64_t, 3> thaw_gap_bytes = {};
    std::map<std::string, Job> jobs;     ///< by ticket; those that expired are gone
    std::optional<Timestamp> until;      ///< how long what is thawed from now on can be read
    unsigned thaws_failing = 0;          ///< so many of those under way will fail
    std::uint64_t thawed_bytes = 0;      ///< asked for so far: what is paid for
    std::uint64_t thaws = 0;             ///< requests that began a job
    std::uint64_t read_bytes = 0;        ///< that went out
    std::uint64_t sink_bytes = 1 << 20;  ///< of a piece that a read hands out
    /// Called, by one thread at a time, before each call and each piece read, with what it is; may throw.
    std::function<void(std::string_view what)> on_call;
    std::recursive_mutex mutex;  ///< each call of a target takes it

    /// Hours.
    void let_time_pass() {
        for (auto& [ticket, job] : jobs) {
            if (job.phase != ThawState::Phase::pending) continue;
            job.phase = thaws_failing > 0 ? ThawState::Phase::failed : ThawState::Phase::ready;
            if (thaws_failing > 0) --thaws_failing;
            job.until = until;
        }
        inventory_ready = inventory_asked;
    }
    void make_readable(const std::string& id) {
        std::uint64_t size = objects.at(id).content.size();
        jobs["job" + std::to_string(next_id++)] = {id, 0, size, ThawTier::bulk, ThawState::Phase::ready};
    }
    /// A day: what was thawed is frozen again.
    void let_thaws_expire() {
        std::erase_if(jobs, [](const auto& job) { return job.second.phase != ThawState::Phase::pending; });
    }
};

/// A target in memory that is as unlike a directory as the contract allows: objects are found by id, must be
/// thawed (wholly or by range), are not replaced, reads are aligned, and listing takes a job.
class MemoryTarget final : public PlainTarget {
  public:
    static constexpr std::uint64_t kAlignmentBytes = 4096;

    explicit MemoryTarget(MemoryVault& vault) : vault_(vault) {}

    Capabilities capabilities() const override {
        return {.thaw_needed = vault_.thaw_needed,
                .thaws_ranges = vault_.thaws_ranges,
                .hastens_thaws = vault_.hastens,
                .reading_costs = !vault_.thaw_needed,
                .replaces = false,
                .lists_at_once = false,
                .range_alignment_bytes = kAlignmentBytes,
                .thaw_gap_bytes = vault_.thaw_gap_bytes,
                .object_bytes_min = 1,
                .object_bytes_max = 1U << 30};
    }
    std::string identity() const override { return "memory:vault"; }

    void check() override {}

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        if (source.size_bytes() == 0) throw Error(Error::Kind::unsupported, "the vault takes nothing empty");
        std::string id = resume.load();
        if (!vault_.parts.contains(id) || !id.ends_with(upload.sha256.hex())) {
            id = std::to_string(vault_.next_id++) + " " + upload.sha256.hex();
            vault_.parts[id] = {};
            resume.save(id);
        }
        std::string& arrived = vault_.parts[id];
        if (!arrived.empty()) sent(arrived.size());
        while (arrived.size() < source.size_bytes()) {
            std::string part(std::min(vault_.part_bytes, source.size_bytes() - arrived.size()), '\0');
            source.read(arrived.size(), part.data(), part.size());
            arrived += part;
            sent(part.size());
        }
        std::string content = std::move(arrived);
        vault_.parts.erase(id);
        if (icecore::sha256(content) != upload.sha256)
            throw Error(Error::Kind::corrupt, "the source has another digest");
        vault_.objects[id] = {upload.name, std::move(content), upload.sha256, upload.tree_hash};
        return {upload.name, id};
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& tree_hash) override {
        const MemoryVault::Object& found = find(object);
        if (found.content.size() != size_bytes || found.sha256 != sha256 || found.tree_hash != tree_hash)
            throw Error(Error::Kind::corrupt, "another object");
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        auto found = vault_.objects.find(object.id);
        if (found == vault_.objects.end()) return std::nullopt;
        return info(found->first, found->second);
    }

    std::optional<Timestamp> list(ListScope /*scope*/,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        vault_.inventory_asked = true;
        if (!vault_.inventory_ready) throw Error(Error::Kind::not_ready, "the inventory takes hours");
        vault_.inventory_asked = vault_.inventory_ready = false;
        for (const auto& [id, object] : vault_.objects) visit(info(id, object));
        return std::nullopt;
    }

    ThawState request_thaw(const ThawRequest& request) override {
        std::lock_guard lock(vault_.mutex);
        call("request_thaw");
        Range range = range_of(request);
        if (!vault_.thaw_needed) return {};
        for (auto& [ticket, job] : vault_.jobs) {
            if (!holds(job, request.object.id, range) || job.phase == ThawState::Phase::failed) continue;
            if (vault_.hastens && job.phase == ThawState::Phase::pending && request.tier > job.tier) {
                job.tier = request.tier;
                ++vault_.hastened;
            }
            return state_of(ticket);
        }
        std::string ticket = "job" + std::to_string(vault_.next_id++);
        vault_.jobs[ticket] = {request.object.id, range.offset, range.end, request.tier};
        vault_.thawed_bytes += range.end - range.offset;
        ++vault_.thaws;
        return state_of(ticket);
    }
    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        std::lock_guard lock(vault_.mutex);
        call("poll_thaws");
        std::vector<ThawState> states;
        for (const AskedThaw& thaw : thaws) states.push_back(state_of(thaw.ticket));
        return states;
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        std::string content;
        {
            std::lock_guard lock(vault_.mutex);
            call("read");
            content = thawed_range(range);
        }
        for (std::size_t at = 0; at < content.size(); at += vault_.sink_bytes) {
            std::lock_guard lock(vault_.mutex);
            call("piece");
            std::string_view piece = std::string_view(content).substr(at, vault_.sink_bytes);
            vault_.read_bytes += piece.size();
            sink(piece);
        }
    }

    void remove(const ObjectRef& object) override { vault_.objects.erase(object.id); }

  private:
    struct Range {
        std::uint64_t offset;
        std::uint64_t end;
    };

    void call(std::string_view what) {
        if (vault_.on_call) vault_.on_call(what);
    }

    Range range_of(const ThawRequest& request) {
        std::uint64_t size = find(request.object).content.size();
        if (!vault_.thaws_ranges) return {0, size};
        std::uint64_t end = request.offset + request.length_bytes;
        if (request.offset % kAlignmentBytes != 0 || end > size ||
            (end % kAlignmentBytes != 0 && end != size))
            throw Error(Error::Kind::invalid, "not aligned");
        return {request.offset, end};
    }

    static bool holds(const MemoryVault::Job& job, const std::string& id, Range range) {
        return job.object_id == id && job.offset <= range.offset && range.end <= job.end;
    }

    ThawState state_of(const std::string& ticket) {
        auto found = vault_.jobs.find(ticket);
        if (found == vault_.jobs.end())
            return {.phase = ThawState::Phase::failed, .ticket = {}, .message = "no such job", .until = {}};
        const MemoryVault::Job& job = found->second;
        bool failed = job.phase == ThawState::Phase::failed;
        return {
            .phase = job.phase, .ticket = ticket, .message = failed ? "it broke" : "", .until = job.until};
    }

    std::string thawed_range(const ObjectRange& range) {
        const MemoryVault::Object& found = find(range.object);
        if (range.offset % kAlignmentBytes != 0) throw Error(Error::Kind::invalid, "not aligned");
        std::uint64_t end = range.offset + range.length_bytes;
        bool thawed = !vault_.thaw_needed;
        for (const auto& [ticket, job] : vault_.jobs) {
            bool meant = range.ticket.empty() || range.ticket == ticket;
            Range wanted{range.offset, std::min<std::uint64_t>(end, found.content.size())};
            thawed |= meant && job.phase == ThawState::Phase::ready && holds(job, range.object.id, wanted);
        }
        if (!thawed) throw Error(Error::Kind::not_ready, "it is frozen");
        if (end > found.content.size()) throw Error(Error::Kind::corrupt, "it ends before");
        return found.content.substr(range.offset, range.length_bytes);
    }

    bool readable(const std::string& id, std::uint64_t size) const {
        for (const auto& [ticket, job] : vault_.jobs)
            if (job.phase == ThawState::Phase::ready && holds(job, id, {0, size})) return true;
        return false;
    }

    MemoryVault::Object& find(const ObjectRef& object) {
        auto found = vault_.objects.find(object.id);
        if (found == vault_.objects.end()) throw Error(Error::Kind::not_found, "no such object");
        return found->second;
    }
    ObjectInfo info(const std::string& id, const MemoryVault::Object& object) const {
        ObjectInfo info;
        info.ref = {object.name, id};
        info.size_bytes = object.content.size();
        info.sha256 = object.sha256;
        info.tree_hash = object.tree_hash;
        info.readable = readable(id, object.content.size());
        info.host = "host";
        info.set = "home";
        return info;
    }

    MemoryVault& vault_;
};

}  // namespace icecore::store
