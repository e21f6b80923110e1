// Catalogues of every schema version that was ever released can still be opened.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/catalog.h"
#include "catalog/sqlite.h"
#include "catalog/test_support.h"

namespace icecore::catalog {
namespace {

/// A catalogue of schema version 1 with one full run, as that version wrote it: the root with a file "hello".
constexpr char kVersion1[] = R"(
    PRAGMA application_id = 1768121667;
    CREATE TABLE run (
        number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, parent INTEGER NOT NULL, chain INTEGER NOT NULL,
        root_node INTEGER NOT NULL, node_limit INTEGER NOT NULL, set_name BLOB NOT NULL, host BLOB NOT NULL, program BLOB NOT NULL,
        archive_name BLOB NOT NULL, compression_method INTEGER NOT NULL, compression_level INTEGER NOT NULL,
        reason BLOB NOT NULL, started_s INTEGER NOT NULL, started_ns INTEGER NOT NULL, finished_s INTEGER NOT NULL,
        finished_ns INTEGER NOT NULL, files INTEGER NOT NULL, directories INTEGER NOT NULL, added INTEGER NOT NULL,
        changed INTEGER NOT NULL, deleted INTEGER NOT NULL, renamed INTEGER NOT NULL, excluded INTEGER NOT NULL,
        errors INTEGER NOT NULL, tree_bytes INTEGER NOT NULL, read_bytes INTEGER NOT NULL,
        stored_bytes INTEGER NOT NULL);
    CREATE TABLE volume (
        run INTEGER NOT NULL REFERENCES run, number INTEGER NOT NULL, name BLOB NOT NULL,
        stored_bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL, tree_hash BLOB NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID;
    CREATE TABLE entry (
        parent INTEGER NOT NULL, name BLOB NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL,
        node INTEGER, ino INTEGER, version BLOB, PRIMARY KEY (parent, name, added)) WITHOUT ROWID;
    CREATE INDEX entry_by_node ON entry(node, removed) WHERE node IS NOT NULL;
    CREATE INDEX entry_by_ino ON entry(ino, removed) WHERE ino IS NOT NULL;
    INSERT INTO run VALUES (1, 102, 0, 1, 1, 2, x'686f6d65', x'736572766572', x'302e312e30',
        x'686f6d652d3030303030312e7461722e7a7374', 2, 3, x'6669727374', 1700000010, 11, 1700000020, 12,
        1, 1, 1, 0, 0, 0, 0, 0, 5, 5, 400);
    INSERT INTO volume VALUES (1, 0, x'686f6d652d3030303030312e7461722e7a7374', 400, 4096,
        x'0101010101010101010101010101010101010101010101010101010101010101',
        x'0202020202020202020202020202020202020202020202020202020202020202');
    INSERT INTO entry VALUES (-1, x'', 1, 2147483647, 1, 77,
        x'6400ed0300000080c49fd50c0502064d020000000000');
    INSERT INTO entry VALUES (1, x'68656c6c6f', 1, 2147483647, NULL, NULL,
        x'6604a403e807000584c49fd50c0702084e010100800c80082cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982400');
    PRAGMA user_version = 1;
)";

class MigrationTest : public testing::Test {
  protected:
    MigrationTest() {
        sql::Connection db(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path_);
        db.exec(kVersion1);
    }
    /// What version 1 knew is still there.
    static void expect_known(const Catalog& catalog) {
        std::optional<catalog::Run> run = catalog.run(1);
        ASSERT_TRUE(run.has_value());
        EXPECT_EQ(run->header.set, "home");
        EXPECT_EQ(run->header.host, "server");
        EXPECT_EQ(run->header.kind, RunKind::full);
        EXPECT_EQ(run->header.chain, 1U);
        EXPECT_EQ(run->header.reason, "first");
        EXPECT_EQ(run->header.started, (Timestamp{1700000010, 11}));
        EXPECT_EQ(run->header.compression, archive::parse_compression("zstd:3"));
        EXPECT_EQ(run->trailer.finished, (Timestamp{1700000020, 12}));
        EXPECT_EQ(run->trailer.counts.stored_bytes, 400U);
        ASSERT_EQ(run->trailer.volumes.size(), 1U);
        EXPECT_EQ(run->trailer.volumes[0].name, "home-000001.tar.zst");
        EXPECT_EQ(run->trailer.volumes[0].sha256.hex().substr(0, 4), "0101");
        EXPECT_EQ(run->trailer.volumes[0].tree_hash.hex().substr(0, 4), "0202");
        std::optional<Entry> file = catalog.lookup(1, "hello");
        ASSERT_TRUE(file.has_value());
        EXPECT_EQ(file->stat.size, 5U);
        EXPECT_EQ(file->stat.mtime, (Timestamp{1700000002, 7}));
        EXPECT_EQ(file->sha256, sha256("hello"));
        EXPECT_EQ(file->location, (Location{1, 0, 1536, 1024}));
    }

    TemporaryDirectory dir_;
    std::string path_ = dir_.path("catalog.db");
};

TEST_F(MigrationTest, Version1IsBroughtUpToDate) {
    expect_known(*Catalog::open(path_));
    // Now it is of our version: reading it needs nothing more.
    expect_known(*Catalog::open_read_only(path_));
}

TEST_F(MigrationTest, TheNextRunGoesOnFromVersion1) {
    std::unique_ptr<Catalog> catalog = Catalog::open(path_);
    auto writer = catalog->begin_run(make_header(2, 1));
    writer->rename({"hello", "renamed"});
    writer->commit({});
    EXPECT_FALSE(catalog->lookup(2, "hello").has_value());
    EXPECT_EQ(catalog->lookup(2, "renamed")->sha256, sha256("hello"));
    expect_known(*catalog);
}

TEST_F(MigrationTest, ReadersNeverMigrate) {
    std::int64_t version = 0;
    {
        sql::Connection db(path_, SQLITE_OPEN_READONLY, path_);
        version = db.query_number("PRAGMA user_version");
    }
    try {
        expect_known(*Catalog::open_read_only(path_));  // as long as version 1 is the current one
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::not_ready) << error.what();
        EXPECT_THAT(error.hint(), testing::HasSubstr("up to date"));
    }
    sql::Connection db(path_, SQLITE_OPEN_READONLY, path_);
    EXPECT_EQ(db.query_number("PRAGMA user_version"), version);
}

}  // namespace
}  // namespace icecore::catalog
