#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stream_hash.h"
#include "store/target.h"

namespace icecore::testing {

/// A target in memory that takes parts, goes on after the last part that arrived, and does what a test tells
/// it.
class FakeTarget final : public store::PlainTarget {
  public:
    store::Capabilities capabilities() const override { return abilities; }
    std::string identity() const override { return "fake:here"; }

    void check() override {}

    store::ObjectRef put(const store::Upload& upload, RandomAccessSource& source, store::ResumeState& resume,
                         const std::function<void(std::uint64_t)>& sent) override {
        puts.push_back(upload.name);
        if (on_put) on_put(upload, sent);
        if (auto known = objects.find(upload.name); known != objects.end()) {
            if (upload.locked_until) lock({upload.name, {}}, *upload.locked_until);
            if (sha256(known->second) == upload.sha256) return {upload.name, "id of " + upload.name};
            if (!upload.replace) throw Error(Error::Kind::exists, upload.name + " is another one");
        }
        std::string& arrived = arrived_[upload.name];
        if (resume.load() != upload.sha256.hex()) arrived.clear();
        resume.save(upload.sha256.hex());
        while (arrived.size() < source.size_bytes()) {
            std::string part(std::min(part_bytes, source.size_bytes() - arrived.size()), '\0');
            source.read(arrived.size(), part.data(), part.size());
            arrived += part;
            ++parts;
            if (on_part) on_part();
            sent(part.size());
        }
        std::string content = std::move(arrived);
        arrived_.erase(upload.name);
        if (sha256(content) != upload.sha256)
            throw Error(Error::Kind::corrupt, "it does not have the SHA-256 it should have");
        objects[upload.name] = std::move(content);
        if (upload.locked_until) locks[upload.name] = *upload.locked_until;
        return {upload.name, "id of " + upload.name};
    }

    void verify(const store::ObjectRef& object, std::uint64_t size_bytes, const Digest& sha,
                const Digest&) override {
        const std::string& content = objects.at(object.name);
        if (content.size() != size_bytes || sha256(content) != sha)
            throw Error(Error::Kind::corrupt, object.name + " is another one");
    }
    std::optional<store::ObjectInfo> stat(const store::ObjectRef& object) override {
        if (!objects.contains(object.name)) return std::nullopt;
        store::ObjectInfo info;
        info.ref = {object.name, "id of " + object.name};
        info.size_bytes = objects.at(object.name).size();
        info.tree_hash = digests_of(objects.at(object.name)).tree_hash;
        info.host = "host";
        info.set = "set";
        if (locks.contains(object.name)) info.locked_until = locks.at(object.name);
        if (classes.contains(object.name)) info.storage_class = classes.at(object.name);
        info.readable = !frozen.contains(object.name);
        info.deleted = deleted.contains(object.name);
        ++stats;
        return info;
    }
    std::optional<Timestamp> list(store::ListScope /*scope*/,
                                  const std::function<void(const store::ObjectInfo&)>& visit) override {
        if (!listed) throw Error(Error::Kind::not_ready, "the list takes hours");
        for (const auto& [name, content] : objects) {
            store::ObjectInfo info = *stat({name, {}});
            --stats;
            info.locked_until.reset();
            if (!abilities.lists_digests) info.sha256 = info.tree_hash = {};
            visit(info);
        }
        return std::nullopt;
    }
    store::ThawState request_thaw(const store::ThawRequest&) override { return {}; }
    std::vector<store::ThawState> poll_thaws(const std::vector<store::AskedThaw>& thaws) override {
        return std::vector<store::ThawState>(thaws.size());
    }
    void read(const store::ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        std::string bytes = objects.at(range.object.name).substr(range.offset, range.length_bytes);
        if (range.object.name == lies && !bytes.empty()) bytes[bytes.size() / 2] ^= 1;
        sink(bytes);
    }
    void remove(const store::ObjectRef& object) override { objects.erase(object.name); }
    void lock(const store::ObjectRef& object, Timestamp until) override {
        locked.push_back(object.name);
        if (on_lock) on_lock(object.name);
        if (!objects.contains(object.name)) throw Error(Error::Kind::not_found, "there is no such object");
        Timestamp& now = locks[object.name];
        now = std::max(now, until);
    }

    std::optional<Timestamp> locked_until(const store::ObjectRef& object) override {
        auto found = locks.find(object.name);
        return found == locks.end() ? std::nullopt : std::optional(found->second);
    }

    store::Capabilities abilities;
    std::map<std::string, std::string> objects;  ///< what is stored, by name
    std::vector<std::string> puts;               ///< names, in the order of the calls
    std::uint64_t part_bytes = 16 << 10;
    std::uint64_t parts = 0;                     ///< that arrived
    bool listed = true;                          ///< list() answers
    std::map<std::string, Timestamp> locks;      ///< by name
    std::vector<std::string> locked;             ///< names, in the order of the calls of lock()
    std::map<std::string, std::string> classes;  ///< storage classes by name
    std::set<std::string> frozen;                ///< names of objects that must be thawed
    std::set<std::string> deleted;               ///< names that a delete marker hides
    std::atomic<unsigned> stats = 0;             ///< how often stat() was called
    std::function<void(const std::string&)> on_lock;
    std::optional<std::string> lies;  ///< reading this one gives other bytes
    /// Called at the beginning of each put, and for each part that has arrived; may throw.
    std::function<void(const store::Upload&, const std::function<void(std::uint64_t)>& sent)> on_put;
    std::function<void()> on_part;

  private:
    std::map<std::string, std::string> arrived_;  ///< of unfinished puts
};

}  // namespace icecore::testing
