#include "engine/backup_dir.h"

#include <gtest/gtest.h>

namespace icecore::engine {
namespace {

TEST(ArchiveNames, SayWhatTheDesignSays) {
    Timestamp started = *parse_utc("2026-11-22T03:15:00Z");
    ArchiveNames names = make_archive_names("home", 2, archive::RunKind::incremental, started,
                                            archive::Compression::Method::zstd);
    EXPECT_EQ(names.stem, "home-000002-incr-20261122T031500Z");
    EXPECT_EQ(names.archive, "home-000002-incr-20261122T031500Z.tar.zst");
    EXPECT_EQ(names.manifest, "home-000002-incr-20261122T031500Z.manifest.zst");
    EXPECT_EQ(names.log, "home-000002-incr-20261122T031500Z.log");
}

TEST(ArchiveNames, AreReadBack) {
    auto volume = parse_archive_name("my-set", "my-set-1234567-full-20261122T031500Z.tar.gz.017");
    ASSERT_TRUE(volume.has_value());
    EXPECT_EQ(volume->run, 1234567U);
    EXPECT_EQ(volume->kind, archive::RunKind::full);
    EXPECT_EQ(volume->part, ParsedName::Part::volume);
    EXPECT_EQ(volume->stem, "my-set-1234567-full-20261122T031500Z");
    EXPECT_EQ(parse_archive_name("s", "s-000001-incr-20261122T031500Z.manifest.zst")->part,
              ParsedName::Part::manifest);
    EXPECT_EQ(parse_archive_name("s", "s-000001-incr-20261122T031500Z.log")->part, ParsedName::Part::log);
}

TEST(ArchiveNames, OtherNamesAreNotOurs) {
    for (const char* name : {"", "s", "s-", "s-000001", "s-000001-full-", "s-000001-full-20261122T031500Z",
                             "s-1-full-20261122T031500Z.log", "s-000000-full-20261122T031500Z.log",
                             "s-000001-half-20261122T031500Z.log", "s-000001-full-20261322T031500Z.log",
                             "t-000001-full-20261122T031500Z.log", "s-000001-full-20261122T031500Z.txt",
                             "archive.snar", "catalog.db"})
        EXPECT_FALSE(parse_archive_name("s", name).has_value()) << name;
}

}  // namespace
}  // namespace icecore::engine
