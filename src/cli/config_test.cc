#include "cli/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/config_template.h"
#include "cli/test_io.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

const std::string kSet = "[[set]]\nname = \"home\"\ndata = \"/srv/data\"\nbackup = \"/srv/backup\"\n";

struct BadConfig {
    const char* text;
    const char* message;
    const char* hint;
};

/// Each text stands after the four lines of kSet, unless it begins with "!": then it stands alone.
class BadConfigs : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigs, AreNamedByFileLineAndKey) {
    std::string text = GetParam().text;
    text = text[0] == '!' ? text.substr(1) : kSet + text;
    try {
        parse_config(text, "/c.toml");
        FAIL() << "accepted: " << text;
    } catch (const UsageError& error) {
        EXPECT_EQ(error.message(), GetParam().message);
        EXPECT_EQ(error.hint(), GetParam().hint);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfigs,
    ::testing::Values(
        BadConfig{"compresion = \"none\"", "/c.toml:5: set.compresion: unknown key",
                  "did you mean \"compression\"?"},
        BadConfig{"zzzzzzzz = 1", "/c.toml:5: set.zzzzzzzz: unknown key",
                  "known keys: name, data, backup, snapshot, snapshot_size, exclude, ignore_files, "
                  "exclude_caches, exclude_nodump, "
                  "one_file_system, max_file_size, compression, volume_size, full_every, retries, target, "
                  "before, after, on_failure, hook_timeout, ping"},
        BadConfig{"\n[reprot]\n", "/c.toml:6: reprot: unknown key", "did you mean \"report\"?"},
        BadConfig{"[report]\nemial = \"a@b\"\n", "/c.toml:6: report.emial: unknown key",
                  "did you mean \"email\"?"},
        BadConfig{"[report]\nevery = 0\n",
                  "/c.toml:6: report.every: expected a whole number from 1 to 1000000", ""},
        BadConfig{"[report]\nevery = \"7\"\n",
                  "/c.toml:6: report.every: expected a whole number from 1 to 1000000", ""},
        BadConfig{"[report]\nsmtp = \"smtp://x\"\nsendmail = \"/s\"",
                  "/c.toml:7: report.sendmail: expected smtp or sendmail, not both", ""},
        BadConfig{"[report]\nsmtp = \"mail.example.org\"\n",
                  "/c.toml:6: report.smtp: expected smtp://HOST, smtp://HOST:PORT or smtps://HOST", ""},
        BadConfig{"[report]\nsmtp = \"smtp://a:b@x\"\n",
                  "/c.toml:6: report.smtp: no user or password in the URL: there are keys for them", ""},
        BadConfig{"[report]\nemail = \"a@b.c, Ann <b@b.c>\"\n",
                  "/c.toml:6: report.email: expected a mail address such as \"ann@example.org\"", ""},
        BadConfig{"[report]\nemail = \"a@b.c\\r\\nBcc: x@y.z\"\n",
                  "/c.toml:6: report.email: expected a mail address such as \"ann@example.org\"", ""},
        BadConfig{"[report]\nfrom = \"a@b.c, d@e.f\"\n", "/c.toml:6: report.from: expected one address", ""},
        BadConfig{"[report]\nstarttls = \"no\"\n",
                  "/c.toml:6: report.starttls: expected \"auto\" or \"required\"", ""},
        BadConfig{"[report]\nsmtp = \"smtp://x\"\nuser = \"ann\"\n",
                  "/c.toml:7: report.user: a login needs password_file or password_command, too", ""},
        BadConfig{"[report]\nuser = \"ann\"\npassword_file = \"/p\"\n",
                  "/c.toml:6: report.user: a login is for smtp only", ""},
        BadConfig{"[report]\npassword_file = \"/p\"\n",
                  "/c.toml:6: report.password_file: a password needs user, too", ""},
        BadConfig{"[report]\nuser = \"a\"\npassword_file = \"/p\"\npassword_command = \"p\"\n",
                  "/c.toml:8: report.password_command: expected password_file or password_command, not both",
                  ""},
        BadConfig{"[report]\npassword = \"secret\"\n", "/c.toml:6: report.password: unknown key",
                  "did you mean \"password_file\"?"},
        BadConfig{"[report]\ntimeout = \"2h\"\n",
                  "/c.toml:6: report.timeout: expected a span of at most an hour, such as \"2m\"", ""},
        BadConfig{"!report = 1\n", "/c.toml:1: report: expected a table, written [report]", ""},
        BadConfig{"!set = 1\n", "/c.toml:1: set: expected tables, written [[set]]", ""},
        BadConfig{"![set]\nname = \"a\"\n", "/c.toml:1: set: expected tables, written [[set]]", ""},
        BadConfig{"!\n", "/c.toml: no [[set]] in it", "see icecore.toml(5)"},
        BadConfig{"!\n[[set]]\ndata = \"/d\"\n", "/c.toml:2: set: \"name\" is missing", ""},
        BadConfig{"![[set]]\nname = \"a\"\nbackup = \"/b\"\n", "/c.toml:1: set: \"data\" is missing", ""},
        BadConfig{"![[set]]\nname = \"a\"\ndata = \"/b\"\n", "/c.toml:1: set: \"backup\" is missing", ""},
        BadConfig{"![[set]]\nname = \"\"\n", "/c.toml:2: set.name: expected a text that is not empty", ""},
        BadConfig{"![[set]]\nname = 7\n", "/c.toml:2: set.name: expected a text in quotes", ""},
        BadConfig{"![[set]]\nname = \"a/b\"\n",
                  "/c.toml:2: set.name: expected a name of letters, digits, '.', '_' and '-' only", ""},
        BadConfig{"![[set]]\nname = \".a\"\n", "/c.toml:2: set.name: a name cannot start with '.' or '-'",
                  ""},
        BadConfig{"![[set]]\nname = \"-a\"\n", "/c.toml:2: set.name: a name cannot start with '.' or '-'",
                  ""},
        BadConfig{"![[set]]\nname = \"a\"\ndata = \"d\"\n",
                  "/c.toml:3: set.data: expected an absolute path, not \"d\"", ""},
        BadConfig{"![[set]]\nname = \"a\"\ndata = \"/d\"\nbackup = \"~/b\"",
                  "/c.toml:4: set.backup: expected an absolute path, not \"~/b\"", ""},
        BadConfig{"volume_size = \"15MiB\"", "/c.toml:5: set.volume_size: expected at least 16.0 MiB", ""},
        BadConfig{"volume_size = \"big\"",
                  "/c.toml:5: set.volume_size: expected a size such as \"500MiB\" or \"1GiB\"", ""},
        BadConfig{"max_file_size = -1",
                  "/c.toml:5: set.max_file_size: expected a size such as \"500MiB\" or \"1GiB\"", ""},
        BadConfig{
            "full_every = \"often\"",
            "/c.toml:5: set.full_every: expected \"never\", a span such as \"90d\", or a count such as \"30 "
            "runs\"",
            ""},
        BadConfig{
            "full_every = \"0 runs\"",
            "/c.toml:5: set.full_every: expected \"never\", a span such as \"90d\", or a count such as \"30 "
            "runs\"",
            ""},
        BadConfig{"exclude = \"*.tmp\"",
                  "/c.toml:5: set.exclude: expected a list of texts, such as [\"*.tmp\", \"/cache/\"]", ""},
        BadConfig{"exclude = [1]",
                  "/c.toml:5: set.exclude: expected a list of texts, such as [\"*.tmp\", \"/cache/\"]", ""},
        BadConfig{"ignore_files = \"yes\"", "/c.toml:5: set.ignore_files: expected true or false", ""},
        BadConfig{"snapshot = \"zsf\"",
                  "/c.toml:5: set.snapshot: expected \"btrfs\", \"zfs\", \"lvm\" or \"none\"", ""},
        BadConfig{"snapshot = \"btrfs\"\nsnapshot_size = \"10%\"",
                  "/c.toml:6: set.snapshot_size: only with snapshot = \"lvm\"", ""},
        BadConfig{
            "snapshot = \"lvm\"\nsnapshot_size = \"101%\"",
            "/c.toml:6: set.snapshot_size: expected a part of the volume such as \"10%\", or a size such as "
            "\"5GiB\"",
            ""},
        BadConfig{
            "snapshot = \"lvm\"\nsnapshot_size = \"1MiB\"",
            "/c.toml:6: set.snapshot_size: expected a part of the volume such as \"10%\", or a size such as "
            "\"5GiB\"",
            ""},
        BadConfig{"one_file_system = 1", "/c.toml:5: set.one_file_system: expected true or false", ""},
        BadConfig{"retries = 101", "/c.toml:5: set.retries: expected a whole number from 0 to 100", ""},
        BadConfig{"[set.target]\ntype = \"s3\"", "/c.toml:5: set.target: \"bucket\" is missing", ""},
        BadConfig{
            "[set.target]\ntype = \"tape\"",
            "/c.toml:6: set.target.type: expected \"s3\", \"dir\", \"glacier\" or \"none\", not \"tape\"",
            ""},
        BadConfig{"[set.target]\ntype = \"dir\"", "/c.toml:5: set.target: \"path\" is missing", ""},
        BadConfig{"[set.target]\ntype = \"dir\"\npath = \"mnt\"",
                  "/c.toml:7: set.target.path: expected an absolute path, not \"mnt\"", ""},
        BadConfig{"[set.target]\ntype = \"dir\"\npath = \"/mnt\"\nupload_limit = 0",
                  "/c.toml:8: set.target.upload_limit: expected bytes a second, such as \"2MiB\", not 0", ""},
        BadConfig{"[set.target]\ntype = \"dir\"\npath = \"/mnt\"\nlimit = 1",
                  "/c.toml:8: set.target.limit: unknown key",
                  "known keys: type, path, host, poll_interval, upload_limit"},
        BadConfig{"[set.target]\ntype = \"none\"\npath = \"/mnt\"", "/c.toml:7: set.target.path: unknown key",
                  "known keys: type"},
        BadConfig{
            "[set.target]\ntype = \"dir\"\npath = \"/srv/data/../data/usb\"",
            "/c.toml:7: set.target.path: \"/srv/data/usb\" and the set's data directory \"/srv/data\" lie "
            "inside each other",
            "choose a directory of its own, best on another disk or machine"},
        BadConfig{
            "[set.target]\ntype = \"dir\"\npath = \"/\"",
            "/c.toml:7: set.target.path: \"/\" and the set's data directory \"/srv/data\" lie inside each "
            "other",
            "choose a directory of its own, best on another disk or machine"},
        BadConfig{
            "[set.target]\ntype = \"dir\"\npath = \"/srv/backup\"",
            "/c.toml:7: set.target.path: \"/srv/backup\" and the set's backup directory \"/srv/backup\" lie "
            "inside each other",
            "choose a directory of its own, best on another disk or machine"},
        BadConfig{"[set.target]\nbucket = \"x\"", "/c.toml:5: set.target: \"type\" is missing", ""},
        BadConfig{"[set.target]\ntype = \"none\"\nbucket = \"x\"",
                  "/c.toml:7: set.target.bucket: unknown key", "known keys: type"},
        BadConfig{"target = 1", "/c.toml:5: set.target: expected a table, written [set.target]", ""},
        BadConfig{"[[set]]\nname = \"home\"\ndata = \"/x\"\nbackup = \"/y\"",
                  "/c.toml:6: set.name: there are two sets \"home\"", ""},
        BadConfig{"[[set]]\nname = \"b\"\ndata = \"/x\"\nbackup = \"/srv/./backup/\"",
                  "/c.toml:8: set.backup: set \"home\" has the same backup directory",
                  "give each set a backup directory of its own"}));

TEST(Config, BadCompressionNamesTheLine) {
    try {
        parse_config(kSet + "compression = \"lzma\"\n", "/c.toml");
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_THAT(error.message(), StartsWith("/c.toml:5: set.compression: "));
    }
}

/// The parser would overflow the stack.
TEST(Config, AKeyOfManyPartsIsRefused) {
    std::string key = "a";
    for (int i = 0; i < 50'000; ++i) key += ".a";
    for (const std::string& line : {key + " = 1\n", "[" + key + "]\n", "x = {" + key + " = 1}\n"}) {
        try {
            parse_config(kSet + line, "/c.toml");
            FAIL();
        } catch (const UsageError& error) {
            EXPECT_EQ(error.message(), "/c.toml:5: more than 1000 dots in a line");
        }
    }
    std::string patterns = "exclude = [";
    for (int i = 0; i < 1000; ++i) patterns += "\"*.x\", ";
    EXPECT_EQ(parse_config(kSet + patterns + "]\n", "/c.toml").sets.size(), 1U);
}

TEST(Config, AFileThatIsNoneIsNotReadToItsEnd) {
    try {
        load_config("/dev/zero");
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_THAT(error.message(), ::testing::HasSubstr("/dev/zero is longer than 1048576 bytes"));
    }
}

TEST(Config, BadTomlNamesTheLine) {
    try {
        parse_config(kSet + "exclude = [\n", "/c.toml");
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_THAT(error.message(), ::testing::MatchesRegex("/c.toml:[56]: .*"));
    }
}

TEST(Config, ReadsSnapshots) {
    auto read = [](const std::string& lines) {
        return parse_config(kSet + lines, "/c.toml").sets[0].snapshot;
    };
    EXPECT_EQ(read("").kind, snapshot::Kind::none);
    EXPECT_EQ(read("snapshot = \"none\"\n").kind, snapshot::Kind::none);
    EXPECT_EQ(read("snapshot = \"zfs\"\n").kind, snapshot::Kind::zfs);
    snapshot::Options lvm = read("snapshot = \"lvm\"\n");
    EXPECT_EQ(lvm.kind, snapshot::Kind::lvm);
    EXPECT_EQ(lvm.room_percent, 10U);
    EXPECT_EQ(lvm.room_bytes, 0U);
    EXPECT_EQ(read("snapshot = \"lvm\"\nsnapshot_size = \"25%\"\n").room_percent, 25U);
    EXPECT_EQ(read("snapshot = \"lvm\"\nsnapshot_size = \"5GiB\"\n").room_bytes, 5ULL << 30);
}

TEST(Config, ReadsEveryKey) {
    Config config =
        parse_config(kSet +
                         "exclude = [\"*.tmp\", \"/cache/\"]\nignore_files = false\n"
                         "exclude_caches = false\nexclude_nodump = false\none_file_system = true\n"
                         "max_file_size = \"10GiB\"\nretries = 0\ncompression = \"gzip:6\"\n"
                         "volume_size = 16777216\nfull_every = \"30 runs\"\n"
                         "[set.target]\ntype = \"none\"\n"
                         "[[set]]\nname = \"b-2.x_Y\"\ndata = \"/d/\"\nbackup = \"/b//c\"\n"
                         "full_every = \"90d\"\n"
                         "[set.target]\ntype = \"dir\"\npath = \"/mnt/usb/\"\nupload_limit = \"2MiB\"\n"
                         "[report]\nemail = \"a@example.org\"\nevery = 3\nsmtp = \"smtp://l:25\"\n",
                     "/c.toml");
    ASSERT_EQ(config.sets.size(), 2U);
    const engine::SetOptions& set = config.sets[0];
    EXPECT_THAT(set.filters.exclude, ElementsAre("*.tmp", "/cache/"));
    EXPECT_FALSE(set.filters.ignore_files || set.filters.exclude_caches || set.filters.exclude_nodump);
    EXPECT_TRUE(set.filters.one_file_system);
    EXPECT_EQ(set.filters.max_file_size_bytes, 10ULL << 30);
    EXPECT_EQ(set.retries, 0U);
    EXPECT_EQ(set.compression, (archive::Compression{archive::Compression::Method::gzip, 6}));
    EXPECT_EQ(set.volume_bytes_max, 16ULL << 20);
    EXPECT_EQ(set.full_every.runs, 30U);
    EXPECT_FALSE(set.full_every.seconds);
    EXPECT_EQ(config.sets[1].data_dir, "/d");
    EXPECT_EQ(config.sets[1].backup_dir, "/b/c");
    EXPECT_EQ(config.sets[1].full_every.seconds, 90 * 86400);
    EXPECT_EQ(set.target.type, engine::TargetOptions::Type::none);
    EXPECT_EQ(config.sets[1].target.type, engine::TargetOptions::Type::dir);
    EXPECT_EQ(config.sets[1].target.directory, "/mnt/usb");
    EXPECT_EQ(config.sets[1].target.upload_bytes_per_second, 2ULL << 20);
    EXPECT_EQ(config.report.to, std::vector<std::string>{"a@example.org"});
    EXPECT_EQ(config.report.every, 3U);
    EXPECT_EQ(config.report.smtp, "smtp://l:25");
}

TEST(Config, DefaultsAreTheEngines) {
    Config config = parse_config(kSet, "/c.toml");
    engine::SetOptions defaults;
    EXPECT_EQ(config.sets[0].compression, defaults.compression);
    EXPECT_EQ(config.sets[0].volume_bytes_max, defaults.volume_bytes_max);
    EXPECT_EQ(config.sets[0].retries, defaults.retries);
    EXPECT_TRUE(config.sets[0].filters.ignore_files);
    EXPECT_FALSE(config.sets[0].filters.max_file_size_bytes);
}

TEST(Config, TemplateParsesBackToItsAnswers) {
    InitAnswers answers{.name = "home",
                        .data_dir = "/srv/d\"a\\t\n\xc3\xa9",
                        .backup_dir = "/srv/b",
                        .exclude = {"*.tmp", "\\#x", "[a,b]"},
                        .compression = "gzip:9",
                        .volume_size = "2GiB",
                        .target = "type = \"dir\"\npath = " + toml_string("/mnt/u\"sb") + "\n"};
    Config config = parse_config(config_template(answers), "/c.toml");
    const engine::SetOptions& set = config.sets.at(0);
    EXPECT_EQ(set.name, answers.name);
    EXPECT_EQ(set.data_dir, answers.data_dir);
    EXPECT_EQ(set.backup_dir, answers.backup_dir);
    EXPECT_EQ(set.filters.exclude, answers.exclude);
    EXPECT_EQ(archive::to_string(set.compression), "gzip:9");
    EXPECT_EQ(set.volume_bytes_max, 2ULL << 30);
    EXPECT_EQ(set.target.type, engine::TargetOptions::Type::dir);
    EXPECT_EQ(set.target.directory, "/mnt/u\"sb");
    answers.target.clear();
    EXPECT_EQ(parse_config(config_template(answers), "/c.toml").sets.at(0).target.type,
              engine::TargetOptions::Type::none);
}

TEST(FindConfig, NamedFilesWinOverDefaults) {
    TempDir dir;
    TestProgram program;
    program.io.cwd = "/here";
    program.environment["HOME"] = dir.path();
    EXPECT_THAT(default_config_paths(program.io),
                ElementsAre(dir / ".config/icecore/icecore.toml", "/etc/icecore/icecore.toml"));
    write_text(dir / ".config/icecore/icecore.toml", "");
    EXPECT_EQ(find_config(program.io, ""), dir / ".config/icecore/icecore.toml");
    write_text(dir / "xdg/icecore/icecore.toml", "");
    program.environment["XDG_CONFIG_HOME"] = dir / "xdg";
    EXPECT_EQ(find_config(program.io, ""), dir / "xdg/icecore/icecore.toml");
    program.environment["ICECORE_CONFIG"] = "named.toml";
    EXPECT_EQ(find_config(program.io, ""), "/here/named.toml");
    EXPECT_EQ(find_config(program.io, "../x.toml"), "/x.toml");
}

}  // namespace
}  // namespace icecore::cli
