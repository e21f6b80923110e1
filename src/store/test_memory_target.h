#pragma once

#include <map>
#include <memory>
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
        bool thaw_asked = false;
        bool thawed = false;
    };
    std::map<std::string, Object> objects;     ///< by id
    std::map<std::string, std::string> parts;  ///< by upload id: what has arrived
    std::uint64_t part_bytes = 4 << 20;
    std::uint64_t next_id = 1;
    bool inventory_asked = false;
    bool inventory_ready = false;

    /// Hours.
    void let_time_pass() {
        for (auto& [id, object] : objects) object.thawed = object.thaw_asked;
        inventory_ready = inventory_asked;
    }
};

/// A target in memory that is as unlike a directory as the contract allows: objects are found by id, must be
/// thawed, are not replaced, reads are aligned, and listing takes a job.
class MemoryTarget final : public Target {
  public:
    static constexpr std::uint64_t kAlignmentBytes = 4096;

    explicit MemoryTarget(MemoryVault& vault) : vault_(vault) {}

    Capabilities capabilities() const override {
        return {.thaw_needed = true,
                .thaws_ranges = false,
                .replaces = false,
                .lists_at_once = false,
                .range_alignment_bytes = kAlignmentBytes,
                .object_bytes_min = 1,
                .object_bytes_max = 1U << 30};
    }
    std::string identity() const override { return "memory:vault"; }

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
        find(request.object).thaw_asked = true;
        return poll_thaw(request, request.object.id);
    }
    ThawState poll_thaw(const ThawRequest& request, const std::string& ticket) override {
        ThawState state;
        state.phase = find(request.object).thawed ? ThawState::Phase::ready : ThawState::Phase::pending;
        state.ticket = ticket;
        return state;
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        const MemoryVault::Object& found = find(range.object);
        if (!found.thawed) throw Error(Error::Kind::not_ready, "it is frozen");
        if (range.offset % kAlignmentBytes != 0) throw Error(Error::Kind::invalid, "not aligned");
        if (range.offset + range.length_bytes > found.content.size())
            throw Error(Error::Kind::corrupt, "it ends before");
        if (range.length_bytes > 0)
            sink(std::string_view(found.content).substr(range.offset, range.length_bytes));
    }

    void remove(const ObjectRef& object) override { vault_.objects.erase(object.id); }

  private:
    MemoryVault::Object& find(const ObjectRef& object) {
        auto found = vault_.objects.find(object.id);
        if (found == vault_.objects.end()) throw Error(Error::Kind::not_found, "no such object");
        return found->second;
    }
    static ObjectInfo info(const std::string& id, const MemoryVault::Object& object) {
        ObjectInfo info{{object.name, id},
                        object.content.size(),
                        object.sha256,
                        object.tree_hash,
                        object.thawed,
                        "host",
                        "home",
                        std::nullopt};
        return info;
    }

    MemoryVault& vault_;
};

}  // namespace icecore::store
