#include "engine/abandoned_uploads.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/outbox.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

constexpr std::int64_t kAgeMinSeconds = 24 * 3600;

/// What the targets have noted of the puts that wait to go on.
std::vector<std::string> notes_of_waiting(const SetOptions& set, const std::string& target) {
    std::string path = join_path(set.backup_dir, kOutboxName);
    std::vector<std::string> notes;
    if (!path_exists(path)) return notes;
    for (const catalog::OutboxItem& item : catalog::Outbox::open_read_only(path)->items(target))
        if (item.state == catalog::OutboxItem::State::waiting && !item.resume_state.empty())
            notes.push_back(item.resume_state);
    return notes;
}

}  // namespace

std::vector<store::UnfinishedUpload> abandoned_uploads(const Environment& env, const SetOptions& set,
                                                       store::Target& target) {
    std::vector<std::string> notes = notes_of_waiting(set, target.identity());
    const std::string& host = set.target.host.empty() ? env.host : set.target.host;
    std::int64_t newest_sec = env.clock.now().sec - kAgeMinSeconds;
    std::vector<store::UnfinishedUpload> found;
    target.list_unfinished([&](const store::UnfinishedUpload& upload) {
        bool ours = upload.host == host && upload.set == set.name;
        bool old = upload.begun && upload.begun->sec < newest_sec;
        // Each target keeps the service's id in its note.
        bool goes_on = std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return note.find(upload.id) != std::string::npos;
        });
        if (ours && old && !goes_on) found.push_back(upload);
    });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return *a.begun < *b.begun; });
    return found;
}

AbortResult abort_abandoned(const Environment& env, const SetOptions& set, store::Target& target) {
    AbortResult result;
    std::optional<SetLock> lock;
    if (path_exists(set.backup_dir)) lock.emplace(env, set.backup_dir, SetActivity::upload);
    for (const store::UnfinishedUpload& upload : abandoned_uploads(env, set, target)) {
        try {
            target.abort_unfinished(upload);
            result.aborted.push_back(upload);
        } catch (const Error& e) {
            result.problems.push_back(
                format("{}: {}{}", upload.name, e.message(), e.hint().empty() ? "" : " (" + e.hint() + ")"));
        }
    }
    return result;
}

}  // namespace icecore::engine
