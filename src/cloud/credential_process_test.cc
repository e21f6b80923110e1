#include "cloud/credential_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/format.h"
#include "base/test_dir.h"
#include "cloud/shell_words.h"
#include "cloud/test_credentials.h"

namespace icecore::cloud {
namespace {

/// `sh SCRIPT` as a command.
struct CredentialProcessTest : testing::Test {
    TestDir dir;
    std::string script(const std::string& text) {
        std::ofstream(dir.path("script")) << text;
        return "sh " + dir.path("script");
    }
    std::string printing(const std::string& json) { return script("cat <<'END'\n" + json + "\nEND\n"); }
    Error failure(const std::string& text, std::int64_t limit_ms = 60'000) {
        return thrown_by([&] { run_credential_process(script(text), limit_ms); });
    }
};

TEST_F(CredentialProcessTest, TakesWhatItPrints) {
    Credentials got = run_credential_process(printing(
        R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-11-22T05:15:00+02:00"})"));
    EXPECT_EQ(got.access_key_id, "A");
    EXPECT_EQ(got.secret_access_key, "S");
    EXPECT_EQ(got.session_token, "T");
    EXPECT_EQ(got.expires, parse_utc("2026-11-22T03:15:00Z"));
}

TEST_F(CredentialProcessTest, KeysAloneDoNotExpire) {
    Credentials got = run_credential_process(
        printing(R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":null})"));
    EXPECT_EQ(got.session_token, "");
    EXPECT_FALSE(got.expires);
}

TEST_F(CredentialProcessTest, NothingIsExpanded) {
    std::string command = script(R"(printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"S"}' "$1")");
    EXPECT_EQ(run_credential_process(command + " '$HOME `id`; *'").access_key_id, "$HOME `id`; *");
}

TEST_F(CredentialProcessTest, StdinIsEmpty) {
    std::string json = R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"})";
    EXPECT_EQ(run_credential_process(script("cat; echo '" + json + "'")).access_key_id, "A");
}

TEST_F(CredentialProcessTest, WhatItSaysIsToldButNoSecret) {
    Error error = failure(
        "echo '{\"SecretAccessKey\": \"printed\"}'\n"
        "printf 'the session token has expired\\n\\033[31mkey=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' >&2\n"
        "exit 3");
    EXPECT_EQ(error.kind(), Error::Kind::denied);
    EXPECT_THAT(error.message(),
                testing::HasSubstr("sh failed with status 3: the session token has expired"));
    EXPECT_THAT(error.message(), testing::HasSubstr("key=(left out)"));
    EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("EXAMPLEKEY")));
    EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("printed")));
    EXPECT_THAT(error.message(), testing::Not(testing::HasSubstr("\033")));
}

TEST_F(CredentialProcessTest, FailuresAreTold) {
    EXPECT_THAT(failure("exit 1").message(), testing::HasSubstr("status 1: it said nothing"));
    EXPECT_THAT(failure("kill -9 $$").message(), testing::HasSubstr("signal 9"));
    EXPECT_THAT(failure("echo oops").message(), testing::HasSubstr("did not print JSON"));
    EXPECT_THAT(failure("echo '[1]'").message(), testing::HasSubstr("did not print JSON"));
    EXPECT_THAT(failure("echo '{\"Version\":\"1\"}'").message(), testing::HasSubstr("\"Version\": 1"));
    EXPECT_THAT(failure("echo '{\"Version\":2}'").message(), testing::HasSubstr("\"Version\": 1"));
    EXPECT_THAT(failure("echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":7}'").message(),
                testing::HasSubstr("SecretAccessKey is missing"));
    for (const char* time : {"\"soon\"", "17", "{}", "\"2026-11-22T03:15:00+0x:00\"", "\"+00:00\""})
        EXPECT_THAT(failure(format("echo '{{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\","
                                   "\"Expiration\":{}}}'",
                                   time))
                        .message(),
                    testing::HasSubstr("Expiration is not a time"))
            << time;
    Error absent = thrown_by([] { run_credential_process("/no/such/program x"); });
    EXPECT_EQ(absent.kind(), Error::Kind::denied);
    EXPECT_THAT(absent.message(), testing::HasSubstr("running /no/such/program: No such file"));
    EXPECT_EQ(thrown_by([] { run_credential_process("  "); }).kind(), Error::Kind::invalid);
    EXPECT_EQ(thrown_by([] { run_credential_process("x 'y"); }).kind(), Error::Kind::invalid);
}

TEST_F(CredentialProcessTest, EndlessOutputEndsIt) {
    EXPECT_THAT(failure("exec yes").message(), testing::HasSubstr("prints too much"));
}

TEST_F(CredentialProcessTest, EndlessTalkOnStderrIsLetPass) {
    std::string json = R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"})";
    std::string command = script("head -c 3000000 /dev/zero >&2; echo '" + json + "'");
    EXPECT_EQ(run_credential_process(command).access_key_id, "A");
}

/// It writes its pid, then hangs: with its output open, and with all closed.
TEST_F(CredentialProcessTest, AHangingProgramIsKilled) {
    for (const char* how : {"exec sleep 1000", "exec >&- 2>&-; exec sleep 1000"}) {
        Error error = failure(format("echo $$ > {}; {}", dir.path("pid"), how), 300);
        EXPECT_THAT(error.message(), testing::HasSubstr("sh did not end within 1 s"));
        pid_t pid = static_cast<pid_t>(std::stol("0" + read_file(dir.path("pid"))));
        if (pid > 0) {  // a loaded machine may not even have begun
            EXPECT_FALSE(path_exists(format("/proc/{}", pid)));
        }
        std::ofstream(dir.path("pid")) << "";
    }
}

/// A program that leaves an agent behind, which has its output open.
TEST_F(CredentialProcessTest, WhatItLeavesRunningIsNotWaitedFor) {
    std::string fifo = dir.path("fifo");
    std::string json = R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"})";
    std::string command = script(format("mkfifo {0}; cat {0} & echo '{1}'", fifo, json));
    EXPECT_EQ(run_credential_process(command).access_key_id, "A");
    std::ofstream(fifo) << "end";  // lets the one behind go
}

TEST(ShellWordsTest, Splits) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(split_words(""), Words{});
    EXPECT_EQ(split_words(" a\tb\n'c d'\"e\\\"\\f\" '' \\  #x"),
              (Words{"a", "b", "c de\"\\f", "", " ", "#x"}));
    for (const char* bad : {"'", "\"a", "a\\", "\"\\"})
        EXPECT_EQ(thrown_by([&] { split_words(bad); }).kind(), Error::Kind::invalid) << bad;
}

/// All texts of up to five characters that matter, as Python's shlex splits them: it writes the words of
/// each, and we do.
TEST(ShellWordsTest, SplitsAsPythonDoes) {
    TestDir dir;
    const std::string alphabet = "a '\"\\#";
    constexpr std::size_t kLength = 5;
    std::ofstream(dir.path("all.py")) << R"(
import itertools, shlex, sys
for n in range(6):
    for chars in itertools.product("a '\"\\#", repeat=n):
        try: print(shlex.split("".join(chars)))
        except ValueError: print("error")
)";
    std::string command = format("python3 {} > {}", dir.path("all.py"), dir.path("out"));
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "no python3";
    std::ifstream expected(dir.path("out"));
    auto python_repr = [](const std::vector<std::string>& words) {
        std::string out = "[";
        for (const std::string& word : words) {
            bool double_quotes = word.find('\'') != std::string::npos && word.find('"') == std::string::npos;
            out += (out.size() > 1 ? ", " : "") + std::string(double_quotes ? "\"" : "'");
            for (char c : word) {
                if (c == '\\' || (c == '\'' && !double_quotes)) out += '\\';
                out += c;
            }
            out += double_quotes ? "\"" : "'";
        }
        return out + "]";
    };
    std::size_t count = 0;
    for (std::size_t length = 0; length <= kLength; ++length) {
        std::size_t total = 1;
        for (std::size_t i = 0; i < length; ++i) total *= alphabet.size();
        for (std::size_t number = 0; number < total; ++number, ++count) {
            std::string text(length, ' ');
            for (std::size_t i = length, rest = number; i-- > 0; rest /= alphabet.size())
                text[i] = alphabet[rest % alphabet.size()];
            std::string ours;
            try {
                ours = python_repr(split_words(text));
            } catch (const Error&) {
                ours = "error";
            }
            std::string theirs;
            ASSERT_TRUE(std::getline(expected, theirs));
            ASSERT_EQ(ours, theirs) << text;
        }
    }
    EXPECT_EQ(count, 9331U);
}

}  // namespace
}  // namespace icecore::cloud
