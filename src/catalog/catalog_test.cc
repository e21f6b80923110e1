#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/metadata.h"
#include "catalog/test_support.h"

namespace icecore::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CatalogTest : public testing::Test {
  protected:
    archive::ManifestEntry file(const std::string& path, std::uint64_t size = 1) {
        archive::ManifestEntry entry;
        entry.path = path;
        entry.stat.size = size;
        entry.sha256 = sha256(std::to_string(size));
        entry.stored = Stored::whole;
        entry.location = {next_run_, 0, ++offset_ * 512, 512};
        return entry;
    }
    static archive::ManifestEntry directory(const std::string& path, std::uint64_t ino = 1) {
        archive::ManifestEntry entry;
        entry.path = path;
        entry.stat.type = FileType::directory;
        entry.stat.ino = ino;
        return entry;
    }
    std::unique_ptr<RunWriter> begin(RunNumber parent = 0, RunNumber chain = 1) {
        return catalog_->begin_run(make_header(next_run_, parent, chain));
    }
    /// A full run of these entries.
    void record_full(const std::vector<archive::ManifestEntry>& entries) {
        auto writer = begin();
        for (const auto& entry : entries) writer->put(entry);
        writer->commit({});
        ++next_run_;
    }
    std::vector<std::string> paths(RunNumber at) {
        std::vector<std::string> out;
        catalog_->walk(at, "", [&](const std::string& path, const Entry&) {
            out.push_back(path);
            return true;
        });
        return out;
    }
    /// Kind of the Error that `action` throws; fails the test if it throws none.
    template <typename Action>
    static Error::Kind kind_of(Action action) {
        try {
            action();
        } catch (const Error& error) {
            return error.kind();
        }
        ADD_FAILURE() << "no Error";
        return Error::Kind::io;
    }
    template <typename Action>
    void expect_refused(Action action) {
        auto writer = begin(1);
        EXPECT_EQ(kind_of([&] {
                      action(*writer);
                      writer->commit({});
                  }),
                  Error::Kind::corrupt);
        EXPECT_EQ(kind_of([&] { writer->put(directory("")); }), Error::Kind::invalid);  // it is finished
    }

    TemporaryDirectory dir_;
    std::string path_ = dir_.path("catalog.db");
    std::unique_ptr<Catalog> catalog_ = Catalog::open(path_);
    RunNumber next_run_ = 1;
    std::uint64_t offset_ = 0;
};

TEST_F(CatalogTest, EmptyCatalogueHasNothing) {
    EXPECT_TRUE(catalog_->runs().empty());
    EXPECT_FALSE(catalog_->last_run());
    EXPECT_FALSE(catalog_->run(1));
    EXPECT_EQ(catalog_->node_limit(), 1);
    EXPECT_EQ(kind_of([&] { catalog_->root(1); }), Error::Kind::not_found);
    EXPECT_EQ(kind_of([&] { catalog_->lookup(1, "a"); }), Error::Kind::not_found);
    EXPECT_EQ(kind_of([&] { catalog_->chain_of(1); }), Error::Kind::not_found);
    catalog_->find([](std::string_view) { return true; }, [](const PathVersion&) { FAIL(); });
}

TEST_F(CatalogTest, RunsComeBackWhole) {
    archive::ManifestHeader header = make_header(7);
    header.compression = {archive::Compression::Method::gzip, 6};
    header.reason = "no snapshot file \xff";
    archive::ManifestTrailer trailer;
    trailer.finished = {-2, 999'999'999};
    trailer.counts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, std::numeric_limits<std::uint64_t>::max()};
    for (std::uint32_t i = 0; i < 3; ++i)
        trailer.volumes.push_back(
            {i, "volume" + std::to_string(i), 1ULL << 40, ~0ULL, sha256("a"), sha256("b")});
    auto writer = catalog_->begin_run(header);
    writer->put(directory(""));
    EXPECT_FALSE(catalog_->last_run());  // not before it is committed
    writer->commit(trailer);
    writer.reset();

    catalog_.reset();
    auto reader = Catalog::open_read_only(path_);
    ASSERT_TRUE(reader->run(7));
    EXPECT_EQ(reader->run(7)->header, header);
    EXPECT_EQ(reader->run(7)->trailer, trailer);
    EXPECT_EQ(reader->last_run()->trailer, trailer);
    ASSERT_EQ(reader->runs().size(), 1U);
    EXPECT_EQ(reader->runs()[0].trailer, trailer);
}

TEST_F(CatalogTest, OpensWhereNothingMayBeWritten) {
    record_full({directory(""), file("a")});
    catalog_.reset();
    // A reader that may not even make SQLite's -shm file: an ordinary user in root's directory, a read-only
    // mount.
    const auto writable = std::filesystem::perms::owner_all;
    const auto read_only = std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec;
    std::filesystem::permissions(dir_.path(""), read_only);
    EXPECT_TRUE(Catalog::open_read_only(path_)->lookup(1, "a"));
    std::filesystem::permissions(dir_.path(""), writable);
}

TEST_F(CatalogTest, ChainsEndAtTheNextFullRun) {
    record_full({directory("")});
    begin(1)->commit({});
    ++next_run_;
    record_full({directory("")});
    next_run_ = 4;
    begin(2)->commit({});  // carries the first chain on
    auto numbers = [&](RunNumber run) {
        std::vector<RunNumber> out;
        for (const auto& r : catalog_->chain_of(run)) out.push_back(r.number());
        return out;
    };
    EXPECT_THAT(numbers(2), ElementsAre(1, 2));
    EXPECT_THAT(numbers(3), ElementsAre(3));
    EXPECT_THAT(numbers(4), ElementsAre(1, 2, 4));
    EXPECT_EQ(catalog_->last_run()->number(), 4U);
}

TEST_F(CatalogTest, AnyNameTimeAndNumberComesBack) {
    archive::ManifestEntry odd = file("\xff\x01\\\n", ~0ULL);
    odd.stat.mtime = {-12'219'292'800, 1};            // 1582
    odd.stat.ctime = {253'402'300'800, 999'999'999};  // 10000
    odd.stat.ino = (1ULL << 63) + 12345;
    odd.metadata.xattrs = {{"user.a", std::string("\0b", 2)}};
    archive::ManifestEntry dir = directory("dir", ~0ULL);
    archive::ManifestEntry link = file("dir/link");
    link.stat.type = FileType::symlink;
    link.link_target = "../\xfe";
    record_full({directory(""), odd, dir, link});
    auto entry = catalog_->lookup(1, odd.path);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->name, odd.path);
    EXPECT_EQ(entry->stat.mtime, odd.stat.mtime);
    EXPECT_EQ(entry->stat.ctime, odd.stat.ctime);
    EXPECT_EQ(entry->stat.ino, odd.stat.ino);
    EXPECT_EQ(entry->stat.size, ~0ULL);
    EXPECT_EQ(entry->location, odd.location);
    EXPECT_EQ(entry->metadata, encode_metadata(odd.metadata));
    EXPECT_FALSE(entry->metadata.empty());
    EXPECT_EQ(catalog_->lookup(1, "dir/link")->link_target, "../\xfe");
    EXPECT_EQ(catalog_->directory_by_inode(1, ~0ULL)->path, "dir");
    EXPECT_FALSE(catalog_->directory_by_inode(1, odd.stat.ino));  // a file's
}

TEST_F(CatalogTest, PathsThatAreNoneFindNothing) {
    record_full({directory(""), directory("a"), file("a/f")});
    for (const char* path : {"/", "/a", "a/", "a//f", "./a", "a/..", "a/f/x", "A"})
        EXPECT_FALSE(catalog_->lookup(1, path)) << path;
    EXPECT_EQ(kind_of([&] { catalog_->walk(1, "b", [](auto&, auto&) { return true; }); }),
              Error::Kind::not_found);
}

TEST_F(CatalogTest, WalkCanStartAnywhereAndSkip) {
    record_full({directory(""), file("z"), directory("a"), file("a/f"), directory("a/d"), file("a/d/f"),
                 directory("a-"), file("a-/f")});
    EXPECT_THAT(paths(1), ElementsAre("", "z", "a", "a/f", "a/d", "a/d/f", "a-", "a-/f"));
    std::vector<std::string> seen;
    auto visit = [&](const std::string& path, const Entry& entry) {
        seen.push_back(path);
        EXPECT_TRUE(catalog_->lookup(1, path));  // a callback may ask again
        return entry.name != "d";
    };
    catalog_->walk(1, "a", visit);
    EXPECT_THAT(seen, ElementsAre("a", "a/f", "a/d"));
    seen.clear();
    catalog_->walk(1, "a/f", visit);
    EXPECT_THAT(seen, ElementsAre("a/f"));
}

TEST_F(CatalogTest, DepthIsNotBoundedByTheStack) {
    auto writer = begin();
    writer->put(directory(""));
    std::string path = "d";
    constexpr int kDepth = 3000;
    for (int i = 0; i < kDepth; ++i, path += "/d")
        writer->put(directory(path, static_cast<std::uint64_t>(i) + 5));
    writer->commit({});
    EXPECT_EQ(paths(1).size(), kDepth + 1U);
    EXPECT_EQ(catalog_->directory_by_inode(1, kDepth + 4)->path.size(), 2U * kDepth - 1);
    std::size_t found = 0;
    catalog_->find([](std::string_view) { return true; }, [&](const PathVersion&) { ++found; });
    EXPECT_EQ(found, kDepth + 1U);
}

TEST_F(CatalogTest, MovedFileKeepsItsVersion) {
    auto sparse = file("a", 77);
    sparse.stored = Stored::sparse;
    record_full({directory(""), sparse, directory("d", 9)});
    NodeId node = catalog_->lookup(1, "d")->node;
    auto writer = begin(1);
    writer->rename({"a", "d/e/b"});
    writer->rename({"d", "c"});  // all at once: d/e is a new directory in a new d
    writer->put(directory("d"));
    writer->put(directory("d/e"));
    writer->commit({});
    auto moved = catalog_->lookup(2, "d/e/b");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->location, sparse.location);
    EXPECT_EQ(moved->sha256, sparse.sha256);
    EXPECT_TRUE(moved->sparse);
    EXPECT_EQ(moved->added, 2U);
    EXPECT_EQ(catalog_->lookup(2, "c")->node, node);
    EXPECT_NE(catalog_->lookup(2, "d")->node, node);
    EXPECT_EQ(catalog_->path_of(node, 1), "d");
    EXPECT_EQ(catalog_->path_of(node, 2), "c");
    EXPECT_THAT(paths(1), ElementsAre("", "a", "d"));
    EXPECT_THAT(paths(2), ElementsAre("", "c", "d", "d/e", "d/e/b"));
}

TEST_F(CatalogTest, WhatIsBelowADeletedDirectoryIsGone) {
    record_full({directory(""), directory("a", 10), directory("a/b", 11), file("a/b/f")});
    NodeId inner = catalog_->lookup(1, "a/b")->node;
    auto writer = begin(1);
    writer->remove({"a"});
    writer->put(directory("a", 12));
    writer->commit({});
    EXPECT_THAT(paths(2), ElementsAre("", "a"));
    EXPECT_FALSE(catalog_->directory_by_inode(2, 11));
    EXPECT_FALSE(catalog_->directory_by_inode(2, 10));
    EXPECT_EQ(catalog_->directory_by_inode(2, 12)->path, "a");
    EXPECT_FALSE(catalog_->path_of(inner, 2));
    EXPECT_EQ(catalog_->path_of(inner, 1), "a/b");
    catalog_->find([](std::string_view path) { return path == "a/b/f"; },
                   [](const PathVersion& version) { EXPECT_EQ(version.last, 1U); });
    std::string changes;
    catalog_->diff(1, 2, [&](const Difference& d) { changes += static_cast<char>(d.what) + d.path + " "; });
    EXPECT_EQ(changes, "-a/b -a/b/f ");
}

TEST_F(CatalogTest, SparseIsInheritedByLinksAndEarlierContent) {
    auto holes = file("a/holes", 5);
    holes.stored = Stored::sparse;
    auto link = holes;
    link.path = "b";
    link.stored = Stored::link;
    link.link_path = "a/holes";
    record_full({directory(""), directory("a"), holes, link, file("plain", 6)});
    EXPECT_TRUE(catalog_->lookup(1, "b")->sparse);

    auto writer = begin(1);
    writer->rename({"a", "z"});
    auto earlier = holes;
    earlier.path = "z/holes";
    earlier.stored = Stored::earlier;
    earlier.stat.mode = 0644;
    writer->put(earlier);
    auto other = earlier;  // another content than what is there
    other.path = "plain";
    writer->put(other);
    auto second = link;
    second.path = "c";
    second.link_path = "z/holes";
    writer->put(second);
    writer->commit({});
    EXPECT_TRUE(catalog_->lookup(2, "z/holes")->sparse);
    EXPECT_EQ(catalog_->lookup(2, "z/holes")->stat.mode, 0644U);
    EXPECT_FALSE(catalog_->lookup(2, "plain")->sparse);
    EXPECT_TRUE(catalog_->lookup(2, "c")->sparse);
}

TEST_F(CatalogTest, AHardLinkIsTheFileThatItLinksTo) {
    archive::ManifestEntry target = file("target", 7);
    target.metadata.xattrs = {{"user.a", "b"}};
    archive::ManifestEntry link;  // as a manifest has it: no location, digest or attributes of its own
    link.path = "dir/link";
    link.stat = target.stat;
    link.stored = Stored::link;
    link.link_path = "target";
    record_full({directory(""), target, directory("dir"), link});
    std::optional<Entry> read = catalog_->lookup(1, "dir/link");
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->location, target.location);
    EXPECT_EQ(read->sha256, target.sha256);
    EXPECT_EQ(read->metadata, catalog_->lookup(1, "target")->metadata);
    EXPECT_FALSE(read->metadata.empty());
    expect_refused([&](RunWriter& writer) {
        link.link_path = "nowhere";
        writer.put(link);
    });
}

TEST_F(CatalogTest, AParentMayComeAfterItsChildrenButMustCome) {
    record_full({file("deep/er/file"), directory(""), directory("deep"), directory("deep/er")});
    EXPECT_EQ(paths(1), (std::vector<std::string>{"", "deep", "deep/er", "deep/er/file"}));
    expect_refused([&](RunWriter& writer) { writer.put(file("orphan/file")); });
}

TEST_F(CatalogTest, FindJoinsWhatANewChainStoredAgain) {
    record_full({directory(""), file("same", 3), file("differs", 3)});
    auto again = file("same", 3);
    again.location.run = 2;
    record_full({directory(""), again, file("differs", 4)});
    std::vector<std::string> seen;
    catalog_->find(
        [](std::string_view path) { return !path.empty(); },
        [&](const PathVersion& v) {
            seen.push_back(format("{} {}-{} in {}", v.path, v.first, v.last, v.entry.location.run));
        });
    EXPECT_THAT(seen, ElementsAre("differs 1-1 in 1", "differs 2-2 in 2", "same 1-2 in 2"));
}

TEST_F(CatalogTest, UncommittedRunLeavesNoTrace) {
    record_full({directory(""), file("a")});
    {
        auto writer = begin(1);
        writer->rename({"a", "b"});
        writer->put(file("c"));
    }
    EXPECT_FALSE(catalog_->run(2));
    EXPECT_THAT(paths(1), ElementsAre("", "a"));
    auto writer = begin(1);
    writer->rename({"a", "d"});
    writer->commit({});
    EXPECT_THAT(paths(2), ElementsAre("", "d"));
}

TEST_F(CatalogTest, NodesOfReplacedDirectoriesAreNotGivenOutAgain) {
    record_full({directory(""), directory("a"), file("a/ghost"), file("a")});
    EXPECT_THAT(paths(1), ElementsAre("", "a"));
    auto writer = begin(1);
    writer->put(directory("b"));
    writer->commit({});
    EXPECT_THAT(paths(2), ElementsAre("", "a", "b"));
    EXPECT_EQ(catalog_->node_limit(), catalog_->lookup(2, "b")->node + 1);
}

TEST_F(CatalogTest, TheLastEntryOfAPathWins) {
    record_full({directory(""), file("a", 1), file("a", 2), directory("d"), file("d/f"), directory("d", 8)});
    EXPECT_EQ(catalog_->lookup(1, "a")->stat.size, 2U);
    EXPECT_EQ(catalog_->lookup(1, "d")->stat.ino, 8U);
    EXPECT_TRUE(catalog_->lookup(1, "d/f"));
}

TEST_F(CatalogTest, RunsThatDoNotFitAreRefused) {
    record_full({directory("")});
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(1)); }), Error::Kind::exists);
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(0)); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(3, 2)); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(3, 1, 2)); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(0xffffffff, 1)); }), Error::Kind::corrupt);
    catalog_->begin_run(make_header(2, 1))->commit({});
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(3, 1)); }),
              Error::Kind::corrupt);  // not the last
    auto no_chain = make_header(3);
    no_chain.chain = 1;
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(no_chain); }), Error::Kind::corrupt);
    EXPECT_EQ(kind_of([&] { catalog_->begin_run(make_header(3))->commit({}); }),
              Error::Kind::corrupt);  // no root
    EXPECT_EQ(catalog_->runs().size(), 2U);
}

TEST_F(CatalogTest, LinesThatDoNotFitAreRefused) {
    record_full({directory(""), directory("d"), file("d/f"), file("f")});
    next_run_ = 2;
    expect_refused([&](RunWriter& w) { w.rename({"none", "x"}); });
    expect_refused([&](RunWriter& w) { w.rename({"", "x"}); });
    expect_refused([&](RunWriter& w) { w.rename({"d", ""}); });
    expect_refused([&](RunWriter& w) { w.rename({"d", "x/../y"}); });
    expect_refused([&](RunWriter& w) { w.rename({"d", "x/"}); });
    expect_refused([&](RunWriter& w) {  // the same twice
        w.rename({"d", "x"});
        w.rename({"d", "y"});
    });
    expect_refused([&](RunWriter& w) {
        w.rename({"d", "x"});
        w.rename({"f", "x"});
    });
    expect_refused([&](RunWriter& w) { w.rename({"f", "new/f"}); });  // new/ never gets its entry
    expect_refused([&](RunWriter& w) {
        w.rename({"f", "new/f"});
        w.put(file("new"));
    });
    expect_refused([&](RunWriter& w) {
        w.rename({"f", "new/f"});
        w.remove({"new"});
    });
    expect_refused([&](RunWriter& w) {
        w.put(file("g"));
        w.rename({"f", "h"});
    });
    expect_refused([&](RunWriter& w) { w.remove({"none"}); });
    expect_refused([&](RunWriter& w) { w.remove({""}); });
    expect_refused([&](RunWriter& w) { w.remove({"f/x"}); });
    expect_refused([&](RunWriter& w) { w.put(file("none/x")); });
    expect_refused([&](RunWriter& w) { w.put(file("f/x")); });
    expect_refused([&](RunWriter& w) { w.put(file("")); });
    expect_refused([&](RunWriter& w) { w.put(file("d/..")); });
    expect_refused([&](RunWriter& w) { w.put(file("d//f")); });
    expect_refused([&](RunWriter& w) { w.put(file(std::string("n\0l", 3))); });
    expect_refused([&](RunWriter& w) {
        auto entry = file("x");
        entry.stat.mtime.nsec = 1'000'000'000;
        w.put(entry);
    });
    expect_refused([&](RunWriter& w) {
        auto entry = file("x");
        entry.stored = Stored::link;
        entry.link_path = "none";
        w.put(entry);
    });
    EXPECT_THAT(paths(1), ElementsAre("", "f", "d", "d/f"));
    EXPECT_EQ(catalog_->runs().size(), 1U);
}

TEST_F(CatalogTest, SeveralCursorsAndAReaderBesideAWriter) {
    record_full({directory(""), file("a"), file("b"), file("c")});
    auto reader = Catalog::open_read_only(path_);
    auto one = catalog_->open_children(catalog_->root(1), 1);
    auto two = catalog_->open_children(catalog_->root(1), 1);
    EXPECT_EQ(one->next()->name, "a");
    EXPECT_EQ(two->next()->name, "a");
    auto writer = begin(1);
    writer->put(file("b", 9));
    EXPECT_EQ(one->next()->name, "b");
    EXPECT_EQ(one->next()->stat.size, 1U);
    EXPECT_EQ(two->next()->stat.size, 1U);
    EXPECT_FALSE(reader->run(2));
    EXPECT_EQ(one->next(), nullptr);
    EXPECT_EQ(one->next(), nullptr);
    writer->commit({});
    EXPECT_EQ(reader->lookup(2, "b")->stat.size, 9U);
}

}  // namespace
}  // namespace icecore::catalog
