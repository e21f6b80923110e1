#include "catalog/thaws.h"

#include <array>
#include <string_view>

#include "base/error.h"
#include "catalog/database_file.h"
#include "catalog/row_reader.h"

namespace icecore::catalog {
namespace {

/// One row a range; columns as in Thaw. `until_s` is null where there is no end; `state` is a letter's code.
constexpr std::array kMigrations = {
    R"(CREATE TABLE thaw (
        id INTEGER PRIMARY KEY, target BLOB NOT NULL, name BLOB NOT NULL, object_id BLOB NOT NULL,
        object_bytes INTEGER NOT NULL, range_offset INTEGER NOT NULL, length_bytes INTEGER NOT NULL,
        tier INTEGER NOT NULL, state INTEGER NOT NULL, ticket BLOB NOT NULL, asked_s INTEGER NOT NULL,
        asked_ns INTEGER NOT NULL, has_until INTEGER NOT NULL, until_s INTEGER NOT NULL,
        until_ns INTEGER NOT NULL, fetched_bytes INTEGER NOT NULL, attempts INTEGER NOT NULL,
        message BLOB NOT NULL);
    CREATE INDEX thaw_of_object ON thaw(target, name, range_offset);)",
};

const Schema& thaws_schema() {
    static constexpr Schema kSchema = {
        .application_id = 0x69636f74,  // "icot"
        .migrations = kMigrations,
        .noun = "list of thaws",
        .damage_hint = "delete the file: the target still knows what it was asked for",
        .newer_hint = "use the newer program, or delete the file",
        .missing_hint = "nothing was ever asked of a cold target",
    };
    return kSchema;
}

class SqlThaws final : public Thaws {
  public:
    explicit SqlThaws(std::unique_ptr<sql::Connection> db) : db_(std::move(db)) {}

    void at_once(const std::function<void()>& changes) override { db_->at_once(changes); }

    std::int64_t add(const Thaw& thaw) override {
        CHECK(!thaw.target.empty() && !thaw.name.empty() && thaw.length_bytes > 0);
        sql::Statement insert(
            *db_,
            "INSERT INTO thaw VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
            "?13, ?14, ?15, ?16, ?17)");
        insert.bind(1, thaw.target).bind(2, thaw.name).bind(3, thaw.object_id);
        insert.bind(4, sql::to_signed(thaw.object_bytes)).bind(5, sql::to_signed(thaw.offset));
        insert.bind(6, sql::to_signed(thaw.length_bytes)).bind(7, thaw.tier);
        bind_changes(insert, thaw, 8);
        insert.run();
        return sqlite3_last_insert_rowid(db_->handle());
    }

    void update(const Thaw& thaw) override {
        sql::Statement update(
            *db_,
            "UPDATE thaw SET state = ?2, ticket = ?3, asked_s = ?4, asked_ns = ?5, has_until = ?6, "
            "until_s = ?7, until_ns = ?8, fetched_bytes = ?9, attempts = ?10, message = ?11, "
            "length_bytes = ?12, tier = ?13 WHERE id = ?1");
        update.bind(1, thaw.id).bind(12, sql::to_signed(thaw.length_bytes)).bind(13, thaw.tier);
        bind_changes(update, thaw, 2);
        update.run();
    }

    void remove(std::int64_t id) override {
        sql::Statement erase(*db_, "DELETE FROM thaw WHERE id = ?1");
        erase.bind(1, id).run();
    }

    std::vector<Thaw> all(std::string_view target) const override {
        sql::Statement row(*db_, "SELECT * FROM thaw WHERE target = ?1 ORDER BY name, range_offset, id");
        row.bind(1, target);
        std::vector<Thaw> out;
        while (row.step()) out.push_back(read(row));
        return out;
    }

  private:
    static void bind_changes(sql::Statement& statement, const Thaw& thaw, int first) {
        Timestamp until = thaw.until.value_or(Timestamp{});
        statement.bind(first, static_cast<std::int64_t>(thaw.state)).bind(first + 1, thaw.ticket);
        statement.bind(first + 2, thaw.asked_at.sec).bind(first + 3, thaw.asked_at.nsec);
        statement.bind(first + 4, thaw.until.has_value())
            .bind(first + 5, until.sec)
            .bind(first + 6, until.nsec);
        statement.bind(first + 7, sql::to_signed(thaw.fetched_bytes)).bind(first + 8, thaw.attempts);
        statement.bind(first + 9, thaw.message);
    }

    Thaw read(const sql::Statement& row) const {
        RowReader in(*db_, row);
        Thaw thaw;
        thaw.id = in.number();
        thaw.target = in.text();
        thaw.name = in.text();
        thaw.object_id = in.text();
        thaw.object_bytes = in.number64();
        thaw.offset = in.number64();
        thaw.length_bytes = in.number64();
        thaw.tier = in.number_below(3);
        thaw.state = static_cast<Thaw::State>(in.number_below(128));
        if (std::string_view("warfd").find(static_cast<char>(thaw.state)) == std::string_view::npos)
            db_->fail_damaged("a range is in no known state");
        thaw.ticket = in.text();
        thaw.asked_at = in.time();
        bool has_until = in.number_below(2) == 1;
        Timestamp until = in.time();
        if (has_until) thaw.until = until;
        thaw.fetched_bytes = in.number64();
        thaw.attempts = in.number32();
        thaw.message = in.text();
        if (thaw.offset > thaw.object_bytes || thaw.length_bytes > thaw.object_bytes - thaw.offset ||
            thaw.fetched_bytes > thaw.length_bytes)
            db_->fail_damaged("a range is longer than its object");
        return thaw;
    }

    std::unique_ptr<sql::Connection> db_;
};

}  // namespace

std::unique_ptr<Thaws> Thaws::open(const std::string& path) {
    return std::make_unique<SqlThaws>(open_for_writing(path, thaws_schema()));
}

std::unique_ptr<Thaws> Thaws::open_read_only(const std::string& path) {
    return std::make_unique<SqlThaws>(open_for_reading(path, thaws_schema()));
}

}  // namespace icecore::catalog
