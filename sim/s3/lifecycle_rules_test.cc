#include "sim/s3/lifecycle_rules.h"

#include <gtest/gtest.h>

#include "sim/api_error.h"

namespace icecore::sim::s3 {
namespace {

using What = LifecycleAction::What;

Timestamp at(const std::string& text) {
    return parse_utc(text).value();
}

Lifecycle lifecycle(const std::string& rule) {
    return {Lifecycle::parse("<LifecycleConfiguration><Rule><Status>Enabled</Status>" + rule +
                             "</Rule></LifecycleConfiguration>"),
            at("2027-01-01T00:00:00Z"), false};
}

Version version(const std::string& id, const char* created, std::uint64_t size_bytes = 1 << 20) {
    return {.id = id, .created = at(created), .size_bytes = size_bytes};
}

/// "move 1 2027-02-01T00:00:00Z" of the next action.
std::string next(const Lifecycle& lifecycle, const Versions& versions,
                 const char* now = "2030-01-01T00:00:00Z") {
    std::optional<LifecycleAction> action = next_action(lifecycle, "dir/key", versions, at(now));
    if (!action) return "nothing";
    const char* what = action->what == What::move     ? "move"
                       : action->what == What::expire ? "expire"
                                                      : "remove";
    return std::string(what) + " " + action->version_id + " " + format_iso_utc(action->due);
}

constexpr const char* kExpire =
    "<Filter><Prefix>dir/</Prefix></Filter><Expiration><Days>7</Days></Expiration>";

TEST(LifecycleRules, ActAtTheMidnightAfter) {
    Versions one = {version("1", "2027-03-01T10:30:00Z")};
    EXPECT_EQ(next(lifecycle(kExpire), one), "expire 1 2027-03-09T00:00:00Z");
    EXPECT_EQ(next(lifecycle(kExpire), one, "2027-03-09T00:00:00Z"), "expire 1 2027-03-09T00:00:00Z");
    EXPECT_EQ(next(lifecycle(kExpire), one, "2027-03-08T23:59:59Z"), "nothing");
    EXPECT_EQ(next(lifecycle(kExpire), {version("1", "2020-01-01T00:00:00Z")}),
              "expire 1 2027-01-01T00:00:00Z")
        << "not before it was set";
    EXPECT_EQ(
        next(lifecycle("<Prefix>dir/</Prefix><Expiration><Date>2028-01-01T00:00:00Z</Date></Expiration>"),
             one),
        "expire 1 2028-01-01T00:00:00Z");
}

TEST(LifecycleRules, ConcernWhatTheirFilterSays) {
    Versions one = {version("1", "2027-03-01T00:00:00Z", 500'000)};
    one[0].attributes.tags = {{"kind", "log"}};
    auto with = [&](const std::string& filter) {
        return next(lifecycle("<Filter>" + filter + "</Filter><Expiration><Days>1</Days></Expiration>"),
                    one) != "nothing";
    };
    EXPECT_TRUE(with(""));
    EXPECT_FALSE(with("<Prefix>other/</Prefix>"));
    EXPECT_TRUE(with("<Tag><Key>kind</Key><Value>log</Value></Tag>"));
    EXPECT_FALSE(with("<Tag><Key>kind</Key><Value>data</Value></Tag>"));
    EXPECT_TRUE(with("<ObjectSizeGreaterThan>499999</ObjectSizeGreaterThan>"));
    EXPECT_FALSE(with("<ObjectSizeGreaterThan>500000</ObjectSizeGreaterThan>"));
    EXPECT_FALSE(with("<And><Prefix>dir/</Prefix><ObjectSizeLessThan>500000</ObjectSizeLessThan></And>"));
    Lifecycle disabled = lifecycle(kExpire);
    disabled.rules[0].enabled = false;
    EXPECT_EQ(next(disabled, one), "nothing");
}

TEST(LifecycleRules, MoveDownOnly) {
    std::string moves =
        "<Filter/><Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"
        "<Transition><Days>0</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>";
    Versions one = {version("1", "2027-03-01T00:00:00Z")};
    std::optional<LifecycleAction> action =
        next_action(lifecycle(moves), "k", one, at("2028-01-01T00:00:00Z"));
    ASSERT_TRUE(action);
    EXPECT_EQ(action->to, StorageClass::deep_archive) << "the furthest of those that are due";
    one[0].attributes.storage_class = StorageClass::deep_archive;
    EXPECT_EQ(next(lifecycle(moves), one), "nothing");
    Versions small = {version("1", "2027-03-01T00:00:00Z", 100'000)};
    EXPECT_EQ(next(lifecycle(moves), small), "nothing");
    Lifecycle varies = lifecycle(moves);
    varies.moves_small_archives = true;
    EXPECT_EQ(next(varies, small), "move 1 2027-03-01T00:00:00Z");
}

TEST(LifecycleRules, KeepNewerVersionsAndWaitForLocks) {
    Lifecycle keep_one = lifecycle(
        "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
        "<NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>");
    Versions versions = {version("1", "2027-03-01T00:00:00Z"), version("2", "2027-03-02T00:00:00Z"),
                         version("3", "2027-03-03T00:00:00Z")};
    EXPECT_EQ(next(keep_one, versions), "remove 1 2027-03-05T00:00:00Z")
        << "three days after 2 took its place";
    versions[0].attributes.retention = {RetentionMode::governance, at("2027-04-01T12:00:00Z")};
    EXPECT_EQ(next(keep_one, versions), "remove 1 2027-04-02T00:00:00Z");
    versions[0].attributes.legal_hold = true;
    EXPECT_EQ(next(keep_one, versions), "nothing");
}

TEST(LifecycleRules, RemoveMarkersThatHideNothing) {
    Version marker{.id = "m", .delete_marker = true, .created = at("2027-03-02T12:00:00Z")};
    Lifecycle lone = lifecycle(
        "<Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>");
    EXPECT_EQ(next(lone, {marker}), "remove m 2027-03-03T00:00:00Z");
    EXPECT_EQ(next(lone, {version("1", "2027-03-01T00:00:00Z"), marker}), "nothing");
}

TEST(LifecycleRules, AbortUploads) {
    Lifecycle abort = lifecycle(
        "<Filter><Prefix>dir/</Prefix></Filter>"
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></"
        "AbortIncompleteMultipartUpload>");
    Upload upload{.id = "u", .key = "dir/k", .initiated = at("2027-03-01T10:00:00Z")};
    EXPECT_EQ(abort_time(abort, upload), at("2027-03-09T00:00:00Z"));
    upload.key = "other";
    EXPECT_EQ(abort_time(abort, upload), std::nullopt);
}

TEST(LifecycleRules, RefuseWhatIsNone) {
    for (const char* rule :
         {"", "<Filter/>", "<Expiration><Days>1</Days></Expiration>", "<Filter/><Expiration/>",
          "<Filter/><Expiration><Days>x</Days></Expiration>",
          "<Filter/><Expiration><Days>0</Days></Expiration>",
          "<Filter/><Prefix>a</Prefix><Expiration><Days>1</Days></Expiration>",
          "<Filter/><Transition><Days>1</Days><StorageClass>STANDARD</StorageClass></Transition>",
          "<Filter/><Transition><Days>29</Days><StorageClass>ONEZONE_IA</StorageClass></Transition>",
          "<Filter/><Expiration><Date>2028-01-01T01:00:00Z</Date></Expiration>",
          "<Filter/><NoncurrentVersionExpiration/>"})
        EXPECT_THROW(lifecycle(rule), ApiError) << rule;
    EXPECT_THROW(Lifecycle::parse("<LifecycleConfiguration/>"), ApiError);
    EXPECT_THROW(Lifecycle::parse("<Lifecycle"), ApiError);
}

}  // namespace
}  // namespace icecore::sim::s3
