#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/test_dir.h"

namespace icecore {
namespace {

using End = ProcessResult::End;

ProcessResult shell(const std::string& script, Process process = {}) {
    process.words = {"sh", "-c", script};
    return run_process(process);
}

TEST(Process, GivesStatusAndBothOutputs) {
    ProcessResult result = shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(result.end, End::exited);
    EXPECT_EQ(result.status, 3);
    EXPECT_FALSE(result.succeeded());
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
    EXPECT_EQ(result.text(1000), "ended with status 3");
    EXPECT_TRUE(shell("true").succeeded());
}

TEST(Process, WordsAreNotExpanded) {
    EXPECT_EQ(run_process({.words = {"printf", "%s", "$HOME `id` *\n"}}).out, "$HOME `id` *\n");
}

TEST(Process, ASignalIsTold) {
    ProcessResult result = shell("kill -TERM $$");
    EXPECT_EQ(result.end, End::signalled);
    EXPECT_EQ(result.status, SIGTERM);
}

TEST(Process, EatsMoreThanAPipeHoldsWhileItIsRead) {
    std::string input;
    for (int i = 0; i < 300'000; ++i) input += std::to_string(i) + '\n';
    ProcessResult result = shell("cat", {.input = input, .output_bytes_max = input.size()});
    EXPECT_TRUE(result.succeeded());
    EXPECT_TRUE(result.out == input);
    EXPECT_EQ(result.dropped_bytes, 0U);
}

TEST(Process, InputThatNobodyReadsIsNoSignal) {
    std::string input(4 << 20, 'x');
    EXPECT_TRUE(shell("exec <&-; exit 0", {.input = input}).succeeded());
    sigset_t pending;
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

TEST(Process, WithoutInputThereIsNone) {
    EXPECT_EQ(shell("wc -c").out, "0\n");
}

TEST(Process, KeepsTheBeginningOfALongOutput) {
    ProcessResult result = shell("yes | head -c 5000000; echo end >&2", {.output_bytes_max = 10});
    EXPECT_TRUE(result.succeeded());
    EXPECT_EQ(result.out, "y\ny\ny\ny\ny\n");
    EXPECT_EQ(result.err, "end\n");
    EXPECT_EQ(result.dropped_bytes, 5'000'000U - 10U);
}

TEST(Process, KillsOneThatPrintsTooMuch) {
    ProcessResult result = shell("yes", {.output_bytes_max = 1000, .kill_if_more = true});
    EXPECT_EQ(result.end, End::too_long);
}

TEST(Process, KillsOneWhoseTimeIsOverAndItsChildren) {
    TestDir dir;
    std::string fifo = dir.path("fifo");
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    Fd reader = open_file(fifo, O_RDONLY | O_NONBLOCK);
    ProcessResult result = shell("exec 3>'" + fifo + "'; sleep 1000 & sleep 1000", {.limit_ms = 200});
    EXPECT_EQ(result.end, End::time_over);
    EXPECT_EQ(result.text(200), "did not end within 1 s");
    // The fifo ends when nobody has it open for writing any more.
    fcntl(reader.get(), F_SETFL, 0);
    char byte = 0;
    EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST(Process, WhatItLeavesRunningIsNotWaitedFor) {
    ProcessResult result = shell("sleep 1000 & echo $!");
    EXPECT_TRUE(result.succeeded());
    EXPECT_EQ(::kill(std::stoi(result.out), SIGKILL), 0);
}

TEST(Process, VariablesAreAddedAndReplaced) {
    ::setenv("ICECORE_PROCESS_TEST", "old", 1);
    EXPECT_EQ(shell("echo \"$ICECORE_PROCESS_TEST $ADDED\"",
                    {.environment = {{"ICECORE_PROCESS_TEST", "new"}, {"ADDED", "a b"}}})
                  .out,
              "new a b\n");
    EXPECT_EQ(shell("echo \"$ICECORE_PROCESS_TEST\"").out, "old\n");
    ::unsetenv("ICECORE_PROCESS_TEST");
}

TEST(Process, BlockedAndIgnoredSignalsAreNotInherited) {
    sigset_t term;
    sigset_t before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, &before);
    ProcessResult result = shell("kill -TERM $$; exit 0");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(result.end, End::signalled);
}

TEST(Process, AMissingProgramIsAnError) {
    try {
        run_process({.words = {"/nowhere/program"}});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Error::Kind::not_found);
        EXPECT_NE(e.message().find("/nowhere/program"), std::string::npos);
    }
}

}  // namespace
}  // namespace icecore
