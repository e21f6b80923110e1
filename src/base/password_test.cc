#include "base/password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sched.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/error.h"
#include "base/file.h"

namespace icecore {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A process on a terminal of its own that asks for a password, and then says what it got.
class Asked {
  public:
    Asked() {
        int terminal = -1;
        child_ = forkpty(&terminal, nullptr, nullptr, nullptr);
        if (child_ == 0) ask();
        CHECK(child_ > 0);
        terminal_ = Fd(terminal);
        while (shown_.find("Word: ") == std::string::npos && read_some()) {
        }
        // What is typed ahead of that is shown, as it is at any prompt.
        termios now{};
        while (tcgetattr(terminal, &now) == 0 && (now.c_lflag & ECHO) != 0) sched_yield();
    }
    ~Asked() {
        if (child_ > 0) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
    }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

    /// All that the terminal showed, after `keys` were typed and the process ended.
    std::string after(const std::string& keys) {
        CHECK(write(terminal_.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
        while (read_some()) {
        }
        CHECK(waitpid(child_, nullptr, 0) == child_);
        child_ = -1;
        return shown_;
    }

  private:
    [[noreturn]] static void ask() {
        std::optional<std::string> word = read_password("Word: ");
        std::string length = word ? std::to_string(word->size()) : "no";
        std::string line = "got " + length + (word == "s3cret word" ? ", right\n" : "\n");
        ssize_t written = write(STDOUT_FILENO, line.data(), line.size());
        _exit(written < 0 ? 1 : 0);
    }
    bool read_some() {
        std::array<char, 256> buffer{};
        ssize_t count = read(terminal_.get(), buffer.data(), buffer.size());
        if (count > 0) shown_.append(buffer.data(), static_cast<std::size_t>(count));
        return count > 0;
    }

    pid_t child_ = -1;
    Fd terminal_;
    std::string shown_;
};

TEST(Password, IsNotShown) {
    Asked asked;
    std::string shown = asked.after("s3cret word\n");
    EXPECT_THAT(shown, HasSubstr("Word: "));
    EXPECT_THAT(shown, HasSubstr("got 11, right"));
    EXPECT_THAT(shown, Not(HasSubstr("s3cret")));
}

TEST(Password, MayBeEmptyOrRefused) {
    EXPECT_THAT(Asked().after("\n"), HasSubstr("got 0"));
    EXPECT_THAT(Asked().after("\x04"), HasSubstr("got no"));  // Ctrl-D
}

}  // namespace
}  // namespace icecore
