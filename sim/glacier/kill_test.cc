#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>

#include "base/file.h"
#include "sim/glacier/api_test_util.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kM = 1 << 20;

/// Uploads and deletes until it is killed, and tells of each answer by a line: "kind id tree-hash".
[[noreturn]] void work(const std::string& dir, int out, unsigned seed) {
    TestApi api(dir);
    api.send("PUT", "/-/vaults/v");
    auto tell = [&](const std::string& line) { write_full(out, line + "\n"); };
    for (unsigned i = 0;; ++i) {
        std::string data = std::to_string(seed) + "/" + std::to_string(i);
        std::string archive = api.upload("v", data).header("x-amz-archive-id");
        tell("archive " + archive + " " + tree_hash_of(data));
        if (i % 3 == 0) {
            tell("deleting " + archive + " -");
            api.send("DELETE", "/-/vaults/v/archives/" + archive);
            tell("deleted " + archive + " -");
        }
        data += std::string(kM, 'x') + data;
        std::string id = api.initiate("v", kM);
        tell("upload " + id + " -");
        api.put_part("v", id, kM, data.substr(kM));
        tell("part " + id + " " + tree_hash_of(data.substr(kM)));
        api.put_part("v", id, 0, data.substr(0, kM));
        tell("completing " + id + " -");
        archive = api.complete("v", id, data).header("x-amz-archive-id");
        tell("archive " + archive + " " + tree_hash_of(data));
        std::string job = api.begin_job("v", {{"Type", "archive-retrieval"}, {"ArchiveId", archive}})
                              .header("x-amz-job-id");
        tell("job " + job + " -");
    }
}

/// What the killed process has answered: the last word on each id.
std::map<std::string, std::pair<std::string, std::string>> read_answers(const std::string& text) {
    std::map<std::string, std::pair<std::string, std::string>> out;
    std::istringstream lines(text);
    std::string kind;
    std::string id;
    std::string hash;
    while (lines >> kind >> id >> hash) out[id] = {kind, hash};
    return out;
}

/// Runs work() for `answers` lines, kills it with SIGKILL, and returns all it said.
std::string run_and_kill(const std::string& dir, unsigned seed, unsigned answers) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    Fd in(ends[0]);
    Fd out(ends[1]);
    pid_t child = fork();
    if (child == 0) {
        in.reset();
        work(dir, out.get(), seed);
    }
    out.reset();
    std::string said;
    char c = 0;
    for (unsigned lines = 0; lines < answers && read_full(in.get(), &c, 1) == 1; lines += c == '\n' ? 1 : 0)
        said += c;
    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
    while (read_full(in.get(), &c, 1) == 1) said += c;  // what it had said by then
    return said.substr(0, said.rfind('\n') + 1);
}

void expect_answers_hold(TestApi& api, const std::string& said) {
    for (const auto& [id, answer] : read_answers(said)) {
        const auto& [kind, hash] = answer;
        std::string path = "/-/vaults/v/multipart-uploads/" + id;
        if (kind == "archive") {
            TestReply job = api.begin_job("v", {{"Type", "archive-retrieval"}, {"ArchiveId", id}});
            ASSERT_EQ(job.status, 202) << id << job.body;
            Json described = api.send("GET", "/-/vaults/v/jobs/" + job.header("x-amz-job-id")).json();
            EXPECT_EQ(described["ArchiveSHA256TreeHash"], hash);
        } else if (kind == "deleted") {
            EXPECT_EQ(api.begin_job("v", {{"Type", "archive-retrieval"}, {"ArchiveId", id}}).status, 404);
        } else if (kind == "upload") {
            EXPECT_EQ(api.send("GET", path).status, 200);
        } else if (kind == "part") {
            Json parts = api.send("GET", path).json()["Parts"];
            ASSERT_GE(parts.size(), 1U);
            EXPECT_EQ(parts.back()["SHA256TreeHash"], hash);
        } else if (kind == "job") {
            EXPECT_EQ(api.send("GET", "/-/vaults/v/jobs/" + id).status, 200);
        }
    }
}

TEST(Kill, WhatWasAnsweredIsThereAfterIt) {
    TestDir dir;
    std::mt19937 random(7);
    std::uniform_int_distribution<unsigned> answers(1, 40);
    for (unsigned round = 0; round < 8; ++round) {
        std::string said = run_and_kill(dir.path(), round, answers(random));
        TestApi api(dir.path());
        expect_answers_hold(api, said);
    }
}

}  // namespace
}  // namespace icecore::sim::glacier
