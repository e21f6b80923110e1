// What goes wrong between icecore and a bucket, as its user sees it: one error that says what is wrong and
// what to do, nothing that counts as done and is not, and a next run that goes on and pays for nothing twice.

#include "bucket_program.h"
#include "cloud/test_server.h"
#include "cloud/test_tls_server.h"
#include "lasting_faults.h"

namespace icecore::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class S3FaultsTest : public BucketProgramTest {
  protected:
    void expect_refused(const std::string& target, const std::string& message, const std::string& hint) {
        SCOPED_TRACE(target);
        write_config(target);
        EXPECT_EQ(run({"upload"}), kFailed);
        expect_one_error(message, hint);
        EXPECT_EQ(stored_files(), 0U);
    }
    void empty_bucket() {
        cloud::AwsOptions aws = sim_.aws();
        aws.scope.service = "s3";
        cloud::S3Client client({.aws = aws, .bucket = "ice"});
        std::vector<std::string> keys;
        client.list_objects("", "", [&](const cloud::S3Object& object) {
            keys.push_back(object.key);
            return true;
        });
        for (const std::string& key : keys) client.delete_object(key);
    }
    void expect_all_goes_well() {
        write_config(bucket_target());
        EXPECT_EQ(run({"upload"}), kDone) << err();
        EXPECT_EQ(stored_files(), kStoredOfRun);
    }
};

// ---- places ----

TEST_F(S3FaultsTest, APlaceThatCannotBeReached) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    expect_refused(bucket_target("nice"), "NoSuchBucket", "is bucket \"nice\" spelled right");
    expect_refused(target_at("http://" + std::string(64, 'x') + ".invalid"), "name not found",
                   "spelled right");
    expect_refused(target_at("http://127.0.0.1:1"), "no connection", "is the network up");
    cloud::ScriptedServer plain([](cloud::Connection& peer) {
        if (peer.respond(400, "plain")) peer.stall();
    });
    expect_refused(target_at(format("https://127.0.0.1:{}", plain.port())), "TLS failed",
                   "https, and not http");
    cloud::ScriptedServer web([](cloud::Connection& peer) {
        while (peer.read_request() && peer.respond(404, "<html><h1>Not Found</h1></html>")) {
        }
    });
    expect_refused(target_at(format("http://127.0.0.1:{}", web.port())),
                   "does not answer as the service does", "is the endpoint right");
    expect_all_goes_well();
}

TEST_F(S3FaultsTest, CertificatesThatAreNotAccepted) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    auto at = [](const cloud::TlsServer& server, const std::string& host) {
        std::string url = server.url(host);
        url.pop_back();
        return target_at(url);
    };
    cloud::TlsServer stranger;
    expect_refused(at(stranger, "localhost"), "certificate is not accepted", "AWS_CA_BUNDLE");
    program_.environment["AWS_CA_BUNDLE"] = stranger.certificate();
    expect_refused(at(stranger, "127.0.0.1"), "certificate is not accepted", "another host's");
    cloud::TlsServer old(cloud::TlsServer::Validity::long_ago);
    program_.environment["AWS_CA_BUNDLE"] = old.certificate();
    expect_refused(at(old, "localhost"), "expired", "clock right");
    program_.environment["AWS_CA_BUNDLE"] = dir_ / "missing.pem";
    expect_refused(at(old, "localhost"), "missing.pem", "AWS_CA_BUNDLE");
    program_.environment.erase("AWS_CA_BUNDLE");
    expect_all_goes_well();
}

TEST_F(S3FaultsTest, TheRightRegionIsFollowedAndSaid) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    write_config(bucket_target("ice", "eu-west-9"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_THAT(said("icecore: warning: bucket ice is in region us-east-1, not in eu-west-9"), Not(IsEmpty()))
        << err();
    EXPECT_THAT(err(), HasSubstr("set region = \"us-east-1\""));
    EXPECT_EQ(stored_files(), kStoredOfRun);
}

TEST_F(S3FaultsTest, NothingOfOursFollowsARedirection) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    cloud::ScriptedServer elsewhere([](cloud::Connection& peer) {
        while (peer.read_request() && peer.respond(200, "welcome")) {
        }
    });
    for (int status : {301, 302, 303, 307, 308}) {
        std::string header = format("Location: http://127.0.0.1:{}/ice\r\nx-amz-bucket-region: us-east-1\r\n",
                                    elsewhere.port());
        cloud::ScriptedServer lure([&](cloud::Connection& peer) {
            while (peer.read_request() && peer.respond(status, "", header)) {
            }
        });
        expect_refused(target_at(format("http://127.0.0.1:{}", lure.port())), format("status {}", status),
                       format("it sends us to http://127.0.0.1:{}", elsewhere.port()));
        EXPECT_FALSE(lure.requests().empty());
    }
    EXPECT_THAT(elsewhere.requests(), IsEmpty()) << "whoever redirects gets neither signature nor content";
    expect_all_goes_well();
}

// ---- keys ----

TEST_F(S3FaultsTest, KeysThatAreWrong) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    expect_keys_refused("OTHER", "hush", "does not know the access key", "is it active");
    expect_keys_refused("KEY", "hush", "does not accept the signature", "is the secret access key the one");
    program_.environment["AWS_SESSION_TOKEN"] = "a token of another key's";
    expect_keys_refused("KEY", "SECRET", "token", "session token");
    program_.environment.erase("AWS_SESSION_TOKEN");
    expect_all_goes_well();
}

TEST_F(S3FaultsTest, NoKeysAtAll) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    lose_keys();
    EXPECT_EQ(run({"upload"}), kFailed);
    expect_one_error("credentials", "AWS_ACCESS_KEY_ID");
}

TEST_F(S3FaultsTest, AClockThatIsOff) {
    program_.clock.advance_ns((std::int64_t{18} * 60 - 1) * 1'000'000'000);  // a slow machine has a minute
    EXPECT_EQ(run({"backup"}), kFailed);
    expect_one_error("this machine's clock is 17 min", "NTP");
    EXPECT_EQ(stored_files(), 0U);
    program_.clock.set(SystemClock().now());
    expect_all_goes_well();
}

/// An action that a bucket's policy forbids, and the command that needs it.
struct MissingPermission {
    const char* action;
    std::vector<std::string> command;
};

void PrintTo(const MissingPermission& missing, std::ostream* out) {
    *out << missing.action;
}

class S3Permissions : public S3FaultsTest, public ::testing::WithParamInterface<MissingPermission> {};

TEST_P(S3Permissions, ThatAreMissingAreNamed) {
    if (GetParam().command.front() != "upload")
        ASSERT_EQ(run({"backup"}), kDone) << err();
    else
        ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    if (GetParam().command.front() == "recover") std::filesystem::remove_all(dir_ / "backup");
    std::vector<std::string> command = GetParam().command;
    if (command.front() == "restore") {
        std::filesystem::remove(volume());
        command.insert(command.end(), {"--to", dir_ / "restored"});
    }
    testing::ask_s3(sim_, "PUT", "/ice", "policy=",
                    format(R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*",)"
                           R"("Action":"{}","Resource":["arn:aws:s3:::ice","arn:aws:s3:::ice/*"]}}]}})",
                           GetParam().action));
    EXPECT_EQ(run(command), kFailed);
    expect_one_error("status 403", format("allow {}", GetParam().action));
    testing::ask_s3(sim_, "DELETE", "/ice", "policy=");
    int status = run(command);
    EXPECT_TRUE(status == kDone || status == kPending) << err();
}

INSTANTIATE_TEST_SUITE_P(Buckets, S3Permissions,
                         ::testing::Values(MissingPermission{"s3:PutObject", {"upload"}},
                                           MissingPermission{"s3:ListBucketMultipartUploads", {"upload"}},
                                           MissingPermission{"s3:ListBucket", {"recover", "--yes"}},
                                           MissingPermission{"s3:GetObject", {"recover", "--yes"}},
                                           MissingPermission{"s3:RestoreObject", {"restore", "--yes"}},
                                           MissingPermission{"s3:ListBucket", {"verify", "--remote"}}),
                         [](const auto& one) {
                             std::string name =
                                 format("{}_{}", one.param.command.front(), one.param.action + 3);
                             return name;
                         });

// ---- what the bucket lacks ----

TEST_F(S3FaultsTest, LocksInABucketWithoutObjectLock) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    expect_refused(bucket_target() + "object_lock = { mode = \"governance\", days = 8 }\n", "Lock",
                   "Object Lock is chosen when a bucket is made");
    EXPECT_EQ(run({"doctor"}), kDone) << err();
    EXPECT_THAT(out() + err(), HasSubstr("bucket ice has no Object Lock, which object_lock asks for"));
    expect_all_goes_well();
    write_config(bucket_target() + "object_lock = { mode = \"governance\", days = 8 }\n");
    EXPECT_EQ(run({"upload"}), kFailed) << "what is stored cannot be locked either";
    expect_one_error("Lock", "Object Lock");
    EXPECT_EQ(stored_files(), kStoredOfRun);
}

TEST_F(S3FaultsTest, AStorageClassThatThereIsNot) {
    ASSERT_EQ(run({"backup", "--no-upload"}), kDone) << err();
    std::string target = bucket_target();
    target.replace(target.find("DEEP_ARCHIVE"), 12, "DEEP_FREEZER");
    write_config(target);
    EXPECT_EQ(run({"upload"}), kFailed);
    EXPECT_THAT(err(), HasSubstr("does the store have this storage class"));
    EXPECT_LT(stored_files(), kStoredOfRun);
    expect_all_goes_well();
}

TEST_F(S3FaultsTest, ABucketThatVanished) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::string stored_volume = volume();
    empty_bucket();
    testing::ask_s3(sim_, "DELETE", "/ice");
    write_text(data("new"), "news");
    auto expect_told = [&](int status) {
        EXPECT_EQ(status, kFailed);
        expect_one_error("NoSuchBucket", "is bucket \"ice\" spelled right");
    };
    expect_told(run({"backup"}));
    expect_told(run({"verify", "--remote"}));
    std::filesystem::remove(stored_volume);
    expect_told(restore({"--from", "remote", "--yes", "--wait"}));
    expect_told(run({"recover", "--yes"}));
}

TEST_F(S3FaultsTest, ABucketThatWasEmptied) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    empty_bucket();
    EXPECT_EQ(run({"verify", "--remote"}), kFailed);
    EXPECT_THAT(out() + err(), HasSubstr("it is not offsite any more"));
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << err();
    EXPECT_EQ(stored_files(), kStoredOfRun);
}

// ---- answers ----

class S3FaultsIn : public UnderLastingFault<S3FaultsTest> {
  protected:
    /// Whether of one file or of the bucket: once.
    void expect_told(int status) {
        EXPECT_EQ(status, GetParam().status);
        EXPECT_THAT(said("icecore: error: "), SizeIs(1)) << err();
        EXPECT_THAT(err(), AllOf(HasSubstr(GetParam().message), HasSubstr(GetParam().hint)));
    }
};

constexpr const char* kOverload = R"("kind":"error","status":503,"code":"SlowDown")";
constexpr const char* kErrorIn200 = R"("kind":"error-body","code":"InternalError")";
constexpr const char* kMalformed = R"("kind":"malformed-xml")";
constexpr const char* kHostile = R"("kind":"hostile-xml")";
constexpr const char* kWrongChecksum = R"("kind":"wrong-checksum")";

class UploadsToABucket : public S3FaultsIn {};

TEST_P(UploadsToABucket, SayItOnceAndGoOn) {
    break_it();
    expect_told(run({"backup"}));
    std::size_t stored = stored_files();
    EXPECT_LT(stored, kStoredOfRun);
    expect_told(run({"upload"}));
    EXPECT_EQ(stored_files(), stored);
    sim_.clear_faults();
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_EQ(stored_files(), kStoredOfRun);
    EXPECT_EQ(run({"upload"}), kDone) << err();
    EXPECT_THAT(out(), HasSubstr("nothing to store"));
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << err();
}

INSTANTIATE_TEST_SUITE_P(
    Buckets, UploadsToABucket,
    ::testing::Values(
        LastingFault{"HtmlPage", "UploadPart", kHtml, kFailed, "storing part", "is there a proxy"},
        LastingFault{"HtmlPut", "PutObject", kHtml, kFailed, "no ETag", "is there a proxy"},
        LastingFault{"EndlessBegin", "CreateMultipartUpload", kEndless, kFailed, "more than 8 MiB",
                     "is there a proxy"},
        LastingFault{"EndlessUploads", "ListMultipartUploads", kEndless, kFailed, "more than 8 MiB",
                     "is there a proxy"},
        LastingFault{"HtmlPages", "*", kHtml, kFailed, "no ETag", "is there a proxy"},
        LastingFault{"Proxy", "*", kProxy, kFailed, "after 8 attempts", "status 502"},
        LastingFault{"Overload", "UploadPart", kOverload, kFailed, "after 8 attempts", "hint: "},
        LastingFault{"Cut", "UploadPart", kCut, kFailed, "connection was lost", "hint: "},
        LastingFault{"ErrorIn200", "CompleteMultipartUpload", kErrorIn200, kFailed, "InternalError",
                     "after 8 attempts"},
        LastingFault{"HtmlComplete", "CompleteMultipartUpload", kHtml, kFailed, "completing",
                     "is there a proxy"},
        LastingFault{"MalformedBegin", "CreateMultipartUpload", kMalformed, kFailed, "beginning to store",
                     "is there a proxy"},
        LastingFault{"HostileBegin", "CreateMultipartUpload", kHostile, kFailed, "beginning to store",
                     "is there a proxy"},
        LastingFault{"HtmlBegin", "CreateMultipartUpload", kHtml, kFailed, "beginning to store",
                     "is there a proxy"},
        LastingFault{"MalformedUploads", "ListMultipartUploads", kMalformed, kFailed, "unfinished uploads",
                     "is there a proxy"},
        LastingFault{"HostileUploads", "ListMultipartUploads", kHostile, kFailed, "unfinished uploads",
                     "is there a proxy"},
        LastingFault{"HtmlHead", "HeadObject", kHtml, kFailed, "no ETag", "is there a proxy"}),
    name_of_fault);

TEST_F(S3FaultsTest, RepliesThatAreLostAreFoundByAsking) {
    always("UploadPart", kLost);
    EXPECT_EQ(run({"backup"}), kFailed);
    expect_one_error("connection was lost", "tries again");
    EXPECT_EQ(stored_files(), 0U);
    EXPECT_EQ(run({"upload"}), kDone) << "the store lists the parts: " << err();
    sim_.clear_faults();
    always("CompleteMultipartUpload", kWrongChecksum);  // HEAD has the right one
    write_text(data("z/larger"), testing::noise(18 << 20, 100));
    EXPECT_EQ(run({"backup"}), kDone) << err();
    sim_.clear_faults();
    always("CompleteMultipartUpload", kMalformed);
    write_text(data("z/larger"), testing::noise(18 << 20, 101));
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(err(), AllOf(HasSubstr("no whole XML"), HasSubstr("is there a proxy")));
    EXPECT_EQ(run({"upload"}), kDone) << "it has become an object nevertheless: " << err();
    sim_.clear_faults();
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << err();
    EXPECT_EQ(stored_files(), kStoredOfRun + 2 * kFilesOfRun);
}

TEST_F(S3FaultsTest, PartsThatAreConfirmedUntruly) {
    always("UploadPart", kWrongChecksum);
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(said("icecore: error: "), SizeIs(1)) << err();
    EXPECT_THAT(err(), AllOf(HasSubstr("another SHA-256"), HasSubstr("does not count as stored")));
    EXPECT_EQ(stored_files(), kStoredOfRun - 1);
    EXPECT_EQ(run({"upload"}), kDone) << "the store lists what it really has: " << err();
    EXPECT_EQ(run({"verify", "--remote"}), kDone) << err();
}

TEST_F(S3FaultsTest, SmallFilesThatAreConfirmedUntruly) {
    always("PutObject", kWrongChecksum);
    EXPECT_EQ(run({"backup"}), kFailed);
    expect_one_error("another SHA-256", "does not count as stored");
    EXPECT_EQ(stored_files(), 1U) << "the volume went out in parts";
    sim_.clear_faults();
    expect_all_goes_well();
}

TEST_F(S3FaultsTest, AnswersThatNeverEndAreCut) {
    always("CompleteMultipartUpload", kEndless);
    always("ListObjectsV2", kEndless);
    EXPECT_EQ(run({"backup"}), kFailed);
    EXPECT_THAT(said("icecore: error: "),
                ElementsAre(AllOf(HasSubstr("more than 8 MiB"), HasSubstr("is there a proxy"))));
    EXPECT_EQ(run({"upload"}), kDone) << "it has become an object nevertheless: " << err();
    EXPECT_EQ(run({"verify", "--remote"}), kFailed);
    expect_one_error("more than 8 MiB", "is there a proxy");
    EXPECT_LT(testing::peak_memory_bytes(getpid()), std::uint64_t{400} << 20);
}

class DownloadsFromABucket : public S3FaultsIn {};

TEST_P(DownloadsFromABucket, SayItOnceAndGoOn) {
    back_up_and_lose_volume();
    break_it();
    EXPECT_EQ(restore({"--yes", "--wait"}), GetParam().status);
    std::vector<std::string> errors = said("icecore: error: ");
    std::erase_if(errors, [](const std::string& line) { return line.starts_with("not restored: "); });
    EXPECT_THAT(errors, SizeIs(1)) << err();
    EXPECT_THAT(said("hint: "), SizeIs(1)) << err();
    EXPECT_THAT(err(), HasSubstr(GetParam().message));
    EXPECT_THAT(err(), HasSubstr(GetParam().hint));
    EXPECT_FALSE(is_restored(0));
    EXPECT_FALSE(path_exists(volume()));
    sim_.clear_faults();
    EXPECT_EQ(restore({"--yes", "--overwrite", "always", "--wait"}), kDone) << err();
    expect_all_restored();
    EXPECT_FALSE(path_exists(dir_ / "backup/.thawed"));
}

INSTANTIATE_TEST_SUITE_P(
    Buckets, DownloadsFromABucket,
    ::testing::Values(
        LastingFault{"Damaged", "GetObject", kDamaged, kIncomplete, "does not have the SHA-256",
                     "tries again"},
        LastingFault{"Truncated", "GetObject", kTruncated, kFailed, "connection was lost", "goes on"},
        LastingFault{"LostReply", "GetObject", kLost, kFailed, "connection was lost", "goes on"},
        LastingFault{"Endless", "GetObject", kEndless, kIncomplete, "more than was asked", "tries again"},
        LastingFault{"HtmlPage", "GetObject", kHtml, kIncomplete, "it ends after 121 of", "tries again"},
        LastingFault{"Proxy", "GetObject", kProxy, kFailed, "does not answer as the service", "proxy"},
        LastingFault{"Overload", "GetObject", kOverload, kFailed, "after 8 attempts", "goes on"},
        LastingFault{"RestoreRefused", "RestoreObject", kOverload, kFailed, "after 8 attempts", "goes on"},
        LastingFault{"HeadProxy", "HeadObject", kProxy, kFailed, "status 502", "goes on"}),
    name_of_fault);

class RecoveriesFromABucket : public S3FaultsIn {};

TEST_P(RecoveriesFromABucket, SayItOnceAndGoOn) {
    ASSERT_EQ(run({"backup"}), kDone) << err();
    std::filesystem::remove_all(dir_ / "backup");
    break_it();
    EXPECT_EQ(run({"recover", "--yes"}), GetParam().status);
    EXPECT_THAT(said("icecore: error: "), Not(IsEmpty())) << err();
    EXPECT_THAT(said("hint: "), SizeIs(1)) << err();
    EXPECT_THAT(err(), AllOf(HasSubstr(GetParam().message), HasSubstr(GetParam().hint)));
    sim_.clear_faults();
    EXPECT_EQ(run({"recover", "--yes"}), kDone) << err();
    EXPECT_EQ(restore({"--from", "remote", "--yes", "--wait"}), kDone) << err();
    expect_all_restored();
}

INSTANTIATE_TEST_SUITE_P(
    Buckets, RecoveriesFromABucket,
    ::testing::Values(LastingFault{"MalformedList", "ListObjectsV2", kMalformed, kFailed, "listing", ""},
                      LastingFault{"HostileList", "ListObjectsV2", kHostile, kFailed, "listing", ""},
                      LastingFault{"HtmlList", "ListObjectsV2", kHtml, kFailed, "listing", ""},
                      LastingFault{"TruncatedList", "ListObjectsV2", kTruncated, kFailed,
                                   "connection was lost", ""},
                      LastingFault{"EndlessList", "ListObjectsV2", kEndless, kFailed, "more than 8 MiB",
                                   "is there a proxy"},
                      LastingFault{"Truncated", "GetObject", kTruncated, kFailed, "connection was lost", ""},
                      LastingFault{"HtmlPage", "GetObject", kHtml, kFailed, "", ""},
                      LastingFault{"Endless", "GetObject", kEndless, kFailed, "", ""}),
    name_of_fault);

}  // namespace
}  // namespace icecore::cli
