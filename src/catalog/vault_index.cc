#include "catalog/vault_index.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/format.h"
#include "catalog/database_file.h"
#include "catalog/row_reader.h"

namespace icecore::catalog {
namespace {

/// `seen_s` and `deleted_s` are 0 for "not". Tree hashes may be empty where nobody told one.
constexpr std::array kMigrations = {
    R"(CREATE TABLE vault (
        id INTEGER PRIMARY KEY, arn BLOB NOT NULL UNIQUE, created_s INTEGER NOT NULL,
        inventory_s INTEGER NOT NULL);
    CREATE TABLE archive (
        vault INTEGER NOT NULL, id BLOB NOT NULL, name BLOB NOT NULL, size_bytes INTEGER NOT NULL,
        tree_hash BLOB NOT NULL, created_s INTEGER NOT NULL, created_ns INTEGER NOT NULL,
        seen_s INTEGER NOT NULL, deleted_s INTEGER NOT NULL, PRIMARY KEY (vault, id)) WITHOUT ROWID;
    CREATE INDEX archive_name ON archive(vault, name, created_s, id) WHERE deleted_s = 0;
    CREATE TABLE upload (
        vault INTEGER NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL,
        PRIMARY KEY (vault, key)) WITHOUT ROWID;)",
};

const Schema& index_schema() {
    static constexpr Schema kSchema = {
        .application_id = 0x69636f76,  // "icov"
        .migrations = kMigrations,
        .noun = "index of vaults",
        .damage_hint = "it is a cache: delete the file, then `icecore vault sync` makes it again",
        .newer_hint = "use the newer program, or delete the file: `icecore vault sync` makes it again",
        .missing_hint = "`icecore vault sync` makes it",
    };
    return kSchema;
}

constexpr char kColumns[] = "id, name, size_bytes, tree_hash, created_s, created_ns, seen_s, deleted_s";

std::optional<Timestamp> moment(std::int64_t seconds) {
    return seconds == 0 ? std::nullopt : std::optional(Timestamp{seconds, 0});
}

class SqlVaultIndex final : public VaultIndex {
  public:
    SqlVaultIndex(std::unique_ptr<sql::Connection> db, std::string_view arn, Timestamp created_at)
        : db_(std::move(db)) {
        Transaction transaction(*db_);
        sql::Statement known(*db_, "SELECT id, created_s FROM vault WHERE arn = ?1");
        known.bind(1, arn);
        if (known.step()) {
            vault_ = known.number(0);
            if (known.number(1) != created_at.sec) {
                known.reset();
                forget_vault();
            }
        } else {
            add_vault(arn);
        }
        known.reset();
        sql::Statement update(*db_, "UPDATE vault SET created_s = ?2 WHERE id = ?1");
        update.bind(1, vault_).bind(2, created_at.sec).run();
        transaction.commit();
    }

    std::optional<Timestamp> inventory_at() const override {
        sql::Statement row(*db_, "SELECT inventory_s FROM vault WHERE id = ?1");
        row.bind(1, vault_);
        return row.step() ? moment(row.number(0)) : std::nullopt;
    }

    void add(const VaultArchive& archive) override {
        CHECK(!archive.id.empty());
        sql::Statement insert(*db_,
                              "INSERT OR REPLACE INTO archive VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        insert.bind(1, vault_);
        bind(insert, archive, 2);
        insert.bind(8, archive.seen_at.value_or(Timestamp{}).sec);
        insert.bind(9, archive.deleted_at.value_or(Timestamp{}).sec).run();
    }

    void set_deleted(std::string_view id, Timestamp when) override {
        sql::Statement update(*db_, "UPDATE archive SET deleted_s = ?3 WHERE vault = ?1 AND id = ?2");
        update.bind(1, vault_).bind(2, id).bind(3, when.sec).run();
    }

    std::vector<VaultArchive> named(std::string_view name, std::size_t count_max) const override {
        sql::Statement row(*db_, format("SELECT {} FROM archive WHERE vault = ?1 AND name = ?2 AND deleted_s "
                                        "= 0 ORDER BY created_s, id LIMIT ?3",
                                        kColumns)
                                     .c_str());
        row.bind(1, vault_).bind(2, name).bind(3, static_cast<std::int64_t>(count_max));
        std::vector<VaultArchive> found;
        while (row.step()) found.push_back(read(row));
        return found;
    }

    std::optional<VaultArchive> find(std::string_view id) const override {
        sql::Statement row(*db_,
                           format("SELECT {} FROM archive WHERE vault = ?1 AND id = ?2", kColumns).c_str());
        row.bind(1, vault_).bind(2, id);
        if (!row.step()) return std::nullopt;
        return read(row);
    }

    void visit(const std::function<void(const VaultArchive&, bool)>& visit) const override {
        sql::Statement row(*db_, format("SELECT {} FROM archive WHERE vault = ?1 AND deleted_s = 0 "
                                        "ORDER BY name, created_s, id",
                                        kColumns)
                                     .c_str());
        row.bind(1, vault_);
        std::optional<VaultArchive> previous;
        bool repeated = false;  // the one before `previous` has its name
        while (row.step()) {
            VaultArchive next = read(row);
            bool same = previous && previous->name == next.name;
            if (previous) visit(*previous, repeated || same);
            repeated = same;
            previous = std::move(next);
        }
        if (previous) visit(*previous, repeated);
    }

    VaultSyncResult apply(
        const std::function<VaultInventory(const std::function<void(const VaultArchive&)>&)>& feed,
        const std::function<void(const VaultDifference&)>& tell) override {
        // A table of its own, in a temporary file: nobody has to wait while an inventory arrives.
        db_->exec(
            "DROP TABLE IF EXISTS temp.listed; CREATE TEMP TABLE listed (id BLOB PRIMARY KEY, name BLOB, "
            "size_bytes INTEGER, tree_hash BLOB, created_s INTEGER, created_ns INTEGER) WITHOUT ROWID");
        VaultInventory inventory = collect(feed);
        Transaction transaction(*db_);
        VaultSyncResult result;
        result.listed = static_cast<std::uint64_t>(db_->query_number("SELECT count(*) FROM temp.listed"));
        std::optional<Timestamp> known = inventory_at();
        if (!known || known->sec <= inventory.made_at.sec) {
            settle_listed(inventory, tell);
            settle_missing(inventory, tell);
            result.added = take_over(inventory);
        }
        transaction.commit();
        db_->exec("DROP TABLE temp.listed");
        return result;
    }

    std::string upload_state(std::string_view key) const override {
        sql::Statement row(*db_, "SELECT state FROM upload WHERE vault = ?1 AND key = ?2");
        row.bind(1, vault_).bind(2, key);
        return row.step() ? std::string(row.bytes(0)) : std::string();
    }

    void save_upload_state(std::string_view key, std::string_view state) override {
        sql::Statement insert(*db_, "INSERT OR REPLACE INTO upload VALUES (?1, ?2, ?3)");
        insert.bind(1, vault_).bind(2, key).bind(3, state).run();
    }

    void forget_upload(std::string_view key) override {
        sql::Statement erase(*db_, "DELETE FROM upload WHERE vault = ?1 AND key = ?2");
        erase.bind(1, vault_).bind(2, key).run();
    }

  private:
    class Transaction {
      public:
        explicit Transaction(sql::Connection& db) : db_(db) { db_.exec("BEGIN IMMEDIATE"); }
        ~Transaction() { db_.rollback(); }
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        void commit() { db_.exec("COMMIT"); }

      private:
        sql::Connection& db_;
    };

    void add_vault(std::string_view arn) {
        sql::Statement insert(*db_, "INSERT INTO vault VALUES (NULL, ?1, 0, 0)");
        insert.bind(1, arn).run();
        vault_ = sqlite3_last_insert_rowid(db_->handle());
    }

    void forget_vault() {
        for (const char* statement :
             {"DELETE FROM archive WHERE vault = ?1", "DELETE FROM upload WHERE vault = ?1",
              "UPDATE vault SET inventory_s = 0 WHERE id = ?1"}) {
            sql::Statement erase(*db_, statement);
            erase.bind(1, vault_).run();
        }
    }

    /// id, name, size_bytes, tree_hash, created_s, created_ns
    static void bind(sql::Statement& statement, const VaultArchive& archive, int first) {
        statement.bind(first, archive.id).bind(first + 1, archive.name);
        statement.bind(first + 2, sql::to_signed(archive.size_bytes));
        statement.bind(first + 3, archive.tree_hash.view());
        statement.bind(first + 4, archive.created_at.sec).bind(first + 5, archive.created_at.nsec);
    }

    VaultArchive read(const sql::Statement& row) const {
        RowReader in(*db_, row);
        VaultArchive archive;
        archive.id = in.text();
        archive.name = in.text();
        archive.size_bytes = in.number64();
        archive.tree_hash = in.digest();
        archive.created_at = in.time();
        archive.seen_at = moment(in.number());
        archive.deleted_at = moment(in.number());
        return archive;
    }

    VaultInventory collect(
        const std::function<VaultInventory(const std::function<void(const VaultArchive&)>&)>& feed) {
        db_->exec("BEGIN");  // of the temporary table only: the others are not touched
        try {
            sql::Statement insert(*db_, "INSERT OR REPLACE INTO temp.listed VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
            VaultInventory inventory = feed([&](const VaultArchive& archive) {
                bind(insert, archive, 1);
                insert.run();
            });
            db_->exec("COMMIT");
            return inventory;
        } catch (...) {
            db_->rollback();
            throw;
        }
    }

    void tell_of(const char* condition, std::int64_t limit_s, VaultDifference::Kind kind,
                 const std::function<void(const VaultDifference&)>& tell) const {
        sql::Statement row(
            *db_, format("SELECT {} FROM archive AS a WHERE vault = ?1 AND {} ORDER BY name, id", kColumns,
                         condition)
                      .c_str());
        row.bind(1, vault_).bind(2, limit_s);
        while (row.step()) tell({kind, read(row)});
    }

    void change(const char* statement, std::int64_t limit_s) {
        sql::Statement change(*db_, statement);
        change.bind(1, vault_).bind(2, limit_s).run();
    }

    /// What is listed although it was deleted from here.
    void settle_listed(const VaultInventory& inventory,
                       const std::function<void(const VaultDifference&)>& tell) {
        std::int64_t settled_s = inventory.made_at.sec - kInventoryLagSeconds;
        tell_of(
            "deleted_s >= ?2 AND deleted_s <> 0 AND EXISTS (SELECT 1 FROM temp.listed l WHERE l.id = a.id)",
            settled_s, VaultDifference::Kind::still_listed, tell);
        tell_of(
            "deleted_s < ?2 AND deleted_s <> 0 AND EXISTS (SELECT 1 FROM temp.listed l WHERE l.id = a.id)",
            settled_s, VaultDifference::Kind::deletion_undone, tell);
        if (inventory.accept_gone)
            change(
                "UPDATE archive SET deleted_s = 0 WHERE vault = ?1 AND deleted_s < ?2 AND id IN "
                "(SELECT id FROM temp.listed)",
                settled_s);
    }

    /// What is known and not listed. What was deleted is remembered until no inventory can list it any more.
    void settle_missing(const VaultInventory& inventory,
                        const std::function<void(const VaultDifference&)>& tell) {
        std::int64_t settled_s = inventory.made_at.sec - kInventoryLagSeconds;
        change(
            "DELETE FROM archive WHERE vault = ?1 AND deleted_s <> 0 AND deleted_s < ?2 AND id NOT IN "
            "(SELECT id FROM temp.listed)",
            settled_s);
        tell_of(
            "deleted_s = 0 AND seen_s = 0 AND created_s >= ?2 AND NOT EXISTS (SELECT 1 FROM temp.listed l "
            "WHERE l.id = a.id)",
            settled_s, VaultDifference::Kind::not_yet_listed, tell);
        tell_of(
            "deleted_s = 0 AND (seen_s <> 0 OR created_s < ?2) AND NOT EXISTS (SELECT 1 FROM temp.listed l "
            "WHERE l.id = a.id)",
            settled_s, VaultDifference::Kind::gone, tell);
        if (inventory.accept_gone)
            change(
                "DELETE FROM archive WHERE vault = ?1 AND deleted_s = 0 AND (seen_s <> 0 OR created_s < ?2) "
                "AND id NOT IN (SELECT id FROM temp.listed)",
                settled_s);
    }

    /// Returns how many are new. An inventory is not made again while nothing changes, so what an old one
    /// lists was there until shortly before the inventory was asked for.
    std::uint64_t take_over(const VaultInventory& inventory) {
        std::int64_t before = db_->query_number("SELECT count(*) FROM archive");
        std::int64_t seen_s = std::max(inventory.made_at.sec, inventory.asked_at.sec - kInventoryLagSeconds);
        sql::Statement upsert(*db_,
                              "INSERT INTO archive SELECT ?1, id, name, size_bytes, tree_hash, created_s, "
                              "created_ns, ?2, 0 FROM temp.listed WHERE true ON CONFLICT DO UPDATE SET "
                              "name = excluded.name, size_bytes = excluded.size_bytes, "
                              "tree_hash = excluded.tree_hash, created_s = excluded.created_s, "
                              "created_ns = excluded.created_ns, seen_s = max(seen_s, excluded.seen_s)");
        upsert.bind(1, vault_).bind(2, seen_s).run();
        sql::Statement mark(*db_, "UPDATE vault SET inventory_s = ?2 WHERE id = ?1");
        mark.bind(1, vault_).bind(2, inventory.made_at.sec).run();
        return static_cast<std::uint64_t>(db_->query_number("SELECT count(*) FROM archive") - before);
    }

    std::unique_ptr<sql::Connection> db_;
    std::int64_t vault_ = 0;
};

}  // namespace

std::unique_ptr<VaultIndex> VaultIndex::open(const std::string& path, std::string_view arn,
                                             Timestamp created_at) {
    return std::make_unique<SqlVaultIndex>(open_for_writing(path, index_schema()), arn, created_at);
}

}  // namespace icecore::catalog
