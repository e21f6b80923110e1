#include "catalog/database.h"

#include <algorithm>
#include <ranges>
#include <unordered_set>

#include "base/text.h"
#include "catalog/version_codec.h"

namespace icecore::catalog {
namespace {

/// Node numbers are given out one by one: a larger one is damage, and would make callers allocate by it.
constexpr NodeId kNodeMax = NodeId{1} << 40;

constexpr std::array<const char*, static_cast<std::size_t>(Query::count_)> kTexts = {
    "SELECT name, added, removed, node, version FROM entry "
    "WHERE parent = ?1 AND name >= ?2 AND added <= ?3 AND removed > ?3 ORDER BY name",
    "SELECT name, added, removed, node, version FROM entry "
    "WHERE parent = ?1 AND name >= ?2 AND added <= ?3 AND removed > ?3 AND node IS NOT NULL ORDER BY name "
    "LIMIT 1",
    "SELECT name, added, removed, node, version FROM entry "
    "WHERE parent = ?1 AND name = ?2 AND added <= ?3 AND removed > ?3 ORDER BY added DESC LIMIT 1",
    "SELECT name, added, removed, node, version, parent FROM entry INDEXED BY entry_by_node "
    "WHERE node = ?1 AND removed > ?2 AND added <= ?2 LIMIT 1",
    "SELECT node FROM entry INDEXED BY entry_by_ino WHERE ino = ?1 AND removed > ?2 AND added <= ?2",
    "SELECT name, added, removed, node, version FROM entry "
    "WHERE parent = ?1 AND name >= ?2 AND added <= ?4 AND removed > ?3 ORDER BY name, added",
    "INSERT OR REPLACE INTO entry (parent, name, added, removed, node, ino, version) "
    "VALUES (?1, ?2, ?3, 2147483647, ?4, ?5, ?6)",
    "UPDATE entry SET removed = ?4 WHERE parent = ?1 AND name = ?2 AND added = ?3",
    "DELETE FROM entry WHERE parent = ?1 AND name = ?2 AND added = ?3",
    "INSERT OR REPLACE INTO entry (parent, name, added, removed, node, ino, version) "
    "SELECT ?1, ?2, ?3, 2147483647, node, ino, version FROM entry WHERE parent = ?4 AND name = ?5 AND added "
    "= ?6",
    "SELECT root_node FROM run WHERE number = ?1",
};
static_assert(kForever == 2147483647);

bool is_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
           name.find('\0') == std::string_view::npos;
}

}  // namespace

Catalog::Database::Lease::Lease(Database& database, Query query) : database_(&database), query_(query) {
    auto& idle = database.idle[static_cast<std::size_t>(query)];
    if (idle.empty()) {
        owned_ =
            std::make_unique<sql::Statement>(*database.connection, kTexts[static_cast<std::size_t>(query)]);
        idle.reserve(idle.capacity() + 1);  // giving it back must not throw
    } else {
        owned_ = std::move(idle.back());
        idle.pop_back();
    }
}

Catalog::Database::Lease::~Lease() {
    if (!owned_) return;
    owned_->reset();
    database_->idle[static_cast<std::size_t>(query_)].push_back(std::move(owned_));
}

std::string_view Catalog::Database::name_of(const sql::Statement& row) const {
    std::string_view name = row.bytes(column::kName);
    if (!is_name(name) && !name.empty()) connection->fail_damaged("a name in it is impossible");
    return name;
}

NodeId Catalog::Database::node_of(const sql::Statement& row) const {
    if (row.is_null(column::kNode)) return 0;
    NodeId node = row.number(column::kNode);
    if (node <= 0 || node > kNodeMax) connection->fail_damaged("a directory's number is impossible");
    return node;
}

RunNumber Catalog::Database::run_in(const sql::Statement& row, int column) const {
    std::int64_t number = row.number(column);
    if (number <= 0 || number > kForever) connection->fail_damaged("a run number is impossible");
    return static_cast<RunNumber>(number);
}

void Catalog::Database::read_entry(const sql::Statement& row, Entry& entry) const {
    entry.name = name_of(row);
    entry.added = run_in(row, column::kAdded);
    entry.node = node_of(row);
    std::string_view version = row.bytes(column::kVersion);
    if (version.empty() && entry.node != 0) {  // made for a rename's target in the run that is being written
        std::string name = std::move(entry.name);
        RunNumber added = entry.added;
        NodeId node = entry.node;
        entry = Entry{};
        entry.name = std::move(name);
        entry.added = added;
        entry.node = node;
        entry.stat.type = FileType::directory;
        return;
    }
    if (!unpack_version(version, entry)) connection->fail_damaged("an entry is malformed");
    if ((entry.node != 0) != (entry.stat.type == FileType::directory))
        connection->fail_damaged("an entry contradicts itself");
}

std::optional<Entry> Catalog::Database::find_child(NodeId parent, std::string_view name, RunNumber at) {
    Lease row = lease(Query::child);
    row->bind(1, parent).bind(2, name).bind(3, at);
    if (!row->step()) return std::nullopt;
    std::optional<Entry> entry(std::in_place);
    read_entry(*row, *entry);
    return entry;
}

std::optional<Entry> Catalog::Database::resolve(NodeId root, RunNumber at, std::string_view path) {
    if (path.empty()) return find_child(-root, "", at);
    NodeId parent = root;
    Lease row = lease(Query::child);
    for (;;) {
        std::size_t slash = path.find('/');
        row->bind(1, parent).bind(2, path.substr(0, slash)).bind(3, at);
        if (!row->step()) return std::nullopt;
        if (slash == std::string_view::npos) break;
        parent = node_of(*row);
        if (parent == 0) return std::nullopt;
        row->reset();
        path.remove_prefix(slash + 1);
    }
    std::optional<Entry> entry(std::in_place);
    read_entry(*row, *entry);
    return entry;
}

std::optional<std::string> Catalog::Database::path_of(NodeId node, NodeId root, RunNumber at) {
    std::vector<std::string> names;  // innermost first
    std::unordered_set<NodeId> seen;
    Lease row = lease(Query::directory);
    while (node != root) {
        if (!seen.insert(node).second) connection->fail_damaged("a directory lies within itself");
        row->bind(1, node).bind(2, at);
        if (!row->step()) return std::nullopt;
        node = row->number(column::kParent);
        if (node <= 0) return std::nullopt;  // another chain's root
        names.emplace_back(name_of(*row));
        row->reset();
    }
    std::string path;
    for (const std::string& name : std::views::reverse(names)) {
        if (!path.empty()) path += '/';
        path += name;
    }
    return path;
}

NodeId Catalog::Database::node_limit() {
    if (writing) return next_node;
    NodeId limit = connection->query_number("SELECT max(node_limit) FROM run");
    if (limit < 0 || limit > kNodeMax) connection->fail_damaged("a directory's number is impossible");
    return std::max(limit, NodeId{1});
}

}  // namespace icecore::catalog
