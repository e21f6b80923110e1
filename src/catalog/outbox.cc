#include "catalog/outbox.h"

#include <array>

#include "base/error.h"
#include "base/format.h"
#include "catalog/database_file.h"
#include "catalog/row_reader.h"

namespace icecore::catalog {
namespace {

constexpr char kOutboxHint[] =
    "the outbox is a cache: delete the file: the next upload asks the target for each file";

/// One row a file and target; columns as in OutboxItem. `state` is a letter's code: 119 is 'w'. The index
/// gives the waiting files in the order in which they are stored.
constexpr std::array kMigrations = {
    R"(CREATE TABLE item (
        target BLOB NOT NULL, name BLOB NOT NULL, run INTEGER NOT NULL, part INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL, tree_hash BLOB NOT NULL, state INTEGER NOT NULL,
        object_id BLOB NOT NULL, stored_s INTEGER NOT NULL, stored_ns INTEGER NOT NULL,
        resume_state BLOB NOT NULL, attempts INTEGER NOT NULL, last_error BLOB NOT NULL,
        failed_s INTEGER NOT NULL, failed_ns INTEGER NOT NULL,
        PRIMARY KEY (target, name)) WITHOUT ROWID;
    CREATE INDEX item_waiting ON item(target, run = 0, run, part, name) WHERE state = 119;)",
    // Of the parts of what waits: SHA-256 and tree hash of each, one after the other.
    R"(ALTER TABLE item ADD COLUMN part_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE item ADD COLUMN part_digests BLOB NOT NULL DEFAULT x'';)",
    // 0: not known to be locked.
    "ALTER TABLE item ADD COLUMN locked_s INTEGER NOT NULL DEFAULT 0;",
};

const Schema& outbox_schema() {
    static constexpr Schema kSchema = {
        .application_id = 0x69636f62,  // "icob"
        .migrations = kMigrations,
        .noun = "outbox",
        .damage_hint = kOutboxHint,
        .newer_hint =
            "use the newer program, or delete the file: the next upload asks the target for each file",
        .missing_hint = "`icecore upload` makes it",
    };
    return kSchema;
}

constexpr char kColumns[] =
    "target, name, run, part, size_bytes, sha256, tree_hash, state, object_id, stored_s, stored_ns, "
    "resume_state, attempts, last_error, failed_s, failed_ns, locked_s";
constexpr char kPartColumns[] = "part_bytes, part_digests";

constexpr std::size_t kPartBytes = 2 * sizeof(Digest::bytes);

std::string encode(const std::vector<Digests>& parts) {
    std::string out;
    out.reserve(parts.size() * kPartBytes);
    for (const Digests& part : parts) out.append(part.sha256.view()).append(part.tree_hash.view());
    return out;
}

class SqlOutbox final : public Outbox {
  public:
    explicit SqlOutbox(std::unique_ptr<sql::Connection> db) : db_(std::move(db)) {}

    void check_all() const {
        std::string found = db_->query_text("PRAGMA quick_check(1)");
        if (found != "ok") db_->fail_damaged(found);
    }

    void at_once(const std::function<void()>& changes) override { db_->at_once(changes); }

    void add(const OutboxItem& item) override {
        CHECK(!item.target.empty() && !item.name.empty());
        sql::Statement insert(
            *db_,
            "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 119, x'', 0, 0, x'', 0, x'', 0, 0, ?8, ?9, "
            "0) "
            "ON CONFLICT DO UPDATE SET run = ?3, part = ?4, size_bytes = ?5, sha256 = ?6, tree_hash = ?7, "
            "state = 119, object_id = x'', stored_s = 0, stored_ns = 0, resume_state = x'', attempts = 0, "
            "last_error = x'', failed_s = 0, failed_ns = 0, locked_s = 0, part_bytes = ?8, part_digests = ?9 "
            "WHERE state = 100 OR size_bytes <> ?5 OR sha256 <> ?6 OR tree_hash <> ?7");
        std::string parts = encode(item.parts.parts);
        insert.bind(1, item.target).bind(2, item.name).bind(3, item.run);
        insert.bind(4, static_cast<std::int64_t>(item.part)).bind(5, sql::to_signed(item.size_bytes));
        insert.bind(6, item.sha256.view()).bind(7, item.tree_hash.view());
        insert.bind(8, sql::to_signed(item.parts.part_bytes)).bind(9, parts);
        insert.run();
        if (!parts.empty()) add_parts(item, parts);
    }

    std::optional<OutboxItem> find(std::string_view target, std::string_view name) const override {
        sql::Statement row(
            *db_, format("SELECT {}, {} FROM item WHERE target = ?1 AND name = ?2", kColumns, kPartColumns)
                      .c_str());
        row.bind(1, target).bind(2, name);
        if (!row.step()) return std::nullopt;
        return read(row, true);
    }

    std::optional<OutboxItem> next(std::string_view target, const Names& skip) const override {
        sql::Statement row(*db_, format("SELECT {}, {} FROM item INDEXED BY item_waiting "
                                        "WHERE target = ?1 AND state = 119 ORDER BY run = 0, run, part, name",
                                        kColumns, kPartColumns)
                                     .c_str());
        row.bind(1, target);
        while (row.step()) {
            constexpr int kName = 1;
            if (!skip.contains(row.bytes(kName))) return read(row, true);
        }
        return std::nullopt;
    }

    void save_resume_state(std::string_view target, std::string_view name, std::string_view state) override {
        sql::Statement update(*db_, "UPDATE item SET resume_state = ?3 WHERE target = ?1 AND name = ?2");
        update.bind(1, target).bind(2, name).bind(3, state).run();
    }

    void set_stored(std::string_view target, std::string_view name, std::string_view object_id,
                    Timestamp when) override {
        sql::Statement update(
            *db_,
            "UPDATE item SET state = iif(state = 119, 115, state), object_id = ?3, stored_s = ?4, "
            "stored_ns = ?5, resume_state = x'', attempts = 0, last_error = x'', failed_s = 0, failed_ns = "
            "0, "
            "part_bytes = 0, part_digests = x'' WHERE target = ?1 AND name = ?2");
        update.bind(1, target).bind(2, name).bind(3, object_id).bind(4, when.sec).bind(5, when.nsec).run();
    }

    void set_locked(std::string_view target, std::string_view name, std::optional<Timestamp> until) override {
        sql::Statement update(
            *db_, "UPDATE item SET locked_s = ?3 WHERE target = ?1 AND name = ?2 AND state = 115");
        update.bind(1, target).bind(2, name).bind(3, until ? until->sec : 0).run();
    }

    void set_failed(std::string_view target, std::string_view name, std::string_view error,
                    Timestamp when) override {
        sql::Statement update(*db_,
                              "UPDATE item SET attempts = attempts + 1, last_error = ?3, failed_s = ?4, "
                              "failed_ns = ?5 WHERE target = ?1 AND name = ?2");
        update.bind(1, target).bind(2, name).bind(3, error).bind(4, when.sec).bind(5, when.nsec).run();
    }

    void set_waiting(std::string_view target, std::string_view name) override {
        sql::Statement update(*db_,
                              "UPDATE item SET state = 119, object_id = x'', stored_s = 0, stored_ns = 0, "
                              "resume_state = x'', locked_s = 0 WHERE target = ?1 AND name = ?2");
        update.bind(1, target).bind(2, name).run();
    }

    void discard(std::string_view name) override {
        sql::Statement update(*db_, "UPDATE item SET state = 100 WHERE name = ?1");
        update.bind(1, name).run();
    }

    void remove(std::string_view target, std::string_view name) override {
        sql::Statement erase(*db_, "DELETE FROM item WHERE target = ?1 AND name = ?2");
        erase.bind(1, target).bind(2, name).run();
    }

    std::vector<OutboxItem> items(std::string_view target) const override {
        sql::Statement row(*db_,
                           format("SELECT {} FROM item WHERE target = ?1 ORDER BY name", kColumns).c_str());
        row.bind(1, target);
        std::vector<OutboxItem> out;
        while (row.step()) out.push_back(read(row, false));
        return out;
    }

  private:
    void add_parts(const OutboxItem& item, const std::string& parts) {
        sql::Statement update(
            *db_,
            "UPDATE item SET part_bytes = ?3, part_digests = ?4 WHERE target = ?1 AND name = ?2 "
            "AND state = 119 AND part_bytes <> ?3");
        update.bind(1, item.target).bind(2, item.name);
        update.bind(3, sql::to_signed(item.parts.part_bytes)).bind(4, parts).run();
    }

    PartDigests read_parts(RowReader& in) const {
        PartDigests out;
        out.part_bytes = in.number64();
        std::string raw = in.text();
        if (raw.size() % kPartBytes != 0) db_->fail_damaged("the digests of parts have a wrong length");
        for (std::string_view rest = raw; !rest.empty(); rest.remove_prefix(kPartBytes))
            out.parts.push_back({Digest::from_bytes(rest.substr(0, kPartBytes / 2)),
                                 Digest::from_bytes(rest.substr(kPartBytes / 2, kPartBytes / 2))});
        return out;
    }

    OutboxItem read(const sql::Statement& row, bool with_parts) const {
        RowReader in(*db_, row);
        OutboxItem item;
        item.target = in.text();
        item.name = in.text();
        item.run = in.number32();
        item.part = static_cast<OutboxItem::Part>(in.number_below(5));
        item.size_bytes = in.number64();
        item.sha256 = in.digest();
        item.tree_hash = in.digest();
        item.state = static_cast<OutboxItem::State>(in.number_below(128));
        if (item.state != OutboxItem::State::waiting && item.state != OutboxItem::State::stored &&
            item.state != OutboxItem::State::discarded)
            db_->fail_damaged("a file is in no known state");
        item.object_id = in.text();
        item.stored_at = in.time();
        item.resume_state = in.text();
        item.attempts = in.number32();
        item.last_error = in.text();
        item.failed_at = in.time();
        if (std::uint64_t locked = in.number64(); locked != 0)
            item.locked_until = Timestamp{sql::to_signed(locked), 0};
        if (with_parts) item.parts = read_parts(in);
        return item;
    }

    std::unique_ptr<sql::Connection> db_;
};

}  // namespace

std::unique_ptr<Outbox> Outbox::open(const std::string& path) {
    auto outbox = std::make_unique<SqlOutbox>(open_for_writing(path, outbox_schema()));
    outbox->check_all();
    return outbox;
}

std::unique_ptr<Outbox> Outbox::open_read_only(const std::string& path) {
    return std::make_unique<SqlOutbox>(open_for_reading(path, outbox_schema()));
}

}  // namespace icecore::catalog
