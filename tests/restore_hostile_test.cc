// Archives, manifests and catalogues that somebody made to do harm: nothing outside the target is made or
// changed, the rest is restored, and memory stays bounded.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "archive/manifest.h"
#include "archive/tar_member.h"
#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/backup_dir.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

using archive::ManifestEntry;
using engine::Overwrite;
using engine::RestoreRequest;
using engine::RestoreResult;
using ::testing::HasSubstr;

constexpr Timestamp kTime{1'500'000'000, 5};

/// A tar header (POSIX ustar) made by hand.
std::string tar_header(const std::string& name, char type, std::uint64_t size) {
    std::string block(512, '\0');
    auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
    put(0, name.substr(0, 99));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    if (size < 1ULL << 33) {
        put(124, format("{:011o}", size));
    } else {  // base-256
        block[124] = static_cast<char>(0x80);
        for (int i = 0; i < 8; ++i)
            block[135 - static_cast<std::size_t>(i)] = static_cast<char>(size >> (8 * i));
    }
    put(136, "00000000000");
    block[156] = type;
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 8 * ' ';
    for (std::size_t i = 0; i < block.size(); ++i)
        if (i < 148 || i >= 156) sum += static_cast<unsigned char>(block[i]);
    put(148, format("{:06o}", sum));
    block[155] = ' ';
    return block;
}

std::string padded(std::string bytes) {
    bytes.resize((bytes.size() + 511) / 512 * 512);
    return bytes;
}

std::string plain_member(const std::string& name, const std::string& content) {
    return tar_header(name, '0', content.size()) + padded(content);
}

std::string pax_record(const std::string& key, const std::string& value) {
    std::size_t length = key.size() + value.size() + 3;
    std::size_t digits = std::to_string(length).size();
    if (std::to_string(length + digits).size() > digits) ++digits;
    return format("{} {}={}\n", length + digits, key, value);
}

/// A backup directory with one full run, made of entries and members as a test likes them.
class Hostile : public ::testing::Test {
  protected:
    Hostile() {
        runs_.set.backup_dir = runs_.temp().make_dir("backup");
        outside_ = runs_.temp().make_dir("outside");
        Tree(outside_).file("victim", "untouched");
        before_ = snapshot_tree(outside_);
    }

    /// Adds bytes to the archive; returns their place.
    archive::Location add(const std::string& bytes) {
        archive::Location at{1, 0, stream_.size(), bytes.size()};
        stream_ += bytes;
        return at;
    }
    ManifestEntry entry(const std::string& path, FileType type) const {
        ManifestEntry e;
        e.path = path;
        e.stat.type = type;
        e.stat.mode = type == FileType::directory ? 0755 : 0644;
        e.stat.uid = geteuid();
        e.stat.gid = getegid();
        e.stat.mtime = e.stat.ctime = kTime;
        return e;
    }
    ManifestEntry file(const std::string& path, const std::string& content, const std::string& member) {
        ManifestEntry e = entry(path, FileType::regular);
        e.stat.size = content.size();
        e.sha256 = sha256(content);
        e.stored = archive::Stored::whole;
        e.location = add(member);
        return e;
    }
    ManifestEntry good_file(const std::string& path) {
        return file(path, "good", plain_member(path, "good"));
    }
    ManifestEntry symlink(const std::string& path, const std::string& target) {
        ManifestEntry e = entry(path, FileType::symlink);
        e.link_target = target;
        e.location = add(tar_header(path, '2', 0));
        return e;
    }

    /// Writes archive and manifest as run 1. `entries` without the root.
    void write(const std::vector<ManifestEntry>& entries) {
        auto fs = make_file_system();
        archive::ManifestHeader header;
        header.set = "set";
        header.host = "host";
        header.run = header.chain = 1;
        header.started = kTime;
        header.compression = archive::parse_compression("zstd:1");
        engine::ArchiveNames names =
            engine::make_archive_names("set", 1, archive::RunKind::full, kTime, header.compression.method);
        header.archive_name = names.archive;
        header.reason = "test";
        archive::ManifestWriter manifest(*fs, runs_.set.backup_dir, names.manifest);
        manifest.write(header);
        manifest.write(entry("", FileType::directory));
        for (const ManifestEntry& e : entries) manifest.write(e);
        archive::ManifestTrailer trailer;
        trailer.finished = kTime;
        stream_ += std::string(1024, '\0');
        archive::FrameEncoder encoder(header.compression);
        archive::VolumeWriter volumes(
            *fs, runs_.set.backup_dir, names.archive,
            {.method = header.compression.method, .volume_bytes_max = 1 << 30},
            [&](const archive::SealedVolume& volume) {
                trailer.volumes.push_back(volume.info);
                manifest.write(archive::ManifestFrames{volume.info.number, volume.frames});
            });
        std::string frame;
        for (std::size_t at = 0; at < stream_.size(); at += archive::kFrameBytesMax) {
            std::string_view piece = std::string_view(stream_).substr(at, archive::kFrameBytesMax);
            encoder.encode(piece, frame);
            volumes.append(frame, static_cast<std::uint32_t>(piece.size()));
        }
        volumes.finish();
        manifest.write(trailer);
        manifest.seal();
    }

    std::vector<std::string> restore(Overwrite overwrite = Overwrite::never, bool mirror = false) {
        auto catalog = runs_.catalog();
        RestoreRequest request{.at = 1, .to = to_};
        request.overwrite = overwrite;
        request.mirror = mirror;
        RestoreResult result =
            engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
        EXPECT_EQ(join_lines(differences(before_, snapshot_tree(outside_))), "");
        return result.problems.lines();
    }
    /// SQL on the catalogue, by Python: not by our own means.
    void tamper(const std::string& statements) {
        runs_.catalog();
        CommandResult python = run_command(
            {"python3", "-c",
             "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.commit()",
             runs_.set.backup_dir + "/catalog.db", statements});
        ASSERT_EQ(python.status, 0) << python.err;
    }
    std::string content(const std::string& path) const { return read_file(to_ + "/" + path); }
    static long peak_kib() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
    }

    CheckedRuns runs_;
    std::string stream_;
    std::string outside_;
    std::string to_ = runs_.temp() / "to";
    TreeSnapshot before_;
};

TEST_F(Hostile, MembersNamesMeanNothing) {
    write({file("a", "x", plain_member("../../outside/victim", "x")),
           file("b", "y", plain_member(outside_ + "/victim", "y")), good_file("c")});
    EXPECT_EQ(join_lines(restore()), "");
    EXPECT_EQ(content("a") + content("b") + content("c"), "xygood");
}

TEST_F(Hostile, ManifestsWithSuchPathsAreRefused) {
    for (const char* path : {"../outside/victim", "/etc/x", "a/../../outside/victim", "a//b", ".", "a/./b"}) {
        std::string line = archive::encode_manifest_line(entry("PATH", FileType::directory));
        line.replace(line.find("PATH"), 4, path);
        EXPECT_THROW(archive::parse_manifest_line(line), Error) << path;
    }
}

TEST_F(Hostile, LinksAreNeverFollowed) {
    write({symlink("abs", outside_), symlink("rel", "../outside"), symlink("victim", outside_ + "/victim"),
           good_file("z")});
    EXPECT_EQ(join_lines(restore()), "");
    // In a second target they stand where directories and files are to be.
    to_ = runs_.temp() / "to2";
    Tree planted(runs_.temp().make_dir("to2"));
    runs_.set.backup_dir = runs_.temp().make_dir("backup2");
    stream_.clear();
    write({entry("dir", FileType::directory), good_file("dir/victim"), good_file("victim")});
    for (Overwrite overwrite : {Overwrite::never, Overwrite::older, Overwrite::always}) {
        planted.remove("dir");
        planted.remove("victim");
        planted.symlink("dir", outside_);
        planted.symlink("victim", outside_ + "/victim");
        planted.set_mtime("victim", {1, 0});
        std::vector<std::string> problems = restore(overwrite, overwrite == Overwrite::always);
        EXPECT_EQ(problems.size(), overwrite == Overwrite::never   ? 2U
                                   : overwrite == Overwrite::older ? 1U
                                                                   : 0U)
            << join_lines(problems);
    }
    EXPECT_EQ(content("dir/victim") + content("victim"), "goodgood");
}

TEST_F(Hostile, AHardLinkMemberIsNoFile) {
    write({file("a", "x",
                [this] {
                    std::string block = tar_header("a", '1', 0);
                    std::string target = outside_ + "/victim";
                    return block.replace(157, std::min<std::size_t>(target.size(), 99), target.substr(0, 99));
                }()),
           good_file("b")});
    EXPECT_EQ(restore().size(), 1U);
    EXPECT_FALSE(path_exists(to_ + "/a"));
    EXPECT_EQ(content("b"), "good");
}

TEST_F(Hostile, AnotherMembersPlaceGivesNoOtherContent) {
    ManifestEntry first = good_file("a");
    ManifestEntry second = file("b", "other", plain_member("b", "other"));
    ManifestEntry liar = file("c", "third", plain_member("c", "third"));
    liar.location = first.location;
    ManifestEntry inside = file("d", "fourth", plain_member("d", "fourth"));
    inside.location.offset -= 100;
    ManifestEntry beyond = file("e", "fifth", plain_member("e", "fifth"));
    beyond.location.offset = INT64_MAX;
    ManifestEntry no_volume = file("f", "sixth", plain_member("f", "sixth"));
    no_volume.location.volume = 77;
    ManifestEntry wrong_length = file("g", "seventh", plain_member("g", "seventh"));
    wrong_length.location.length_bytes = INT64_MAX;
    write({first, second, liar, inside, beyond, no_volume, wrong_length});
    std::vector<std::string> problems = restore();
    EXPECT_EQ(problems.size(), 4U) << join_lines(problems);
    EXPECT_EQ(content("a") + content("b") + content("g"), "goodotherseventh");
    for (const char* lost : {"c", "d", "e", "f"}) EXPECT_FALSE(path_exists(to_ + "/" + lost)) << lost;
}

TEST_F(Hostile, BombsTakeNoMemory) {
    std::string huge_map = "16000000\n";
    huge_map.reserve(70 << 20);
    while (huge_map.size() < 64U << 20) huge_map += "0\n0\n";
    std::string sparse_pax = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                             pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.realsize", "4");
    ManifestEntry sparse = file("sparse", "good",
                                tar_header("x", 'x', sparse_pax.size()) + padded(sparse_pax) +
                                    tar_header("s", '0', huge_map.size()) + padded(huge_map));
    sparse.stored = archive::Stored::sparse;
    huge_map.assign(100 << 20, '\0');
    ManifestEntry dumpdir = file("dumpdir", "good", tar_header("d", 'D', huge_map.size()) + huge_map);
    ManifestEntry pax = file("pax", "good", tar_header("x", 'x', huge_map.size()) + huge_map);
    ManifestEntry giant = file("giant", "good", tar_header("g", '0', 1ULL << 63) + padded("good"));
    ManifestEntry large = file("large", "good", tar_header("l", '0', INT64_MAX) + padded("good"));
    large.stat.size = INT64_MAX;
    ManifestEntry short_one = file("short", "good", tar_header("h", '0', 4));
    write({sparse, dumpdir, pax, giant, large, short_one, good_file("z")});
    huge_map = {};
    stream_ = {};
    runs_.catalog();
    long before = peak_kib();
    std::vector<std::string> problems = restore();
    EXPECT_EQ(problems.size(), 6U) << join_lines(problems);
    EXPECT_EQ(content("z"), "good");
    EXPECT_LT(peak_kib() - before, 150 << 10) << "KiB";
}

TEST_F(Hostile, CataloguesAreNotTrustedWithNames) {
    write({entry("d", FileType::directory), good_file("d/victim"), good_file("a"), good_file("b"),
           good_file("c"), symlink("l", outside_)});
    runs_.catalog();  // closed again, so that all of it is in its file
    Tree(runs_.temp().make_dir("to")).file("mine", "stays");
    std::string good = read_file(runs_.set.backup_dir + "/catalog.db");
    for (const char* name : {"'..'", "'.'", "'../outside/victim'", "'x' || char(0) || 'y'"}) {
        Tree(runs_.set.backup_dir).file("catalog.db", good);
        tamper(format("UPDATE entry SET name = CAST({} AS BLOB) WHERE name = CAST('a' AS BLOB)", name));
        try {
            restore(Overwrite::always, true);
            ADD_FAILURE() << name;
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::corrupt) << e.what();
            EXPECT_THAT(e.what(), HasSubstr("catalog.db"));
        }
        EXPECT_EQ(join_lines(differences(before_, snapshot_tree(outside_))), "");
        EXPECT_EQ(content("mine"), "stays");
    }
}

TEST_F(Hostile, ACatalogueMayNotMakeALinkADirectory) {
    write({entry("d", FileType::directory), good_file("d/victim"), symlink("l", outside_)});
    runs_.catalog();
    tamper("UPDATE entry SET name = CAST('d' AS BLOB), added = -1 WHERE name = CAST('l' AS BLOB)");
    for (Overwrite overwrite : {Overwrite::never, Overwrite::always}) {
        try {
            restore(overwrite, overwrite == Overwrite::always);
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), Error::Kind::corrupt);
        }
        EXPECT_EQ(join_lines(differences(before_, snapshot_tree(outside_))), "");
    }
}

TEST_F(Hostile, DevicesNeedRoot) {
    if (geteuid() != 0) GTEST_SKIP() << "needs to become another user";
    ManifestEntry device = entry("null", FileType::char_device);
    device.stat.rdev_major = 1;
    device.stat.rdev_minor = 3;
    device.location = add(tar_header("null", '3', 0));
    ManifestEntry owned = good_file("owned");
    owned.stat.uid = 12345;
    ManifestEntry owned2 = good_file("owned2");
    owned2.stat.uid = 12345;
    write({device, owned, owned2});
    runs_.catalog();
    to_ = runs_.temp().make_dir("nobody");
    ASSERT_EQ(chown(to_.c_str(), 65534, 65534), 0);
    for (const std::string& dir : {runs_.temp().path(), runs_.set.backup_dir})
        ASSERT_EQ(chmod(dir.c_str(), 0755), 0);
    for (const std::string& name : list_directory(runs_.set.backup_dir))
        ASSERT_EQ(chmod((runs_.set.backup_dir + "/" + name).c_str(), 0666), 0);
    ASSERT_EQ(chmod(runs_.set.backup_dir.c_str(), 0777), 0);
    ASSERT_EQ(setegid(65534), 0);
    ASSERT_EQ(seteuid(65534), 0);
    auto catalog = runs_.catalog();
    RestoreResult result = engine::restore(runs_.environment(), runs_.set, *catalog,
                                           RestoreRequest{.at = 1, .to = to_}, runs_.observer);
    ASSERT_EQ(seteuid(0), 0);
    ASSERT_EQ(setegid(0), 0);
    EXPECT_EQ(join_lines(result.problems.lines()), "");
    EXPECT_THAT(result.not_permitted,
                ::testing::ElementsAre(HasSubstr("device nodes"), HasSubstr("owner and group")));
    EXPECT_FALSE(path_exists(to_ + "/null"));
    EXPECT_EQ(content("owned"), "good");
}

}  // namespace
}  // namespace icecore::testing
