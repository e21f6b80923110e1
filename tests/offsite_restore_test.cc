// A restore reads from the target what the backup directory does not have any more.

#include <gmock/gmock.h>
#include <unistd.h>

#include "engine/offsite_volumes.h"
#include "engine/upload.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OffsiteRestore : public UploadTest {
  protected:
    engine::RestoreResult restore_with_target(const std::string& to) {
        auto catalog = runs_.catalog();
        engine::RestoreRequest request{.at = catalog->last_run()->number(), .to = to};
        auto offsite = engine::offsite_volumes(runs_.environment(), runs_.set, runs_.observer);
        EXPECT_TRUE(offsite.has_value());
        request.further_sources.push_back(std::move(*offsite));
        return engine::restore(runs_.environment(), runs_.set, *catalog, request, runs_.observer);
    }
};

TEST_F(OffsiteRestore, MissingAndDamagedVolumes) {
    engine::BackupResult result = runs_.backup();
    ASSERT_TRUE(result.upload && result.upload->complete());
    std::vector<std::string> volumes = runs_.volumes(result);
    ASSERT_GT(volumes.size(), 2U);
    ASSERT_EQ(unlink(volumes[0].c_str()), 0);
    std::string bytes = read_file(volumes[1]);
    bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 1);
    write_file_durably(runs_.environment().fs, runs_.set.backup_dir, std::string(base_name(volumes[1])),
                       bytes, true);

    std::string to = runs_.temp() / "restored";
    engine::RestoreResult restored = restore_with_target(to);
    EXPECT_THAT(restored.problems.lines(), IsEmpty());
    EXPECT_THAT(restored.remarks, ::testing::Contains(HasSubstr("read from dir:")));
    EXPECT_EQ(join_lines(differences(snapshot_tree(runs_.set.data_dir), snapshot_tree(to), {})), "");
}

TEST_F(OffsiteRestore, TargetThatIsGone) {
    engine::BackupResult result = runs_.backup();
    ASSERT_EQ(unlink(runs_.volumes(result)[0].c_str()), 0);
    runs_.set.target.directory += "-elsewhere";
    engine::RestoreResult restored = restore_with_target(runs_.temp() / "restored");
    EXPECT_FALSE(restored.problems.empty());
    EXPECT_THAT(join_lines(restored.problems.lines()), HasSubstr("missing"));
}

}  // namespace
}  // namespace icecore::testing
