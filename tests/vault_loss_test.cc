// What a vault has, compared with what it should have, and everything brought back from it after the loss of
// the machine: `verify --remote` and `recover`, as seen from the command line.

#include <gmock/gmock.h>

#include "checked_runs.h"
#include "vault_program.h"

namespace icecore::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class VaultLossTest : public VaultProgramTest {
  protected:
    /// Runs a command that needs an inventory: the first time it is asked for.
    int run_with_inventory(const std::vector<std::string>& args) {
        EXPECT_EQ(run(args), kPending) << out() << err();
        sim_.advance_hours(6);
        return run(args);
    }

    /// The vault's archives by description, as its inventory tells them now.
    std::multimap<std::string, std::string> archives() {
        cloud::GlacierClient client = sim_.client();
        std::string job = client.initiate_inventory_job("vault", "test");
        sim_.advance_hours(6);
        std::multimap<std::string, std::string> found;
        client.get_inventory("vault", job, [&](const cloud::GlacierInventoryEntry& entry) {
            found.emplace(entry.description, entry.archive_id);
        });
        return found;
    }

    std::string archive_ending(const std::string& end) {
        for (const auto& [description, id] : archives())
            if (description.ends_with(end)) return id;
        ADD_FAILURE() << "no archive " << end;
        return {};
    }

    /// "20261128T214743Z".
    std::string stem_of_first_run() const {
        std::string begin = "home-000001-full-";
        for (const std::string& name : list_directory(dir_ / "backup"))
            if (name.starts_with(begin)) return name.substr(begin.size(), 16);
        return {};
    }

    void upload_foreign(const std::string& description) {
        std::string content = "from elsewhere";
        class Bytes final : public RandomAccessSource {
          public:
            explicit Bytes(const std::string& bytes) : bytes_(bytes) {}
            std::uint64_t size_bytes() const override { return bytes_.size(); }
            void read(std::uint64_t offset, char* buffer, std::size_t size) override {
                bytes_.copy(buffer, size, static_cast<std::size_t>(offset));
            }

          private:
            const std::string& bytes_;
        } source(content);
        Digest digest = sha256(content);  // and the tree hash of so little
        sim_.client().upload_archive("vault", description, {&source, 0, content.size(), digest, digest});
    }

    void expect_same_tree() {
        for (unsigned i = 0; i < kFiles; ++i)
            EXPECT_TRUE(read_file(dir_ / format("restored/d/{}", i)) == read_file(data(format("d/{}", i))));
        EXPECT_FALSE(path_exists(dir_ / "restored/d/gone"));
    }

    void back_up_twice() {
        write_text(data("d/gone"), "soon");
        for (unsigned i = 0; i < kFiles; ++i) write_text(data(format("d/{}", i)), testing::noise(1 << 20, i));
        ASSERT_EQ(run({"backup"}), kDone) << err();
        std::filesystem::remove(data("d/gone"));
        write_text(data("d/0"), testing::noise(1 << 20, 100));
        ASSERT_EQ(run({"backup"}), kDone) << err();
    }

    static constexpr unsigned kFiles = 3;
};

TEST_F(VaultLossTest, AllIsAsItShouldBe) {
    back_up_twice();
    sim_.advance_hours(49);
    EXPECT_EQ(run_with_inventory({"verify", "--remote"}), kDone) << out() << err();
    EXPECT_THAT(out(), AllOf(HasSubstr("6 files offsite"), Not(HasSubstr("problem"))));
    Json bill = sim_.bill();
    EXPECT_EQ(bill.at("requests").value("InitiateJob", 0U), 1U) << "the inventory's";
}

TEST_F(VaultLossTest, NothingIsSaidOfWhatNoInventoryCanHave) {
    back_up_twice();
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << out() << err();
    EXPECT_THAT(out(), HasSubstr("6 stored lately"));
    sim_.advance_hours(30);  // the first inventory was made; what came hours before it may still not be in it
    EXPECT_NE(run({"verify", "--remote"}), kFailed) << out() << err();
    sim_.advance_hours(6);
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << out() << err();
    EXPECT_EQ(run({"status"}), kDone);
    EXPECT_THAT(out(), Not(HasSubstr("waiting")));
}

TEST_F(VaultLossTest, WhatIsGoneIsStoredAgain) {
    back_up_twice();
    sim_.advance_hours(49);
    sim_.client().delete_archive("vault", archive_ending("full-" + stem_of_first_run() + ".tar.zst"));
    sim_.advance_hours(49);
    EXPECT_EQ(run_with_inventory({"verify", "--remote"}), kFailed) << out();
    EXPECT_THAT(err(), AllOf(HasSubstr(".tar.zst: it is not offsite any more"),
                             HasSubstr("`icecore upload` stores it again")));
    EXPECT_THAT(out(), HasSubstr("1 problem"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("stored 1 file"));
    sim_.advance_hours(49);
    EXPECT_EQ(run_with_inventory({"verify", "--remote"}), kDone) << out() << err();
    EXPECT_THAT(out(), HasSubstr("6 files offsite"));
}

TEST_F(VaultLossTest, ForeignAndDoubleArchivesAreTold) {
    back_up_twice();
    upload_foreign("attic/home/home-000009-incr-20260101T000000Z.tar.zst");
    upload_foreign("attic/home/home-000001-full-" + stem_of_first_run() + ".log");
    upload_foreign("holiday pictures");
    sim_.advance_hours(49);
    EXPECT_EQ(run_with_inventory({"verify", "--remote"}), kDone) << out() << err();
    EXPECT_THAT(err(),
                AllOf(HasSubstr("home-000009"), HasSubstr("it is offsite, but nothing here knows it")));
    EXPECT_THAT(err(), HasSubstr("it is offsite 2 times"));
    EXPECT_THAT(err(), Not(HasSubstr("holiday")));
}

TEST_F(VaultLossTest, EverythingComesBack) {
    back_up_twice();
    sim_.advance_hours(49);
    std::filesystem::remove_all(dir_ / "backup");
    std::filesystem::create_directory(dir_ / "backup");
    EXPECT_EQ(run({"recover", "--list", "--wait"}), kDone) << err();
    EXPECT_THAT(out(), AllOf(HasSubstr("attic"), HasSubstr("home")));
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kDone) << out() << err();
    EXPECT_EQ(run({"list"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("2 runs in 1 chain"));
    EXPECT_EQ(run({"restore", "--from", "remote", "--yes", "--wait", "--to", dir_ / "restored"}), kDone)
        << out() << err();
    expect_same_tree();
    EXPECT_EQ(run({"backup"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("incremental"));
}

TEST_F(VaultLossTest, RecoveryTellsWhatIsMissing) {
    back_up_twice();
    sim_.advance_hours(49);
    sim_.client().delete_archive("vault", archive_ending("full-" + stem_of_first_run() + ".tar.zst"));
    sim_.advance_hours(49);
    std::filesystem::remove_all(dir_ / "backup");
    std::filesystem::create_directory(dir_ / "backup");
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kFailed) << out() << err();
    EXPECT_THAT(err(), HasSubstr(".tar.zst: it is not offsite"));
    EXPECT_EQ(run({"restore", "--from", "remote", "--yes", "--wait", "--to", dir_ / "restored"}),
              kIncomplete);
    EXPECT_THAT(err(), HasSubstr("home-000001-full-"));
    EXPECT_TRUE(read_file(dir_ / "restored/d/0") == read_file(data("d/0"))) << "what the second run holds";
}

TEST_F(VaultLossTest, NothingOfThisMachineIsThere) {
    back_up_twice();
    sim_.advance_hours(49);
    program_.io.host = "cellar";
    std::filesystem::remove_all(dir_ / "backup");
    std::filesystem::create_directory(dir_ / "backup");
    EXPECT_EQ(run({"recover", "--yes", "--wait"}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("nothing of set home of machine cellar"), HasSubstr("host")));
}

}  // namespace
}  // namespace icecore::cli
