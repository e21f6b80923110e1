// LVM's own programs and the answers that icecore makes of them, on a volume group in a file. Volumes are
// written into its metadata, since a kernel without device mapper can make none.

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/format.h"
#include "engine_fixture.h"
#include "loop_disk.h"
#include "snapshot/kind.h"

namespace icecore::testing {
namespace {

constexpr const char* kGroup = "icecoretest";
constexpr const char* kOurs = "icecore-set-20261129T005517Z-00000001";
constexpr const char* kTheirs =
    "icecore-set-20261129T005517Z-00000002";  // the name alone does not make it ours

std::string volume(const std::string& name, char id, const std::string& tags, const std::string& segment) {
    std::string six(6, id);
    std::string four(4, id);
    return format(
        "{} {{\nid = \"{}-{}-{}-{}-{}-{}-{}\"\nstatus = [\"READ\", \"WRITE\"{}]\nflags = []\n{}segment_count "
        "= 1\n"
        "segment1 {{\nstart_extent = 0\n{}}}\n}}\n",
        name, six, four, four, four, four, four, six, tags == "-" ? "" : ", \"VISIBLE\"",
        tags.size() > 1 ? format("tags = [\"{}\"]\n", tags) : "", segment);
}

std::string linear(int first_extent) {
    return format("extent_count = 5\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", {}]\n",
                  first_extent);
}

std::string snapshot_of_data(const std::string& store) {
    return format(
        "extent_count = 5\ntype = \"snapshot\"\nchunk_size = 8\norigin = \"data\"\ncow_store = \"{}\"\n",
        store);
}

class LvmTools : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string image = temp_ / "image";
        try {
            run_command({"truncate", "-s", "100M", image});
            device_ = LoopDisk::attach(image, false);
            if (device_.empty()) GTEST_SKIP() << "no loop devices here";
            if (tool({"vgcreate", kGroup, device_}).status != 0) GTEST_SKIP() << "LVM does not work here";
        } catch (const Error& e) {
            GTEST_SKIP() << e.what();
        }
        std::string backup = temp_ / "metadata";
        ASSERT_EQ(tool({"vgcfgbackup", "-f", backup, kGroup}).status, 0);
        std::string text = read_file(backup);
        std::size_t end = text.find("\n}\n");
        ASSERT_NE(end, std::string::npos);
        text.insert(end, "\nlogical_volumes {\n" + volume("data", 'a', "", linear(0)) +
                             volume(kOurs, 'b', "icecore", linear(5)) +
                             volume(kTheirs, 'c', "other", linear(10)) +
                             volume("snapshot0", 'd', "-", snapshot_of_data(kOurs)) +
                             volume("snapshot1", 'e', "-", snapshot_of_data(kTheirs)) + "}\n");
        Fd fd = open_file(backup, O_WRONLY | O_TRUNC);
        write_full(fd.get(), text);
        CommandResult restored = tool({"vgcfgrestore", "-f", backup, kGroup});
        ASSERT_EQ(restored.status, 0) << restored.err;
    }
    void TearDown() override {
        if (device_.empty()) return;
        tool({"vgremove", "--force", "--force", "--yes", kGroup});
        run_command({"losetup", "-d", device_});
    }

    /// Sees this test's device alone, and leaves nothing in /etc/lvm.
    Argv confined(Argv argv) const {
        std::string config = format(
            "devices {{ filter=[\"a|^{}$|\",\"r|.*|\"] use_devicesfile=0 }} backup {{ backup=0 archive=0 }}",
            device_);
        argv.insert(argv.begin() + 1, {"--config", config});
        return argv;
    }
    CommandResult tool(const Argv& argv) const { return run_command(confined(argv)); }
    std::string volumes() const { return tool({"lvs", "--noheadings", "-o", "lv_name", kGroup}).out; }

    TempDir temp_;
    std::string device_;
    snapshot::RunProcess run_ = [this](const Process& process) {
        Process here = process;
        here.words = confined(process.words);
        return run_process(here);
    };
};

TEST_F(LvmTools, OnlyWhatHasOurNameAndTagIsRemoved) {
    std::unique_ptr<snapshot::Maker> maker = snapshot::make_maker({.kind = snapshot::Kind::lvm}, run_);
    auto note = [](const char* name) { return snapshot::Note{snapshot::Kind::lvm, name, kGroup, ""}; };
    EXPECT_NO_THROW(maker->check(note(kOurs)));
    EXPECT_THROW(maker->check(note(kTheirs)), Error);
    maker->remove(note(kTheirs));
    EXPECT_NE(volumes().find(kOurs), std::string::npos) << volumes();
    maker->remove(note(kOurs));
    EXPECT_EQ(volumes().find(kOurs), std::string::npos);
    EXPECT_NE(volumes().find(kTheirs), std::string::npos);
    EXPECT_NE(volumes().find("data"), std::string::npos);
    EXPECT_NO_THROW(maker->remove(note(kOurs))) << "it is gone";
}

TEST_F(LvmTools, ADirectoryOnNoVolumeIsRefused) {
    std::unique_ptr<snapshot::Maker> maker = snapshot::make_maker({.kind = snapshot::Kind::lvm}, run_);
    snapshot::Place place;
    place.path = "/srv";
    place.type = "ext4";
    place.source = device_;
    EXPECT_THROW(maker->prepare(place), Error);
}

}  // namespace
}  // namespace icecore::testing
