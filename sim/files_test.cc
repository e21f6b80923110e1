#include "sim/files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/test_dir.h"

namespace icecore::sim {
namespace {

TEST(Files, ALineThatWasCutIsTakenAwayBeforeTheNext) {
    TestDir dir;
    std::string path = dir.path("log");
    append_line(path, "one");
    append_line(path, "two");
    EXPECT_EQ(read_file(path), "one\ntwo\n");
    std::ofstream(path) << "one\ntw";
    append_line(path, "three");
    EXPECT_EQ(read_file(path), "one\nthree\n");
    std::ofstream(path) << "on";
    append_line(path, "two");
    EXPECT_EQ(read_file(path), "two\n");
}

TEST(Files, WritesWholeAndReadsIfThere) {
    TestDir dir;
    std::string path = dir.path("state");
    EXPECT_FALSE(read_if_there(path));
    write_whole(path, "long text");
    write_whole(path, "short");
    EXPECT_EQ(read_if_there(path), "short");
}

}  // namespace
}  // namespace icecore::sim
