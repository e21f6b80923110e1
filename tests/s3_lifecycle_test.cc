// What is said of a bucket's lifecycle rules, against what they do: the simulator's clock moves on by three
// years, and what is deleted or moved then must have been warned of.

#include <gmock/gmock.h>

#include "base/base64.h"
#include "base/hash.h"
#include "sim_s3.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kHoursOfThreeYears = 3 * 366 * 24;

/// A rule, and what it does to a hot object of 300 KiB and one of 1 KiB of set "home" of host "host" below
/// "p/".
struct Rule {
    const char* name;
    const char* xml;        ///< without ID and status
    bool harms;             ///< a remark is due, for it deletes or moves one at least
    const char* said = "";  ///< a piece of the remark
};

void PrintTo(const Rule& rule, std::ostream* out) {
    *out << rule.name;
}

class LifecycleTest : public ::testing::Test {
  protected:
    std::vector<TargetRemark> remarks() {
        S3TargetOptions options = bucket_.options();
        options.hot_class = "STANDARD";
        options.storage_class = "STANDARD";
        return make_s3_target(options)->remarks();
    }
    void set_rules(const std::string& rules) {
        std::string body = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
                           rules + "</LifecycleConfiguration>";
        bucket_.ask("PUT", "/bucket", "lifecycle=", body,
                    {{"x-amz-checksum-sha256", to_base64(sha256(body).view())}});
    }
    static std::string rule(const std::string& xml, const std::string& status = "Enabled") {
        return "<Rule><ID>theirs</ID><Status>" + status + "</Status>" + xml + "</Rule>";
    }
    void put(const std::string& name, std::uint64_t size) {
        PatternSource source(7, size);
        S3TargetOptions options = bucket_.options();
        options.hot_class = "STANDARD";
        MemoryResume resume;
        Upload upload = source.upload(name);
        upload.temperature = Temperature::hot;
        make_s3_target(options)->put(upload, source, resume, [](std::uint64_t) {});
    }
    /// Storage classes by key.
    std::map<std::string, std::string> classes() {
        std::map<std::string, std::string> found;
        bucket_.client().list_objects("", "", [&](const cloud::S3Object& object) {
            found[object.key] = object.storage_class;
            return true;
        });
        return found;
    }

    testing::SimBucket bucket_;
};

class LifecycleRules : public LifecycleTest, public ::testing::WithParamInterface<Rule> {};

TEST_P(LifecycleRules, AreWarnedOfIfTheyDoHarm) {
    put("home-000001-full-20261122T031500Z.manifest.zst", 300 << 10);
    put("home-000001-full-20261122T031500Z.log", 1 << 10);
    std::map<std::string, std::string> before = classes();
    ASSERT_THAT(before, SizeIs(2));
    set_rules(rule(GetParam().xml));
    std::vector<TargetRemark> said = remarks();
    EXPECT_THAT(said, SizeIs(GetParam().harms ? 1 : 0)) << (said.empty() ? "" : said[0].message);
    for (const TargetRemark& remark : said) EXPECT_THAT(remark.message, HasSubstr(GetParam().said));
    bucket_.sim.advance_hours(kHoursOfThreeYears);
    EXPECT_EQ(classes() != before, GetParam().harms) << "is that what the rule does?";
    set_rules(rule(GetParam().xml, "Disabled"));
    EXPECT_THAT(remarks(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Of, LifecycleRules,
    ::testing::Values(
        Rule{"All", "<Filter/><Expiration><Days>365</Days></Expiration>", true,
             "\"theirs\" of bucket bucket deletes our"},
        Rule{"ByDate", "<Filter/><Expiration><Date>2028-01-01T00:00:00Z</Date></Expiration>", true,
             "deletes our"},
        Rule{"OldForm", "<Prefix>p/</Prefix><Expiration><Days>365</Days></Expiration>", true, "deletes our"},
        Rule{"PieceOfThePrefix", "<Filter><Prefix>p</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             true, "deletes our objects"},
        Rule{"OtherPrefix", "<Filter><Prefix>pp/</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             false},
        Rule{"OtherHost", "<Filter><Prefix>p/hosts/</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             false},
        Rule{"OtherSet",
             "<Filter><Prefix>p/host/homely</Prefix></Filter><Expiration><Days>9</Days></Expiration>", false},
        Rule{"Host", "<Filter><Prefix>p/host/</Prefix></Filter><Expiration><Days>9</Days></Expiration>", true,
             "deletes our objects"},
        Rule{"SomeRuns",
             "<Filter><Prefix>p/host/home/home-0000</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             true, "deletes some of our objects"},
        Rule{"NoneOfOurNames",
             "<Filter><Prefix>p/host/home/tmp-</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             false},
        Rule{"BelowTheSet",
             "<Filter><Prefix>p/host/home/home-/</Prefix></Filter><Expiration><Days>9</Days></Expiration>",
             false},
        Rule{
            "Tagged",
            "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Expiration><Days>9</Days></Expiration>",
            false},
        Rule{"TaggedToo",
             "<Filter><And><Prefix>p/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>"
             "<Expiration><Days>9</Days></Expiration>",
             false},
        Rule{"Large",
             "<Filter><ObjectSizeGreaterThan>200000</ObjectSizeGreaterThan></Filter><Expiration><Days>9</"
             "Days></Expiration>",
             true, "deletes some of our objects over 195 KiB"},
        Rule{"Small",
             "<Filter><And><Prefix>p/</Prefix><ObjectSizeLessThan>2048</ObjectSizeLessThan></And></Filter>"
             "<Expiration><Days>9</Days></Expiration>",
             true, "deletes some of our objects under 2.00 KiB"},
        Rule{"Medium",
             "<Filter><And><ObjectSizeGreaterThan>2048</ObjectSizeGreaterThan>"
             "<ObjectSizeLessThan>1048576</ObjectSizeLessThan></And></Filter><Expiration><Days>9</Days></"
             "Expiration>",
             true, "over 2.00 KiB and under 1.00 MiB"},
        Rule{"LargerThanNothing",
             "<Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter><Expiration><Days>9</Days></"
             "Expiration>",
             true, "deletes our objects"},
        Rule{"Cold", "<Filter/><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>",
             true, "moves our objects to GLACIER"},
        Rule{"ColdInTheEnd",
             "<Filter/><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
             "<Transition><Days>90</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>",
             true, "to STANDARD_IA, then to DEEP_ARCHIVE"},
        Rule{"Cooler",
             "<Filter/><Transition><Days>30</Days><StorageClass>GLACIER_IR</StorageClass></Transition>", true,
             "moves our objects to GLACIER_IR"},
        Rule{"Markers",
             "<Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
             false},
        Rule{"OldVersions",
             "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></"
             "NoncurrentVersionExpiration>",
             false},
        Rule{"OldVersionsElsewhere",
             "<Filter/><NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays>"
             "<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>",
             false},
        Rule{"Uploads",
             "<Filter/><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
             "</AbortIncompleteMultipartUpload>",
             false}),
    [](const auto& one) { return one.param.name; });

TEST_F(LifecycleTest, HintsFitTheClass) {
    set_rules(
        rule("<Filter/><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
             "<Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>"));
    ASSERT_THAT(remarks(), SizeIs(1));
    EXPECT_THAT(remarks()[0].hint, HasSubstr("readable at once"))
        << "where it ends counts, not where it begins";
    set_rules(
        rule("<Filter/><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"));
    EXPECT_THAT(remarks()[0].hint, HasSubstr("paid for"));
}

TEST_F(LifecycleTest, OldVersionsMustOutliveTheirDiscovery) {
    auto removing_after = [](int days) {
        return rule("<Filter/><NoncurrentVersionExpiration><NoncurrentDays>" + std::to_string(days) +
                    "</NoncurrentDays></NoncurrentVersionExpiration>");
    };
    set_rules(removing_after(3));
    ASSERT_THAT(remarks(), SizeIs(1));
    EXPECT_THAT(remarks()[0].message,
                HasSubstr("removes what somebody has deleted of our objects after 3 days"));
    set_rules(removing_after(14));
    EXPECT_THAT(remarks(), IsEmpty());
}

TEST_F(LifecycleTest, EachRuleAndEachHarmIsTold) {
    set_rules(
        "<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>p/host/</Prefix></Filter>"
        "<Expiration><Days>400</Days></Expiration>"
        "<Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>"
        "<Rule><ID>b</ID><Status>Enabled</Status><Filter><Prefix>p/host/home/README</Prefix></Filter>"
        "<Expiration><Days>5</Days></Expiration></Rule>"
        "<Rule><ID>c</ID><Status>Disabled</Status><Filter/><Expiration><Days>5</Days></Expiration></Rule>");
    std::vector<std::string> messages;
    for (const TargetRemark& remark : remarks()) messages.push_back(remark.message);
    EXPECT_THAT(messages, SizeIs(3));
    EXPECT_THAT(messages, Contains(HasSubstr("\"a\" of bucket bucket deletes our objects")));
    EXPECT_THAT(messages, Contains(HasSubstr("\"a\" of bucket bucket moves our objects to GLACIER")));
    EXPECT_THAT(messages, Contains(HasSubstr("\"b\" of bucket bucket deletes some of our objects")));
}

}  // namespace
}  // namespace icecore::store
