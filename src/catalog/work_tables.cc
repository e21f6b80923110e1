#include "catalog/work_tables.h"

#include <limits>

#include "base/error.h"
#include "catalog/sqlite.h"

namespace icecore::catalog {
namespace {

/// restore_item has no index on the location: items come in any order, and one external sort at the end is
/// much cheaper than a tree that is filled at random places.
constexpr char kTables[] =
    "CREATE TABLE link_name (dev INTEGER, ino INTEGER, sequence INTEGER, path BLOB, run INTEGER, volume "
    "INTEGER, "
    "offset INTEGER, length INTEGER, times_equal INTEGER, same_inode INTEGER, payload BLOB, PRIMARY KEY "
    "(dev, ino, "
    "sequence)) "
    "WITHOUT ROWID;"
    "CREATE TABLE link_decision (sequence INTEGER PRIMARY KEY, action INTEGER, link_path BLOB);"
    "CREATE TABLE claim (run INTEGER, volume INTEGER, offset INTEGER, PRIMARY KEY (run, volume, offset)) "
    "WITHOUT ROWID;"
    "CREATE TABLE restore_item (run INTEGER, volume INTEGER, offset INTEGER, length INTEGER, path BLOB, "
    "payload BLOB);";

/// Nobody else sees the file and nothing of it outlives the process: no journal, no syncing, one endless
/// transaction.
std::unique_ptr<sql::Connection> open_private() {
    auto db =
        std::make_unique<sql::Connection>("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "temporary tables");
    db->exec(
        "PRAGMA page_size = 8192; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE; "
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN");
    db->exec(kTables);
    return db;
}

void bind_location(sql::Statement& statement, int column, const archive::Location& location) {
    statement.bind(column, location.run).bind(column + 1, location.volume);
    statement.bind(column + 2, sql::to_signed(location.offset))
        .bind(column + 3, sql::to_signed(location.length_bytes));
}

archive::Location read_location(const sql::Statement& row, int column) {
    return {static_cast<std::uint32_t>(row.number(column)),
            static_cast<std::uint32_t>(row.number(column + 1)), sql::to_unsigned(row.number(column + 2)),
            sql::to_unsigned(row.number(column + 3))};
}

}  // namespace

struct WorkTables::State {
    std::unique_ptr<sql::Connection> db = open_private();
    sql::Statement insert_link{
        *db, "INSERT OR IGNORE INTO link_name VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
    sql::Statement insert_decision{*db, "INSERT OR REPLACE INTO link_decision VALUES (?1, ?2, ?3)"};
    sql::Statement select_decision{*db, "SELECT action, link_path FROM link_decision WHERE sequence = ?1"};
    sql::Statement insert_claim{*db, "INSERT OR IGNORE INTO claim VALUES (?1, ?2, ?3)"};
    sql::Statement insert_item{*db, "INSERT INTO restore_item VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
    std::uint64_t restore_item_count = 0;
};

WorkTables::WorkTables() : state_(std::make_unique<State>()) {}
WorkTables::~WorkTables() = default;

void WorkTables::add_link(const LinkName& link) {
    CHECK(link.sequence <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    sql::Statement& insert = state_->insert_link;
    insert.bind(1, sql::to_signed(link.dev))
        .bind(2, sql::to_signed(link.ino))
        .bind(3, sql::to_signed(link.sequence));
    insert.bind(4, link.path);
    bind_location(insert, 5, link.old_location);
    insert.bind(9, std::int64_t{link.times_equal})
        .bind(10, std::int64_t{link.same_inode})
        .bind(11, link.payload);
    insert.run();
    CHECK(state_->db->changes() == 1);  // sequence numbers are unique
}

void WorkTables::for_each_link_group(const std::function<void(const std::vector<LinkName>&)>& decide) {
    sql::Statement groups(*state_->db,
                          "SELECT dev, ino FROM link_name GROUP BY dev, ino "
                          "ORDER BY max(same_inode) DESC, min(sequence)");
    sql::Statement names(
        *state_->db,
        "SELECT sequence, path, run, volume, offset, length, times_equal, same_inode, payload FROM link_name "
        "WHERE dev = ?1 AND ino = ?2 ORDER BY sequence");
    std::vector<LinkName> group;
    while (groups.step()) {
        group.clear();
        names.bind(1, groups.number(0)).bind(2, groups.number(1));
        while (names.step()) {
            LinkName& name = group.emplace_back();
            name.dev = sql::to_unsigned(groups.number(0));
            name.ino = sql::to_unsigned(groups.number(1));
            name.sequence = sql::to_unsigned(names.number(0));
            name.path = names.bytes(1);
            name.old_location = read_location(names, 2);
            name.times_equal = names.number(6) != 0;
            name.same_inode = names.number(7) != 0;
            name.payload = names.bytes(8);
        }
        names.reset();
        decide(group);
    }
}

void WorkTables::set_link_decision(std::uint64_t sequence, const LinkDecision& decision) {
    state_->insert_decision.bind(1, sql::to_signed(sequence)).bind(2, static_cast<char>(decision.action));
    state_->insert_decision.bind(3, decision.link_path).run();
}

std::optional<WorkTables::LinkDecision> WorkTables::link_decision(std::uint64_t sequence) const {
    sql::Statement& row = state_->select_decision;
    row.bind(1, sql::to_signed(sequence));
    std::optional<LinkDecision> decision;
    if (row.step())
        decision = LinkDecision{static_cast<LinkAction>(row.number(0)), std::string(row.bytes(1))};
    row.reset();
    return decision;
}

bool WorkTables::claim_location(const archive::Location& location) {
    sql::Statement& insert = state_->insert_claim;
    insert.bind(1, location.run).bind(2, location.volume).bind(3, sql::to_signed(location.offset)).run();
    return state_->db->changes() == 1;
}

void WorkTables::add_restore_item(const RestoreItem& item) {
    bind_location(state_->insert_item, 1, item.location);
    state_->insert_item.bind(5, item.path).bind(6, item.payload).run();
    ++state_->restore_item_count;
}

std::uint64_t WorkTables::restore_item_count() const {
    return state_->restore_item_count;
}

namespace {

class ItemCursor final : public WorkTables::RestoreCursor {
  public:
    explicit ItemCursor(const sql::Connection& db)
        : rows_(db,
                "SELECT run, volume, offset, length, path, payload FROM restore_item "
                "ORDER BY run, volume, offset, rowid") {}

    bool next(WorkTables::RestoreItem& item) override {
        if (done_ || !rows_.step()) {
            done_ = true;
            return false;
        }
        item.location = read_location(rows_, 0);
        item.path = rows_.bytes(4);
        item.payload = rows_.bytes(5);
        return true;
    }

  private:
    sql::Statement rows_;
    bool done_ = false;
};

}  // namespace

std::unique_ptr<WorkTables::RestoreCursor> WorkTables::open_restore_items() const {
    return std::make_unique<ItemCursor>(*state_->db);
}

}  // namespace icecore::catalog
