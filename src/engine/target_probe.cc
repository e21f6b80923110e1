#include "engine/target_probe.h"

#include "base/error.h"
#include "base/format.h"
#include "base/stream_hash.h"
#include "engine/backup_dir.h"
#include "engine/offsite.h"
#include "store/target.h"

namespace icecore::engine {
namespace {

class Text final : public RandomAccessSource {
  public:
    explicit Text(const std::string& text) : text_(text) {}
    std::uint64_t size_bytes() const override { return text_.size(); }
    void read(std::uint64_t offset, char* buffer, std::size_t size) override {
        CHECK(offset <= text_.size() && size <= text_.size() - offset);
        text_.copy(buffer, size, static_cast<std::size_t>(offset));
    }

  private:
    const std::string& text_;
};

/// A put that is not gone on with.
class NoResume final : public store::ResumeState {
  public:
    std::string load() override { return {}; }
    void save(std::string_view) override {}
};

store::ObjectRef put(store::Target& target, const std::string& text) {
    Digests digests = digests_of(text);
    Text source(text);
    NoResume resume;
    return target.put({.name = std::string(kReadmeName),
                       .sha256 = digests.sha256,
                       .tree_hash = digests.tree_hash,
                       .temperature = store::Temperature::hot},
                      source, resume, [](std::uint64_t) {});
}

/// Whether `what` was permitted.
template <typename What>
bool permitted(What what) {
    try {
        what();
        return true;
    } catch (const Error& error) {
        if (error.kind() != Error::Kind::denied) throw;
        return false;
    }
}

}  // namespace

TargetProbe probe_target(const Environment& env, const SetOptions& set, Observer& observer) {
    std::unique_ptr<store::Target> target = open_target(env, set, observer, Patience::seconds);
    CHECK(target != nullptr);
    target->check();
    TargetProbe probe;
    probe.usd_of_100_gib = expected_monthly_usd(env, set, *target, std::uint64_t{100} << 30);
    if (!target->capabilities().replaces) return probe;
    const std::string text =
        format("icecore will store the backups of {} here. There are none yet.\n", set.name);
    store::ObjectRef file;
    try {
        file = put(*target, text);
    } catch (const Error& error) {
        if (error.kind() != Error::Kind::exists) throw;
        probe.inhabited = true;
        return probe;
    }
    probe.written = true;
    probe.read = permitted([&] {
        std::string back;
        target->read({.object = file, .offset = 0, .length_bytes = text.size(), .ticket = {}},
                     [&](std::string_view piece) { back += piece; });
        if (back != text)
            throw Error(Error::Kind::corrupt, "what was written there comes back as something else");
    });
    probe.removed = permitted([&] { target->remove(file); });
    return probe;
}

}  // namespace icecore::engine
