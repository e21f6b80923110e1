// The commands on any vault, as somebody who used glacier-cli types them, against the simulator; some
// archives come from Amazon's own client, and go there.

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.h"
#include "checked_runs.h"
#include "cli/test_io.h"
#include "sim_process.h"

namespace icecore::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class VaultCommandsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
        program_.clock.set(SystemClock().now());
        program_.io.cwd = dir_ / "here";
        std::filesystem::create_directory(dir_ / "here");
        program_.io.sleep_ns = [this](std::int64_t) {
            if (++waits_ > 20) throw Error(Error::Kind::cancelled, "it waits for ever");
            hours(6);
        };
        program_.environment["HOME"] = dir_ / "home";
        program_.environment["AWS_REGION"] = "us-east-1";
        program_.environment["AWS_ENDPOINT_URL"] = sim_.endpoint();
        program_.environment["AWS_ACCESS_KEY_ID"] = "KEY";
        program_.environment["AWS_SECRET_ACCESS_KEY"] = "SECRET";
        ASSERT_EQ(run({"vault", "create", "photos"}), kDone) << err();
        EXPECT_EQ(out() + err(), "");
    }
    /// Signatures are checked by the real time, so only the service's clock moves.
    void hours(int count) { sim_.advance_hours(count); }
    int run(const std::vector<std::string>& args, const std::string& input = {}) {
        return program_.run(args, input);
    }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    Json json() const { return parse_json(out()); }
    std::string here(const std::string& name) const { return dir_ / ("here/" + name); }

    /// Debian's client; its output.
    std::string aws(const std::string& words) const {
        std::string command = format(
            "AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET AWS_DEFAULT_REGION=us-east-1 "
            "AWS_EC2_METADATA_DISABLED=true AWS_PAGER= HOME={} /usr/bin/aws --output json "
            "--endpoint-url {} glacier {} --account-id - 2>&1",
            dir_.path(), sim_.endpoint(), words);
        std::string text;
        FILE* pipe = popen(command.c_str(), "r");
        std::array<char, 4096> buffer{};
        while (std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe))
            text.append(buffer.data(), got);
        EXPECT_EQ(pclose(pipe), 0) << words << "\n" << text;
        return text;
    }
    std::string aws_upload(const std::string& name, const std::string& content) {
        write_text(dir_ / "foreign", content);
        return parse_json(
                   aws(format("upload-archive --vault-name photos --archive-description '{}' --body {}", name,
                              dir_ / "foreign")))
            .at("archiveId")
            .get<std::string>();
    }
    std::string upload(const std::string& name, const std::string& content) {
        EXPECT_EQ(run({"archive", "upload", "--json", "--name", name, "photos", "-"}, content), kDone)
            << err();
        return json().at("id").get<std::string>();
    }
    void sync() {
        hours(48);
        ASSERT_EQ(run({"vault", "sync", "--wait", "photos"}), kDone) << err();
    }
    std::vector<std::string> listed() {
        EXPECT_EQ(run({"archive", "list", "photos"}), kDone) << err();
        std::vector<std::string> lines;
        std::istringstream in(out());
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }
    unsigned requests(const std::string& operation) {
        return sim_.bill().at("requests").value(operation, 0U);
    }
    std::size_t unfinished() {
        std::size_t count = 0;
        sim_.client().list_multipart("photos", [&](const cloud::GlacierUpload&) { ++count; });
        return count;
    }

    testing::SimProcess sim_;
    TempDir dir_;
    TestProgram program_;
    int waits_ = 0;
};

TEST_F(VaultCommandsTest, Vaults) {
    EXPECT_EQ(run({"vault", "create", "attic"}), kDone);
    EXPECT_EQ(run({"vault", "list"}), kDone);
    EXPECT_EQ(out(), "attic\nphotos\n");
    EXPECT_EQ(run({"vault", "list", "--json"}), kDone);
    EXPECT_EQ(json().at("vaults").at(0).at("name"), "attic");
    EXPECT_TRUE(json().at("vaults").at(0).at("last_inventory").is_null());
    EXPECT_EQ(run({"vault", "delete", "attic"}), kDone) << err();
    EXPECT_EQ(out() + err(), "");
    EXPECT_EQ(run({"--region", "us-east-1", "vault", "list"}), kDone)
        << "options before the command, as in glacier-cli";
    EXPECT_EQ(out(), "photos\n");
}

TEST_F(VaultCommandsTest, AsInGlacierClisManual) {
    write_text(here("example-content"), "42\n");
    EXPECT_EQ(listed(), std::vector<std::string>());
    ASSERT_EQ(run({"archive", "upload", "photos", "example-content"}), kDone) << err();
    EXPECT_EQ(out() + err(), "");
    EXPECT_THAT(listed(), ElementsAre("example-content"));
    std::filesystem::remove(here("example-content"));

    EXPECT_EQ(run({"archive", "retrieve", "photos", "example-content"}), kPending);
    EXPECT_THAT(err(), HasSubstr("asked for archive example-content (3 B, standard, usually 3 to 5 hours)"));
    EXPECT_EQ(run({"archive", "retrieve", "photos", "example-content"}), kPending);
    EXPECT_THAT(err(), AllOf(HasSubstr("archive example-content is still on its way"),
                             HasSubstr("run the same command again later, or with --wait")));
    EXPECT_EQ(out(), "");
    EXPECT_EQ(run({"job", "list"}), kDone);
    EXPECT_THAT(out(), MatchesRegex("a/p 20[-0-9]+T[0-9:.]+Z photos     example-content\n"));
    EXPECT_EQ(run({"archive", "retrieve", "--wait", "photos", "example-content"}), kDone) << err();
    EXPECT_EQ(read_file(here("example-content")), "42\n");
    EXPECT_EQ(requests("InitiateJob"), 1U);
    EXPECT_EQ(run({"job", "list"}), kDone);
    EXPECT_THAT(out(), StartsWith("a/d "));
    EXPECT_EQ(run({"archive", "delete", "photos", "example-content"}), kDone);
    EXPECT_THAT(err(), HasSubstr("the service charges the 90 days that are left of 90"));
    EXPECT_EQ(listed(), std::vector<std::string>());
}

TEST_F(VaultCommandsTest, ForeignArchivesAreFoundBySync) {
    std::string id = aws_upload("from aws", "foreign");
    aws_upload("twice", "one");
    aws_upload("twice", "two");
    aws_upload("", "nameless");
    aws_upload("id:odd", "odd");
    EXPECT_EQ(run({"vault", "sync", "photos"}), kDone);
    EXPECT_THAT(err(), HasSubstr("vault photos has no inventory yet"));
    EXPECT_EQ(run({"archive", "retrieve", "photos", "from aws"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("hint: `icecore vault sync photos` asks the vault"));
    hours(48);
    EXPECT_EQ(run({"archive", "list", "photos"}), kDone);
    EXPECT_THAT(err(), HasSubstr("vault photos has 5 archives as of its inventory of"));
    EXPECT_EQ(run({"vault", "sync", "photos"}), kPending);
    EXPECT_THAT(err(), HasSubstr("asked for the inventory of vault photos"));
    EXPECT_EQ(run({"vault", "sync", "photos"}), kPending);
    EXPECT_THAT(err(), HasSubstr("is still under way"));
    EXPECT_EQ(requests("InitiateJob"), 1U);
    hours(6);
    EXPECT_EQ(run({"vault", "sync", "--json", "photos"}), kDone) << err();
    EXPECT_EQ(json().at("added"), 5);
    EXPECT_EQ(json().at("differences").size(), 0U);
    EXPECT_THAT(listed(), ElementsAre(MatchesRegex("id:[^\t]+\t"), "from aws", "name:id:odd",
                                      MatchesRegex("id:[^\t]+\ttwice"), MatchesRegex("id:[^\t]+\ttwice")));
    EXPECT_EQ(run({"archive", "list", "--force-ids", "photos"}), kDone);
    EXPECT_THAT(out(), HasSubstr("id:" + id + "\tfrom aws\n"));
    EXPECT_EQ(run({"archive", "list", "--json", "photos"}), kDone);
    EXPECT_EQ(json().at("archives").at(1).at("id"), id);
    EXPECT_EQ(json().at("archives").at(1).at("tree_hash"), sha256("foreign").hex());

    EXPECT_EQ(run({"archive", "retrieve", "photos", "twice"}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("several archives of vault photos have the name twice"),
                             HasSubstr("refer to one as id:ID")));
    EXPECT_EQ(run({"archive", "delete", "photos", "twice"}), kFailed);
    EXPECT_EQ(run({"archive", "retrieve", "photos", "--wait", "-o-", "name:id:odd"}), kDone) << err();
    EXPECT_EQ(out(), "odd");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "--wait", "-o", "got", "id:" + id}), kDone) << err();
    EXPECT_EQ(read_file(here("got")), "foreign");
}

TEST_F(VaultCommandsTest, SyncNeitherDropsNorResurrects) {
    upload("old", "old");
    upload("kept", "kept");
    sync();
    upload("young", "young");
    ASSERT_EQ(run({"archive", "delete", "photos", "old"}), kDone);
    ASSERT_EQ(run({"vault", "sync", "--max-age", "1000", "--json", "photos"}), kDone) << err();
    EXPECT_EQ(json().at("differences").size(), 2U) << out();
    EXPECT_THAT(listed(), ElementsAre("kept", "young"));
    hours(24 * 5);
    ASSERT_EQ(run({"vault", "sync", "--wait", "--json", "photos"}), kDone) << err();
    EXPECT_EQ(json().at("differences").size(), 0U) << out();
    EXPECT_THAT(listed(), ElementsAre("kept", "young"));

    // Somebody else deletes one.
    std::string id = upload("theirs", "theirs");
    hours(24 * 5);
    ASSERT_EQ(run({"vault", "sync", "--wait", "photos"}), kDone);
    aws("delete-archive --vault-name photos --archive-id=" + id);
    hours(24 * 5);
    ASSERT_EQ(run({"vault", "sync", "--wait", "photos"}), kDone);
    EXPECT_THAT(err(), HasSubstr("theirs is no longer in the vault; --fix forgets it"));
    EXPECT_THAT(listed(), ElementsAre("kept", "theirs", "young"));
    ASSERT_EQ(run({"vault", "sync", "--fix", "photos"}), kDone) << err();
    EXPECT_THAT(listed(), ElementsAre("kept", "young"));
}

TEST_F(VaultCommandsTest, MaxAgeZeroAsksForANewInventory) {
    upload("a", "a");
    sync();
    unsigned before = requests("InitiateJob");
    ASSERT_EQ(run({"vault", "sync", "photos"}), kDone) << "the inventory is young enough";
    EXPECT_EQ(requests("InitiateJob"), before);
    ASSERT_EQ(run({"vault", "sync", "--max-age", "0", "--wait", "photos"}), kDone) << err();
    EXPECT_EQ(requests("InitiateJob"), before + 1);
}

TEST_F(VaultCommandsTest, CheckpresentPrintsTheName) {
    EXPECT_EQ(run({"archive", "checkpresent", "photos", "a"}), kDone);
    EXPECT_EQ(out(), "");
    EXPECT_THAT(err(), HasSubstr("a is not known in vault photos"));
    EXPECT_EQ(run({"archive", "checkpresent", "--quiet", "photos", "a"}), kDone);
    EXPECT_EQ(out() + err(), "");
    upload("a", "a");
    EXPECT_EQ(run({"archive", "checkpresent", "photos", "a"}), kDone);
    EXPECT_EQ(out(), "a\n");
    hours(48);
    EXPECT_EQ(run({"archive", "checkpresent", "--max-age", "0", "photos", "a"}), kPending) << "too long ago";
    EXPECT_EQ(out(), "");
    EXPECT_EQ(run({"archive", "checkpresent", "--max-age", "0", "--wait", "--json", "photos", "a"}), kDone)
        << err();
    EXPECT_EQ(json().at("present"), true);
    ASSERT_EQ(run({"archive", "delete", "photos", "a"}), kDone);
    EXPECT_EQ(run({"archive", "checkpresent", "photos", "a"}), kDone);
    EXPECT_EQ(out(), "");
}

TEST_F(VaultCommandsTest, LargeFileGoesInPartsAndAmazonsClientGetsItBack) {
    std::string content = testing::noise((101 << 20) + 17, 1);
    write_text(here("big"), content);
    ASSERT_EQ(run({"archive", "upload", "photos", "big"}), kDone) << err();
    EXPECT_EQ(requests("UploadMultipartPart"), 7U);
    EXPECT_EQ(unfinished(), 0U);
    std::filesystem::remove(here("big"));
    ASSERT_EQ(run({"archive", "retrieve", "--wait", "photos", "big"}), kDone) << err();
    EXPECT_TRUE(read_file(here("big")) == content);
    cloud::GlacierJob job;
    sim_.client().list_jobs("photos", [&](const cloud::GlacierJob& found) { job = found; });
    aws(format("get-job-output --vault-name photos --job-id={} {}", job.id, dir_ / "by-aws"));
    EXPECT_TRUE(read_file(dir_ / "by-aws") == content);
}

TEST_F(VaultCommandsTest, StoppedUploadGoesOnAndLeavesThoseOfOthersAlone) {
    std::string content = testing::noise(130 << 20, 2);
    write_text(here("big"), content);
    std::string others = sim_.client().initiate_multipart("photos", "big", 1 << 20);
    sim_.order(
        R"({"operation":"UploadMultipartPart","kind":"error","status":403,"code":"AccessDeniedException","skip":4,"count":"always"})");
    EXPECT_EQ(run({"archive", "upload", "photos", "big"}), kFailed);
    EXPECT_EQ(unfinished(), 2U);
    sim_.clear_faults();
    unsigned before = requests("UploadMultipartPart");
    ASSERT_EQ(run({"archive", "upload", "photos", "big"}), kDone) << err();
    EXPECT_LT(requests("UploadMultipartPart") - before, 9U) << "not all of it again";
    EXPECT_EQ(unfinished(), 1U) << "somebody else's";
    EXPECT_EQ(sim_.client().list_parts("photos", others, [](const cloud::GlacierPart&) {}), 1U << 20);
    std::filesystem::remove(here("big"));
    ASSERT_EQ(run({"archive", "retrieve", "--wait", "photos", "big"}), kDone) << err();
    EXPECT_TRUE(read_file(here("big")) == content);
}

TEST_F(VaultCommandsTest, PipesOfAllLengths) {
    std::size_t part = 1 << 20;
    for (std::size_t size : {std::size_t{1}, part - 1, part, part + 1, 5 * part, 5 * part + 3}) {
        std::string content = testing::noise(size, static_cast<unsigned>(size));
        std::string name = format("n{}", size);
        ASSERT_EQ(run({"archive", "upload", "--part-size", "1MiB", "--name", name, "photos", "-"}, content),
                  kDone)
            << err();
        ASSERT_EQ(
            run({"archive", "retrieve", "--wait", "--multipart-size", "1048576", "photos", name, "-o-"}),
            kDone)
            << err();
        EXPECT_TRUE(out() == content) << size;
    }
    EXPECT_EQ(unfinished(), 0U);
    EXPECT_EQ(run({"archive", "upload", "--name", "none", "photos", "-"}, ""), kFailed);
    EXPECT_THAT(err(), HasSubstr("a vault takes nothing empty"));
}

TEST_F(VaultCommandsTest, PipeThatFailsLeavesNoUploadBehind) {
    sim_.order(
        R"({"operation":"UploadMultipartPart","kind":"error","status":403,"code":"AccessDeniedException","skip":2,"count":"always"})");
    EXPECT_EQ(run({"archive", "upload", "--part-size", "1MiB", "--name", "x", "photos", "-"},
                  std::string(8 << 20, 'x')),
              kFailed);
    EXPECT_EQ(unfinished(), 0U);
    EXPECT_EQ(listed(), std::vector<std::string>());
}

TEST_F(VaultCommandsTest, StoppedDownloadGoesOn) {
    std::string content = testing::noise((40 << 20) + 5, 3);
    upload("big", content);
    ASSERT_EQ(run({"archive", "retrieve", "photos", "big"}), kPending);
    hours(6);
    sim_.order(
        R"({"operation":"GetJobOutput","kind":"error","status":403,"code":"AccessDeniedException","skip":1,"count":"always"})");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "big"}), kFailed);
    EXPECT_FALSE(path_exists(here("big")));
    EXPECT_TRUE(path_exists(here(".big.partial")));
    sim_.clear_faults();
    unsigned before = requests("GetJobOutput");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "big"}), kDone) << err();
    EXPECT_EQ(requests("GetJobOutput") - before, 2U);
    EXPECT_TRUE(read_file(here("big")) == content);
    EXPECT_FALSE(path_exists(here(".big.partial")));

    // A partial file of something else costs a download, not an error.
    write_text(here(".other.partial"), std::string(16 << 20, 'x'));
    EXPECT_EQ(run({"archive", "retrieve", "photos", "big", "-o", "other"}), kDone) << err();
    EXPECT_TRUE(read_file(here("other")) == content);
}

TEST_F(VaultCommandsTest, DamageOnTheWayIsNoticed) {
    upload("a", testing::noise(3 << 20, 4));
    ASSERT_EQ(run({"archive", "retrieve", "photos", "a"}), kPending);
    hours(6);
    sim_.order(R"({"operation":"GetJobOutput","kind":"corrupt","count":1})");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kDone) << err();
    EXPECT_TRUE(read_file(here("a")) == testing::noise(3 << 20, 4));
    std::filesystem::remove(here("a"));
    sim_.order(R"({"operation":"GetJobOutput","kind":"corrupt","count":"always"})");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kFailed);
    EXPECT_FALSE(path_exists(here("a")));
    EXPECT_THAT(err(), HasSubstr("archive a: "));
}

TEST_F(VaultCommandsTest, SeveralAtOnce) {
    upload("a", "aaa");
    upload("b", "bbb");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a", "nonsense"}), kFailed);
    EXPECT_EQ(requests("InitiateJob"), 0U) << "nothing is paid for when a name is wrong";
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kPending);
    hours(6);
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a", "b"}), kPending);
    hours(6);
    EXPECT_EQ(run({"archive", "retrieve", "--json", "photos", "a", "b"}), kDone) << err();
    EXPECT_EQ(json().at("archives").at(1).at("state"), "retrieved");
    EXPECT_EQ(requests("InitiateJob"), 2U);
    EXPECT_EQ(read_file(here("a")) + read_file(here("b")), "aaabbb");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a", "b", "-o", "x"}), kUsage);
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a", "name:a"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("would become the same file"));
}

TEST_F(VaultCommandsTest, FileThatIsThereIsNotReplacedUnasked) {
    upload("a", "new");
    write_text(here("a"), "mine");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("is there, and is not archive a"));
    EXPECT_EQ(requests("InitiateJob"), 0U);
    EXPECT_EQ(run({"archive", "retrieve", "--wait", "photos", "a", "-o", "a"}), kDone) << err();
    EXPECT_EQ(read_file(here("a")), "new");
    unsigned before = requests("GetJobOutput");
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kDone) << "it is here";
    EXPECT_EQ(requests("GetJobOutput"), before);
}

TEST_F(VaultCommandsTest, OutputThatExpiredIsAskedForAgain) {
    upload("a", "a");
    ASSERT_EQ(run({"archive", "retrieve", "photos", "a"}), kPending);
    hours(40);
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kPending) << err();
    EXPECT_THAT(err(), HasSubstr("asked for archive a"));
    hours(6);
    EXPECT_EQ(run({"archive", "retrieve", "photos", "a"}), kDone) << err();
}

TEST_F(VaultCommandsTest, JobThatFails) {
    upload("a", "a");
    sim_.order(R"({"operation":"InitiateJob","kind":"fail-job","count":1})");
    EXPECT_EQ(run({"archive", "retrieve", "--wait", "photos", "a"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("the same command again begins another"));
    EXPECT_EQ(run({"archive", "retrieve", "--wait", "photos", "a"}), kDone) << err();
}

TEST_F(VaultCommandsTest, IndexThatIsLostCostsASync) {
    upload("a", "a");
    std::filesystem::remove_all(dir_ / "home");
    EXPECT_EQ(listed(), std::vector<std::string>());
    sync();
    EXPECT_THAT(listed(), ElementsAre("a"));
    program_.environment["XDG_CACHE_HOME"] = dir_ / "cache";
    EXPECT_EQ(listed(), std::vector<std::string>());
    EXPECT_TRUE(path_exists(dir_ / "cache/icecore/vaults.db"));
}

TEST_F(VaultCommandsTest, VaultThatIsNotThere) {
    for (std::vector<std::string> args : {std::vector<std::string>{"archive", "list", "phots"},
                                          {"vault", "sync", "phots"},
                                          {"vault", "delete", "phots"},
                                          {"archive", "upload", "--name", "x", "phots", "-"},
                                          {"archive", "retrieve", "phots", "x"},
                                          {"archive", "delete", "phots", "x"},
                                          {"archive", "checkpresent", "phots", "x"},
                                          {"job", "list", "phots"}}) {
        EXPECT_EQ(run(args, "x"), kFailed) << args[1];
        EXPECT_THAT(err(), HasSubstr("phots")) << args[1];
        EXPECT_EQ(out(), "");
    }
    upload("a", "a");
    EXPECT_EQ(run({"vault", "delete", "photos"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("a vault can be deleted a day after"));
}

TEST_F(VaultCommandsTest, FilesThatCannotBeStored) {
    EXPECT_EQ(run({"archive", "upload", "photos", "nothing-here"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("nothing-here: No such file"));
    EXPECT_EQ(run({"archive", "upload", "--name", "x", "photos", "."}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("is a directory"), HasSubstr("hint: tar -c")));
    write_text(here("empty"), "");
    EXPECT_EQ(run({"archive", "upload", "photos", "empty"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("a vault takes nothing empty"));
    write_text(here("\xc3\xa4rger"), "x");
    EXPECT_EQ(run({"archive", "upload", "photos", "\xc3\xa4rger"}), kUsage);
    EXPECT_THAT(err(), AllOf(HasSubstr("printable ASCII"), HasSubstr("--name NAME")));
    EXPECT_EQ(requests("UploadArchive"), 0U);
}

TEST_F(VaultCommandsTest, SecondOfANameIsRemarkedUpon) {
    upload("a", "1");
    EXPECT_EQ(run({"archive", "upload", "--name", "a", "photos", "-"}, "2"), kDone);
    EXPECT_THAT(err(), HasSubstr("vault photos has another archive a"));
    EXPECT_EQ(listed().size(), 2U);
}

TEST_F(VaultCommandsTest, BackupsAreNotDeletedByAccident) {
    std::string name = "attic/home/home-000001-full-20261122T031500Z.tar.zst";
    upload(name, "x");
    EXPECT_EQ(run({"archive", "delete", "photos", name}), kFailed);
    EXPECT_THAT(err(), HasSubstr("belongs to a backup"));
    EXPECT_EQ(requests("DeleteArchive"), 0U);
    EXPECT_EQ(run({"archive", "delete", "--force", "photos", name}), kDone) << err();
}

TEST_F(VaultCommandsTest, ConfigurationSaysHow) {
    program_.environment.erase("AWS_REGION");
    program_.environment.erase("AWS_ENDPOINT_URL");
    EXPECT_EQ(run({"vault", "list"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("no region is configured"));
    auto set = [&](const std::string& name, const std::string& vault, const std::string& region) {
        return format(
            "[[set]]\nname = \"{0}\"\ndata = \"{1}/d-{0}\"\nbackup = \"{1}/b-{0}\"\n[set.target]\n"
            "type = \"glacier\"\nvault = \"{2}\"\nregion = \"{3}\"\nendpoint = \"{4}\"\n",
            name, dir_.path(), vault, region, sim_.endpoint());
    };
    program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
    write_text(dir_ / "icecore.toml", set("one", "photos", "us-east-1"));
    EXPECT_EQ(run({"vault", "list"}), kDone) << err();
    write_text(dir_ / "icecore.toml", set("one", "photos", "us-east-1") + set("two", "other", "eu-west-1"));
    EXPECT_EQ(run({"archive", "list", "photos"}), kDone) << "the target of this vault: " << err();
    EXPECT_EQ(run({"vault", "list"}), kUsage);
    EXPECT_THAT(err(), HasSubstr("--set NAME says which"));
    EXPECT_EQ(run({"--set", "one", "vault", "list"}), kDone) << err();
    EXPECT_EQ(run({"--set", "two", "vault", "list"}), kFailed) << "another region than the signature's";
    EXPECT_EQ(run({"--set", "two", "vault", "list", "--region", "us-east-1"}), kDone) << err();
}

}  // namespace
}  // namespace icecore::cli
