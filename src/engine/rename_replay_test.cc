#include "engine/rename_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/format.h"

namespace icecore::engine {
namespace {

using Renames = std::vector<archive::Dumpdir::Rename>;
using ::testing::HasSubstr;

/// Paths of a tree: those that end in '/' are directories.
RenamedTree tree_of(const std::set<std::string>& paths) {
    RenamedTree tree;
    tree.is_directory = [paths](const std::string& path) -> std::optional<bool> {
        if (path.empty() || paths.contains(path + "/")) return true;
        if (paths.contains(path)) return false;
        return std::nullopt;
    };
    tree.names = [paths](const std::string& directory) {
        std::vector<std::string> names;
        for (std::string path : paths) {
            if (path.ends_with('/')) path.pop_back();
            std::size_t slash = path.rfind('/');
            std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
            if (parent == directory) names.push_back(path.substr(slash + 1));
        }
        return names;
    };
    return tree;
}

std::string net(const Renames& renames, const std::set<std::string>& tree,
                const std::set<std::string>& kept) {
    NetRenames net = replay_renames(renames, tree_of(tree), kept);
    std::string out;
    for (const archive::ManifestRename& rename : net.renames)
        out += format("{}{}>{}", out.empty() ? "" : " ", rename.from, rename.to);
    return out;
}

TEST(RenameReplay, DirectoriesChangePlacesThroughATemporaryOne) {
    Renames swap = {{"", "./tar.XXXXXX"}, {"./b", "./tar.XXXXXX"}, {"./a", "./b"}, {"./tar.XXXXXX", "./a"}};
    EXPECT_EQ(net(swap, {"a/", "a/x", "b/", "b/y"}, {"a", "b"}), "b>a a>b");
}

TEST(RenameReplay, ReplacesAnEmptyDirectoryOnly) {
    EXPECT_EQ(net({{"a", "b"}}, {"a/", "a/x", "b/"}, {"b"}), "a>b");
    NetRenames failed = replay_renames({{"a", "b"}}, tree_of({"a/", "b/", "b/y"}), {"b"});
    EXPECT_THAT(failed.failure, HasSubstr("not empty"));
    EXPECT_EQ(net({{"b/y", "c"}, {"a", "b"}}, {"a/", "b/", "b/y"}, {"b", "c"}), "a>b b/y>c");
}

TEST(RenameReplay, StopsAtTheFirstThatCannotBeDone) {
    struct Case {
        Renames renames;
        const char* why;
    };
    for (const Case& c : {Case{{{"no", "b"}}, "not there"}, Case{{{"a", "a/x/y"}}, "below itself"},
                          Case{{{"a", "f"}}, "each other's place"}, Case{{{"f", "e"}}, "each other's place"},
                          Case{{{"a", "f/x"}}, "no directory can be made"},
                          Case{{{"", "no/tar.XXXXXX"}}, "no such directory"}}) {
        Renames renames = c.renames;
        renames.insert(renames.begin(), {"g", "h"});
        renames.push_back({"i", "j"});
        NetRenames net = replay_renames(renames, tree_of({"a/", "a/x/", "e/", "f", "g", "i"}), {});
        EXPECT_THAT(net.failure, HasSubstr(c.why));
        ASSERT_EQ(net.renames.size(), 1U) << c.why << ": what was done stays, also where nothing is purged";
        EXPECT_EQ(net.renames[0].to, "h");
    }
}

TEST(RenameReplay, MakesDirectoriesOnTheWay) {
    NetRenames net = replay_renames({{"a", "new/deep/a"}}, tree_of({"a/"}), {"new"});
    EXPECT_EQ(net.failure, "");
    EXPECT_THAT(net.made, ::testing::ElementsAre("new", "new/deep"));
    EXPECT_EQ(net.renames.size(), 1U);
}

}  // namespace
}  // namespace icecore::engine
