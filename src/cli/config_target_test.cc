#include <gmock/gmock.h>

#include "cli/config.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;

const std::string kBucket =
    "[[set]]\nname = \"home\"\ndata = \"/srv/data\"\nbackup = \"/srv/backup\"\n"
    "[set.target]\ntype = \"s3\"\nbucket = \"my-backups\"\n";

struct BadLine {
    std::string line;  ///< the eighth
    std::string message;
    std::string hint;
};

TEST(ConfigTarget, BadLinesAreNamed) {
    for (const BadLine& bad : std::vector<BadLine>{
             {"prefix = \"/a\"", "prefix: expected no slash at the beginning", ""},
             {"prefix = \"a//b\"",
              "prefix: expected names with single slashes between them, such as \"backups/attic\"", ""},
             {"path_style = 1", "path_style: expected a text in quotes, true or false", ""},
             {"path_style = \"yes\"", "path_style: expected \"auto\", true or false, not \"yes\"", ""},
             {"storage_class = \"deep\"",
              "storage_class: expected a storage class such as \"DEEP_ARCHIVE\", not \"deep\"", ""},
             {"hot_class = \"GLACIER\"",
              "hot_class: manifests and logs must be readable at once, and GLACIER is not",
              "leave it out, or \"STANDARD\""},
             {"sse = \"aes\"", "sse: expected \"AES256\", \"aws:kms\" or \"aws:kms:KEY\", not \"aes\"", ""},
             {"sse = \"aes256\"", "sse: expected \"AES256\", \"aws:kms\" or \"aws:kms:KEY\", not \"aes256\"",
              ""},
             {"sse = \"aws:kms:\"",
              "sse: expected \"AES256\", \"aws:kms\" or \"aws:kms:KEY\", not \"aws:kms:\"", ""},
             {"sse = \"aws:kmskey\"",
              "sse: expected \"AES256\", \"aws:kms\" or \"aws:kms:KEY\", not \"aws:kmskey\"", ""},
             {"sse = \"aws:kms:my key\"", "sse: \"my key\" cannot be a key's name",
              "expected its id, \"alias/NAME\", or its ARN"},
             {"part_size = \"5MiB\"", "part_size: expected 8MiB, 16MiB, 32MiB and so on up to 4GiB", ""},
             {"thaw_days = 0", "thaw_days: expected a whole number from 1 to 365", ""},
             {"storage_clas = \"GLACIER\"", "storage_clas: unknown key", "did you mean \"storage_class\"?"},
             {"object_lock = { mode = \"governance\" }", "object_lock: \"days\" is missing", ""},
             {"object_lock = { mode = \"hard\", days = 1 }",
              "object_lock.mode: expected \"governance\" or \"compliance\", not \"hard\"",
              "in compliance mode nobody can delete anything before its time, not even the account's "
              "owner"}}) {
        try {
            parse_config(kBucket + bad.line + "\n", "/c.toml");
            ADD_FAILURE() << "accepted: " << bad.line;
        } catch (const UsageError& error) {
            EXPECT_EQ(error.message(), "/c.toml:8: set.target." + bad.message);
            EXPECT_EQ(error.hint(), bad.hint) << bad.line;
        }
    }
}

TEST(ConfigTarget, BadBucketNames) {
    for (const char* name : {"ab", "192.168.0.1", "a..b", "-ab"}) {
        std::string text = kBucket;
        text.replace(text.find("my-backups"), 10, name);
        try {
            parse_config(text, "/c.toml");
            ADD_FAILURE() << "accepted: " << name;
        } catch (const UsageError& error) {
            EXPECT_THAT(error.message(), HasSubstr("/c.toml:7: set.target.bucket: "));
        }
    }
}

TEST(ConfigTarget, ABucket) {
    Config config =
        parse_config(kBucket +
                         "prefix = \"a/b/\"\n"
                         "region = \"eu-west-1\"\nstorage_class = \"GLACIER\"\nhot_class = \"STANDARD_IA\"\n"
                         "path_style = true\nsse = \"aws:kms:alias/key\"\npart_size = \"32MiB\"\n"
                         "object_lock = { mode = \"compliance\", days = 180 }\nthaw_days = 3\n",
                     "/c.toml");
    const engine::TargetOptions& target = config.sets.at(0).target;
    EXPECT_EQ(target.type, engine::TargetOptions::Type::s3);
    EXPECT_EQ(target.bucket, "my-backups");
    EXPECT_EQ(target.prefix, "a/b");
    EXPECT_EQ(target.aws.region, "eu-west-1");
    EXPECT_EQ(target.storage_class, "GLACIER");
    EXPECT_EQ(target.hot_class, "STANDARD_IA");
    EXPECT_EQ(target.path_style, true);
    EXPECT_EQ(target.sse, "aws:kms");
    EXPECT_EQ(target.kms_key, "alias/key");
    EXPECT_EQ(target.part_bytes_min, 32U << 20);
    EXPECT_EQ(target.thaw_days, 3U);
    ASSERT_TRUE(target.object_lock);
    EXPECT_EQ(target.object_lock->mode, engine::TargetOptions::ObjectLock::Mode::compliance);
    EXPECT_EQ(target.object_lock->days, 180U);
}

}  // namespace
}  // namespace icecore::cli
