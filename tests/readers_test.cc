// Other people's programs read our archives; volumes are pieces of one stream.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/format.h"
#include "checked_runs.h"

namespace icecore::testing {
namespace {

using ::testing::ElementsAreArray;

struct Form {
    const char* compression;
    std::uint64_t volume_bytes;
};
void PrintTo(const Form& form, std::ostream* out) {
    *out << form.compression << " in " << form.volume_bytes;
}

class Readers : public ::testing::TestWithParam<Form> {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }

    /// A tree that every program can hold.
    void fill() {
        runs_.set.compression = archive::parse_compression(GetParam().compression);
        runs_.set.volume_bytes_max = GetParam().volume_bytes;
        for (int i = 0; i < 60; ++i)
            tree_.file(format("d{}/file {}", i % 7, i),
                       noise(static_cast<std::size_t>(i * 97), static_cast<unsigned>(i)));
        tree_.file("empty", "");
        tree_.file("large", noise(5 << 20, 77));
        tree_.file("compressible", std::string(3 << 20, 'c'));
        tree_.file("d1/" + std::string(150, 'n') + "/long", "x");
        tree_.file("caf\xc3\xa9", "utf-8");
        tree_.dir("an empty directory");
        tree_.symlink("d2/link", "../large");
        tree_.link("d3/file 3", "d4/linked");
    }

    std::vector<std::string> names_in_tree() {
        std::vector<std::string> names;
        for (const auto& [path, entry] : snapshot_tree(tree_.root()).entries) names.push_back(path);
        return names;
    }

    /// The whole archive, decompressed, as one file.
    std::string whole(const engine::BackupResult& result) {
        std::vector<Argv> programs{{"cat"}};
        for (const std::string& volume : runs_.volumes(result)) programs[0].push_back(volume);
        if (runs_.method() == Method::zstd) programs.push_back({"zstd", "-dc"});
        if (runs_.method() == Method::gzip) programs.push_back({"gzip", "-dc"});
        std::string file = runs_.temp() / "whole.tar";
        CommandOptions options;
        options.stdout_file = file;
        CommandResult cat = run_pipeline(programs, options);
        EXPECT_EQ(cat.status, 0) << cat.err;
        return file;
    }

    /// Names as a program lists them, a line each, without "./" and the final slash, each once.
    static std::vector<std::string> names_of(const std::string& list) {
        std::vector<std::string> names;
        std::istringstream in(list);
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("./")) line.erase(0, 2);
            while (line.ends_with('/')) line.pop_back();
            if (line == ".") line = "";
            names.push_back(line);
        }
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        return names;
    }

    void expect_extracted(const Argv& argv, const std::string& name) {
        std::string dir = runs_.temp().make_dir(name);
        CommandOptions options;
        options.cwd = dir;
        CommandResult extract = run_command(argv, options);
        EXPECT_EQ(extract.status, 0) << name << ": " << extract.err;
        CompareOptions compare;
        compare.ignore_owner = true;
        std::vector<std::string> wrong =
            differences(snapshot_tree(tree_.root()), snapshot_tree(dir), compare);
        // Programs that round or forget times are no matter of ours.
        std::erase_if(wrong,
                      [](const std::string& line) { return line.find(": mtime ") != std::string::npos; });
        EXPECT_EQ(join_lines(wrong), "") << name;
    }

    CheckedRuns runs_;
    Tree& tree_ = runs_.tree;
};

TEST_P(Readers, ListAndExtractAFullArchive) {
    fill();
    std::string tar = whole(runs_.run());
    std::vector<std::string> names = names_in_tree();
    CommandOptions utf8;
    utf8.env = {"LC_ALL=C.UTF-8"};
    const std::string python = "import sys,tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name)";
    for (const Argv& argv : std::vector<Argv>{{"tar", "--quoting-style=literal", "-tf", tar},
                                              {"bsdtar", "-tf", tar},
                                              {"busybox", "tar", "-tf", tar},
                                              {"python3", "-c", python, tar}}) {
        CommandResult list = run_command(argv, utf8);
        EXPECT_EQ(list.status, 0) << argv[0] << list.err;
        EXPECT_THAT(names_of(list.out), ElementsAreArray(names)) << argv[0];
    }
    expect_extracted({"tar", "-xpf", tar}, "plain-tar");
    expect_extracted({"bsdtar", "-xpf", tar}, "bsdtar");
    expect_extracted({"busybox", "tar", "-xpf", tar}, "busybox");
    expect_extracted({"python3", "-c", "import sys,tarfile\ntarfile.open(sys.argv[1]).extractall()", tar},
                     "python");
}

TEST_P(Readers, VolumesAreOneStream) {
    fill();
    engine::BackupResult result = runs_.run();
    EXPECT_EQ(result.trailer.volumes.size() > 1, GetParam().volume_bytes < (8 << 20));
    std::uint64_t raw = 0;
    for (const archive::VolumeInfo& volume : result.trailer.volumes) {
        std::string file = runs_.set.backup_dir + "/" + volume.name;
        EXPECT_EQ(std::filesystem::file_size(file), volume.stored_bytes);
        CommandResult sum = run_command({"sha256sum", file});
        EXPECT_EQ(sum.out.substr(0, 64), volume.sha256.hex());
        raw += volume.raw_bytes;
    }
    EXPECT_EQ(std::filesystem::file_size(whole(result)), raw);
    // The glob of README.restore.txt gives the volumes in order.
    CommandOptions options;
    options.cwd = runs_.set.backup_dir;
    CommandResult glob = run_command({"sh", "-c", "echo " + result.header.archive_name + "*"}, options);
    std::string expected;
    for (const archive::VolumeInfo& volume : result.trailer.volumes)
        expected += (expected.empty() ? "" : " ") + volume.name;
    EXPECT_EQ(glob.out, expected + "\n");

    tree_.append("large", "more");
    tree_.rename("d1", "renamed");
    runs_.run();
}

TEST_P(Readers, TarUnpacksASingleVolumeItself) {
    if (GetParam().volume_bytes < (8 << 20)) GTEST_SKIP() << "several volumes";
    fill();
    engine::BackupResult result = runs_.run();
    for (const char* option : {"--auto-compress", runs_.method() == Method::zstd ? "--zstd" : "-z"}) {
        if (runs_.method() == Method::none && option[1] != '-') continue;
        CommandResult list =
            run_command({"tar", option, "--quoting-style=literal", "-tf", runs_.volumes(result)[0]});
        EXPECT_EQ(list.status, 0) << list.err;
        EXPECT_THAT(names_of(list.out), ElementsAreArray(names_in_tree()));
    }
}

INSTANTIATE_TEST_SUITE_P(Forms, Readers,
                         ::testing::Values(Form{"zstd:3", 1 << 30}, Form{"zstd:1", 300 << 10},
                                           Form{"gzip:6", 1 << 30}, Form{"gzip:1", 1 << 20},
                                           Form{"none", 1 << 30}, Form{"none", 1 << 20}));

}  // namespace
}  // namespace icecore::testing
