#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "base/file.h"
#include "catalog/catalog.h"
#include "catalog/sqlite.h"
#include "catalog/test_support.h"

// A damaged catalogue gives an Error, never a crash or an endless loop.

namespace icecore::catalog {
namespace {

void write_bytes(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::ssize(bytes));
}

class DamageTest : public testing::Test {
  protected:
    /// A catalogue of two runs, some pages long, closed.
    DamageTest() {
        auto catalog = Catalog::open(path_);
        auto writer = catalog->begin_run(make_header(1));
        archive::ManifestEntry dir;
        dir.stat.type = FileType::directory;
        writer->put(dir);
        archive::ManifestEntry file;
        file.sha256 = sha256("x");
        for (std::uint64_t d = 0; d < 30; ++d) {
            dir.path = d % 3 == 0 ? format("dir{}", d) : format("{}/dir{}", dir.path, d);
            dir.stat.ino = 100 + d;
            writer->put(dir);
            for (int f = 0; f < 10; ++f) {
                file.path = format("{}/file{}", dir.path, f);
                writer->put(file);
            }
        }
        archive::ManifestTrailer trailer;
        trailer.volumes.push_back({});
        writer->commit(trailer);
        writer = catalog->begin_run(make_header(2, 1));
        writer->rename({"dir0", "dir3/moved"});
        writer->remove({"dir6"});
        writer->commit(trailer);
    }

    /// Uses all that there is to use.
    static void exercise(Catalog& catalog) {
        auto runs = catalog.runs();
        for (const auto& known : runs) {
            RunNumber run = known.number();
            catalog.walk(run, "", [](const auto&, const auto&) { return true; });
            for (std::uint64_t ino = 100; ino < 130; ++ino) catalog.directory_by_inode(run, ino);
            catalog.lookup(run, "dir3/moved/file1");
        }
        catalog.find([](auto) { return true; }, [](const auto&) {});
        if (runs.size() >= 2) catalog.diff(runs[0].number(), runs[1].number(), [](const auto&) {});
        catalog.node_limit();
    }

    static void record(Catalog& catalog) {
        auto writer = catalog.begin_run(make_header(3, 2));
        writer->rename({"dir3", "other"});
        archive::ManifestEntry file;
        file.path = "other/file";
        writer->put(file);
        writer->commit({});
    }

    /// What opening and using `path_` throws.
    static Error::Kind kind_of_use(const std::string& path, std::string* hint = nullptr) {
        try {
            auto catalog = Catalog::open(path);
            exercise(*catalog);
        } catch (const Error& error) {
            if (hint) *hint = error.hint();
            return error.kind();
        }
        ADD_FAILURE() << "no Error";
        return Error::Kind::io;
    }

    TemporaryDirectory dir_;
    std::string path_ = dir_.path("catalog.db");
};

TEST_F(DamageTest, GarbageIsCorruptWithAHint) {
    write_bytes(path_, std::string(10'000, 'x'));
    std::string hint;
    EXPECT_EQ(kind_of_use(path_, &hint), Error::Kind::corrupt);
    EXPECT_THAT(hint, testing::HasSubstr("from the manifests"));
}

TEST_F(DamageTest, AnotherProgramsDatabaseIsLeftAlone) {
    std::string other = dir_.path("other.db");
    {
        sql::Connection db(other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, other);
        db.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    }
    EXPECT_EQ(kind_of_use(other), Error::Kind::corrupt);
    sql::Connection db(other, SQLITE_OPEN_READWRITE, other);
    EXPECT_EQ(db.query_number("SELECT count(*) FROM sqlite_schema"), 1);
    EXPECT_EQ(db.query_text("PRAGMA journal_mode"), "delete");
}

TEST_F(DamageTest, NewerSchemaIsUnsupported) {
    {
        sql::Connection db(path_, SQLITE_OPEN_READWRITE, path_);
        db.exec("PRAGMA user_version = 1000");
    }
    std::string hint;
    EXPECT_EQ(kind_of_use(path_, &hint), Error::Kind::unsupported);
    EXPECT_FALSE(hint.empty());
    EXPECT_THROW(Catalog::open_read_only(path_), Error);
}

TEST_F(DamageTest, MissingFileIsNotFoundForReading) {
    try {
        Catalog::open_read_only(dir_.path("none.db"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::not_found);
    }
    EXPECT_FALSE(path_exists(dir_.path("none.db")));
}

TEST_F(DamageTest, EmptyFileBecomesANewCatalogue) {
    write_bytes(path_, "");
    EXPECT_TRUE(Catalog::open(path_)->runs().empty());
}

TEST_F(DamageTest, EveryTruncationIsAnError) {
    std::string whole = read_file(path_);
    ASSERT_GT(whole.size(), 5 * 8192U);
    for (std::size_t size = 1; size < whole.size(); size += 1111) {
        std::string cut = dir_.path(format("cut{}.db", size));
        write_bytes(cut, std::string_view(whole).substr(0, size));
        EXPECT_EQ(kind_of_use(cut), Error::Kind::corrupt) << size;
    }
}

TEST_F(DamageTest, FlippedBytesNeverCrash) {
    const std::string whole = read_file(path_);
    std::mt19937 random(20261122);
    int noticed = 0;
    for (int i = 0; i < 300; ++i) {
        std::string damaged = whole;
        // Half of the rounds aim at the first pages' heads, where structure is densest.
        for (int flips = 0; flips < 1 + i % 4; ++flips) {
            std::size_t at = random() % whole.size();
            if (i % 2 == 0) at = at / 8192 * 8192 + at % 64;
            damaged[at] = static_cast<char>(random());
        }
        std::string path = dir_.path(format("flipped{}.db", i));
        write_bytes(path, damaged);
        try {
            auto catalog = Catalog::open(path);
            exercise(*catalog);
            record(*catalog);
            exercise(*catalog);
        } catch (const Error&) {
            ++noticed;
        }
        for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    }
    EXPECT_GT(noticed, 50);
}

/// Changes rows as no program of ours would, keeping the file itself sound.
class LiesTest : public DamageTest {
  protected:
    void expect_corrupt(const char* statement) {
        std::string copy = dir_.path("lie.db");
        write_bytes(copy, read_file(path_));
        {
            sql::Connection db(copy, SQLITE_OPEN_READWRITE, copy);
            db.exec(statement);
            EXPECT_GT(db.changes(), 0) << statement;
        }
        EXPECT_EQ(kind_of_use(copy), Error::Kind::corrupt) << statement;
        for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(copy + suffix);
    }
};

TEST_F(LiesTest, AreFoundOut) {
    // A directory below itself: dir3 (reachable) holds dir4; make dir4 hold dir3.
    expect_corrupt(
        "INSERT INTO entry SELECT (SELECT node FROM entry WHERE name = x'64697234'), x'7a', 1, 2147483647, "
        "node, ino, "
        "version FROM entry WHERE name = x'64697233'");
    expect_corrupt("UPDATE entry SET name = x'2e2e' WHERE name = x'66696c6531' AND parent = 5");
    expect_corrupt("UPDATE entry SET name = x'612f62' WHERE name = x'66696c6531' AND parent = 5");
    expect_corrupt("UPDATE entry SET node = -5 WHERE name = x'64697234'");
    expect_corrupt("UPDATE entry SET node = 9000000000000 WHERE name = x'64697234'");
    expect_corrupt("UPDATE entry SET node = 77 WHERE name = x'66696c6531'");
    expect_corrupt("UPDATE entry SET version = x'66' WHERE name = x'66696c6531'");
    expect_corrupt("UPDATE entry SET version = NULL WHERE name = x'66696c6531'");
    expect_corrupt("UPDATE entry SET added = 0 WHERE name = x'66696c6531'");
    expect_corrupt("UPDATE run SET root_node = 0 WHERE number = 2");
    expect_corrupt("UPDATE run SET kind = 0 WHERE number = 2");
    expect_corrupt("UPDATE run SET compression_method = 9 WHERE number = 2");
    expect_corrupt("UPDATE volume SET sha256 = x'00'");
}

}  // namespace
}  // namespace icecore::catalog
