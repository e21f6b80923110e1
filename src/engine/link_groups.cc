#include "engine/link_groups.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/content.h"

namespace icecore::engine {
namespace {

using catalog::WorkTables;
using LinkName = WorkTables::LinkName;
using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

Key key_of(const archive::Location& location) {
    return {location.run, location.volume, location.offset};
}

bool content_unchanged(int root_fd, const std::vector<const LinkName*>& names) {
    if (std::any_of(names.begin(), names.end(), [](const LinkName* name) { return name->times_equal; }))
        return true;
    RecordReader payload(names[0]->payload);
    if (payload.number() == 0) return false;  // not a regular file: stored again, it costs one header
    Digest sha256 = payload.digest();
    bool sparse = payload.number() != 0;
    std::string_view metadata = payload.text();
    std::optional<ContentFacts> facts = read_content_facts(root_fd, names[0]->path);
    return facts && facts->stat.ino == names[0]->ino && facts->sha256 == sha256 && facts->sparse == sparse &&
           facts->metadata == metadata;
}

/// The names of the group to keep: the most that come from one earlier file.
std::vector<const LinkName*> names_to_keep(int root_fd, Plan& plan, const std::vector<LinkName>& group) {
    std::map<Key, std::vector<const LinkName*>> by_origin;
    for (const LinkName& name : group)
        if (name.old_location.run != 0) by_origin[key_of(name.old_location)].push_back(&name);
    if (by_origin.empty()) return {};
    auto best = std::max_element(by_origin.begin(), by_origin.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
    });
    std::vector<const LinkName*> names = std::move(best->second);
    if (!plan.work->claim_location(names[0]->old_location) || !content_unchanged(root_fd, names)) return {};
    return names;
}

}  // namespace

std::string link_payload(const OldVersion& old) {
    RecordWriter out;
    if (old.stat.type != FileType::regular) return std::string(out.number(0).view());
    return std::string(out.number(1).digest(old.sha256).number(old.sparse ? 1 : 0).text(old.metadata).view());
}

void decide_link_groups(int root_fd, Plan& plan) {
    WorkTables& work = *plan.work;
    work.for_each_link_group([&](const std::vector<LinkName>& group) {
        std::vector<const LinkName*> kept = names_to_keep(root_fd, plan, group);
        std::string_view origin = kept.empty() ? group[0].path : kept[0]->path;
        std::size_t next_kept = 0;  // `kept` is in the group's order
        for (const LinkName& name : group) {
            WorkTables::LinkDecision decision;
            if (next_kept < kept.size() && kept[next_kept] == &name) {
                decision.action = WorkTables::LinkAction::keep;
                ++next_kept;
            } else if (kept.empty() && &name == &group[0]) {
                decision.action = WorkTables::LinkAction::store;
            } else {
                decision = {WorkTables::LinkAction::link, std::string(origin)};
            }
            work.set_link_decision(name.sequence, decision);
        }
    });
}

}  // namespace icecore::engine
