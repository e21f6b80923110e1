#include "report/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/process.h"

namespace icecore::report {
namespace {

using testing::HasSubstr;
using testing::Not;

RunFacts facts(const std::string& set, std::int64_t finished_sec) {
    RunFacts facts;
    facts.set = set;
    facts.started = {finished_sec - 2, 500'000'000};
    facts.finished = {finished_sec, 0};
    facts.result = RunFacts::Result::done;
    facts.header.emplace();
    facts.header->run = 7;
    facts.trailer.counts.files = 12;
    facts.trailer.counts.stored_bytes = 1'234'567'890'123;
    return facts;
}

RunFacts failure(const std::string& set, std::int64_t finished_sec) {
    RunFacts facts;
    facts.set = set;
    facts.started = facts.finished = {finished_sec, 0};
    facts.exit_status = 1;
    facts.error = "no data directory";
    return facts;
}

/// With the set of the run and some others in the configuration.
std::string text_after(std::string_view before, const RunFacts& facts) {
    return metrics_text(before, {"home", "a", "b", facts.set}, facts);
}

TEST(Metrics, TellARun) {
    std::string text = text_after("", facts("home", 1'800'000'000));
    EXPECT_THAT(text,
                HasSubstr("# HELP icecore_last_success_timestamp_seconds When the last run ended that made "
                          "an archive.\n# TYPE icecore_last_success_timestamp_seconds gauge\n"
                          "icecore_last_success_timestamp_seconds{set=\"home\"} 1800000000\n"));
    EXPECT_THAT(text, HasSubstr("icecore_last_exit_status{set=\"home\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("icecore_last_duration_seconds{set=\"home\"} 1.500\n"));
    EXPECT_THAT(text, HasSubstr("icecore_last_stored_bytes{set=\"home\"} 1234567890123\n"));
    EXPECT_THAT(text, Not(HasSubstr("icecore_waiting_files")));  // it has no target
}

TEST(Metrics, AFailureKeepsTheLastSuccess) {
    std::string text =
        text_after(text_after("", facts("home", 1'800'000'000)), failure("home", 1'800'086'400));
    EXPECT_THAT(text, HasSubstr("icecore_last_run_timestamp_seconds{set=\"home\"} 1800086400\n"));
    EXPECT_THAT(text, HasSubstr("icecore_last_success_timestamp_seconds{set=\"home\"} 1800000000\n"));
    EXPECT_THAT(text, HasSubstr("icecore_last_exit_status{set=\"home\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("icecore_files{set=\"home\"} 12\n"));
    EXPECT_THAT(text, Not(HasSubstr("icecore_last_stored_bytes")));
    EXPECT_THAT(text_after("", failure("home", 5)), Not(HasSubstr("icecore_last_success")));
}

TEST(Metrics, OtherSetsStay) {
    std::string text = text_after("", facts("a", 1'800'000'000));
    text = text_after(text, facts("b", 1'800'000'001));
    text = text_after(text, facts("b", 1'800'000'002));
    EXPECT_THAT(text, HasSubstr("gauge\nicecore_last_run_timestamp_seconds{set=\"a\"} 1800000000\n"
                                "icecore_last_run_timestamp_seconds{set=\"b\"} 1800000002\n"));
}

TEST(Metrics, SetsThatAreGoneGo) {
    std::string text = text_after("", facts("was \"odd\"", 1'800'000'000));
    text = text_after(text, facts("a", 1'800'000'001));
    EXPECT_EQ(text, text_after("", facts("a", 1'800'000'001)));
    EXPECT_EQ(metrics_text(text, {"renamed"}, facts("renamed", 5)),
              metrics_text("", {"renamed"}, facts("renamed", 5)));
}

TEST(Metrics, WhateverTheFileHeldTheNextIsSound) {
    for (const char* before :
         {"garbage", "{set=\"", "icecore_files{set=\"} 1\n", "\"} {set=\"x\n", "other{set=\"x\"} 5\n"})
        EXPECT_EQ(text_after(before, facts("home", 5)), text_after("", facts("home", 5))) << before;
}

TEST(Metrics, NamesAreData) {
    RunFacts odd = facts("a\"} 1\nicecore_files{set=\"b\\", 5);
    std::string text = text_after("", odd);
    EXPECT_THAT(text, HasSubstr("icecore_files{set=\"a\\\"} 1\\nicecore_files{set=\\\"b\\\\\"} 12\n"));
    EXPECT_EQ(text_after(text, odd), text);
}

TEST(Metrics, PrometheusClientReadsThem) {
    constexpr const char* kRead = R"(
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.type == "gauge" and family.documentation, family
    for sample in family.samples:
        if sample.name == "icecore_last_run_timestamp_seconds":
            print(repr(sample.labels["set"]), int(sample.value))
)";
    std::string text = text_after(text_after("", facts("home", 1'800'000'000)), facts("b\"\\\n", 5));
    ProcessResult result = run_process({.words = {"/usr/bin/python3", "-c", kRead}, .input = text});
    if (result.err.find("No module named 'prometheus_client'") != std::string::npos)
        GTEST_SKIP() << "needs the package python3-prometheus-client";
    EXPECT_TRUE(result.succeeded()) << result.err;
    EXPECT_EQ(result.out, "'b\"\\\\\\n' 5\n'home' 1800000000\n");
}

}  // namespace
}  // namespace icecore::report
