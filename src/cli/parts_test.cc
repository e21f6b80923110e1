// The small parts: suggestions, WHEN, paths, tables, the progress line, printable text, renames in a diff.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/format.h"
#include "base/json_document.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/progress_line.h"
#include "cli/rename_pairs.h"
#include "cli/set_status.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/test_io.h"
#include "cli/usage_error.h"
#include "cli/when.h"

namespace icecore::cli {
namespace {

using ::testing::HasSubstr;

TEST(Suggest, CountsEdits) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("abc", "abc"), 0U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("bakcup", "backup"), 1U);
}

TEST(Suggest, OffersOnlyWhatIsClose) {
    std::vector<std::string> words{"backup", "restore", "list", "ls"};
    EXPECT_EQ(closest("bakcup", words), "backup");
    EXPECT_EQ(closest("rest", words), "restore");
    EXPECT_EQ(closest("lst", words), "list");
    EXPECT_EQ(closest("frobnicate", words), "");
    EXPECT_EQ(closest(std::string(1000, 'x'), words), "");
}

catalog::Run make_run(catalog::RunNumber number, std::string_view started) {
    catalog::Run run;
    run.header.run = number;
    run.header.started = parse_utc(started).value();
    return run;
}

class When : public ::testing::Test {
  protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
    }
    std::vector<catalog::Run> runs_{make_run(2, "2026-11-18T03:15:00Z"), make_run(3, "2026-11-19T03:15:00Z"),
                                    make_run(5, "2026-11-20T14:00:05Z"), make_run(6, "2026-11-22T03:15:00Z")};
    Timestamp now_ = parse_utc("2026-11-23T03:00:00Z").value();
};

TEST_F(When, MeansTheNewestRunAtOrBefore) {
    struct Case {
        const char* text;
        catalog::RunNumber run;
    };
    for (Case c : std::initializer_list<Case>{{"", 6},
                                              {"latest", 6},
                                              {"2", 2},
                                              {"5", 5},
                                              {"0005", 5},
                                              {"2026-11-20", 5},
                                              {"2026-11-19", 3},
                                              {"2026-11-21", 5},
                                              {"2026-11-20 14:00", 3},
                                              {"2026-11-20 14:00:05", 5},
                                              {"2026-11-20T14:01", 5},
                                              {"2026-11-20T14:00:04Z", 3},
                                              {"20261120T140005Z", 5},
                                              {"1h", 6},
                                              {"3d", 3},
                                              {"4d", 2},
                                              {"0s", 6}}) {
        EXPECT_EQ(resolve_when(c.text, runs_, now_).number(), c.run) << c.text;
    }
}

TEST_F(When, LocalTimesAreLocal) {
    setenv("TZ", "EST5", 1);
    tzset();
    EXPECT_EQ(resolve_when("2026-11-19 22:14", runs_, now_).number(), 3U);
    EXPECT_EQ(resolve_when("2026-11-20 09:01", runs_, now_).number(), 5U);
}

TEST_F(When, RefusesWhatMeansNoRun) {
    auto message = [&](std::string_view text) {
        try {
            resolve_when(text, runs_, now_);
        } catch (const UsageError& error) {
            return "usage: " + error.message();
        } catch (const Error& error) {
            return error.message();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(message("4"), "no run 4");
    EXPECT_EQ(message("0"), "no run 0");
    EXPECT_EQ(message("99999999999999999999"), "no run 99999999999999999999");
    EXPECT_EQ(message("2026-11-17"),
              "no run at or before 2026-11-17 23:59:59; the first is run 2 of 2026-11-18 03:15:00");
    EXPECT_EQ(message("1w"),
              "no run at or before 2026-11-16 03:00:00; the first is run 2 of 2026-11-18 03:15:00");
    for (const char* bad : {"yesterday", "-1", "2026-13-01", "3", "3x", "latest ", "\x1b[2J"}) {
        if (std::string_view(bad) == "3") continue;
        EXPECT_THAT(message(bad), HasSubstr("usage: cannot tell which run")) << bad;
    }
    runs_.clear();
    EXPECT_EQ(message("latest"), "no run yet");
}

TEST(DataPath, NormalisesPathsInsideTheDataDirectory) {
    struct Case {
        const char* text;
        const char* path;
    };
    for (Case c : std::initializer_list<Case>{{".", ""},
                                              {"./", ""},
                                              {"a", "a"},
                                              {"a/", "a"},
                                              {"./a//b/./c/", "a/b/c"},
                                              {"..a/b..", "..a/b.."},
                                              {"[a,b]", "[a,b]"},
                                              {"/srv/data", ""},
                                              {"/srv//data/", ""},
                                              {"/srv/data/a/b", "a/b"}}) {
        EXPECT_EQ(data_path(c.text, "/srv/data"), c.path) << c.text;
    }
    EXPECT_EQ(data_path("/etc/x", "/"), "etc/x");
    for (const char* bad : {"", "..", "a/../b", "/srv/data/../x", "/srv/data2", "/srv", "/"}) {
        EXPECT_THROW(data_path(bad, "/srv/data"), UsageError) << bad;
    }
}

TEST(AbsolutePath, StartsAtTheWorkingDirectory) {
    EXPECT_EQ(absolute_path("a/../b/.", "/home/x"), "/home/x/b");
    EXPECT_EQ(absolute_path("..", "/home/x"), "/home");
    EXPECT_EQ(absolute_path("/a//b/", "/home/x"), "/a/b");
    EXPECT_EQ(absolute_path("../../../..", "/home/x"), "/");
}

TEST(Table, AlignsColumnsByCharacters) {
    using enum Table::Align;
    Table table({{"RUN", right}, {"NAME"}, {"SIZE", right}});
    table.row({"1", "caf\xc3\xa9", "10 B"});
    table.gap();
    table.row({"1234", "x", ""});
    EXPECT_EQ(table.text(),
              " RUN  NAME  SIZE\n"
              "   1  caf\xc3\xa9  10 B\n"
              "\n"
              "1234  x\n");
}

TEST(Printable, LeavesNoControlCharacters) {
    EXPECT_EQ(printable("a\x1b[0m\n\x7f\xff \xc3\xa9 \\x0a"), "a\\x1b[0m\\x0a\\x7f\\xff \xc3\xa9 \\x0a");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as a C1 control
    EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
    EXPECT_EQ(shown_path("a\\b\xc2\x9b"), "a\\x5cb\\xc2\\x9b");
}

TEST(ModeText, IsAsInLs) {
    FileStat stat;
    stat.mode = 0644;
    EXPECT_EQ(mode_text(stat), "-rw-r--r--");
    stat.type = FileType::directory;
    stat.mode = 01777;
    EXPECT_EQ(mode_text(stat), "drwxrwxrwt");
    stat.mode = 07000;
    EXPECT_EQ(mode_text(stat), "d--S--S--T");
    stat.mode = 06711;
    EXPECT_EQ(mode_text(stat), "drws--s--x");
}

class ProgressLineTest : public ::testing::Test {
  protected:
    engine::Progress progress_{.phase = engine::Progress::Phase::packing,
                               .files = 1000,
                               .bytes = 0,
                               .files_total = 4000,
                               .bytes_total = 400 << 20,
                               .stored_bytes = 0};
    std::ostringstream out_;
    FakeClock clock_;
};

TEST_F(ProgressLineTest, ShowsRateRatioAndTimeLeft) {
    ProgressLine line(out_, clock_, 100);
    line.update(progress_);
    EXPECT_EQ(out_.str(), "\rpacking  1,000/4,000 files  0 B/400 MiB");
    out_.str({});
    clock_.advance_ns(10'000'000'000);
    progress_.bytes = 100 << 20;
    progress_.stored_bytes = 40 << 20;
    line.update(progress_);
    EXPECT_EQ(out_.str(), "\rpacking  1,000/4,000 files  100 MiB/400 MiB  10.0 MiB/s  2.5:1  30 s left");
}

TEST_F(ProgressLineTest, DrawsAtMostTenTimesASecond) {
    ProgressLine line(out_, clock_, 80);
    for (int i = 0; i < 1000; ++i) {  // one second
        line.update(progress_);
        clock_.advance_ns(1'000'000);
    }
    std::string text = out_.str();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10);
}

TEST_F(ProgressLineTest, CoversWhatItWasAndErasesItself) {
    std::string text;
    {
        ProgressLine line(out_, clock_, 80);
        line.update(progress_);
        clock_.advance_ns(200'000'000);
        line.update({.phase = engine::Progress::Phase::finishing});
        text = out_.str();
        EXPECT_THAT(text, HasSubstr("\rfinishing  0 files  0 B       "));
        EXPECT_EQ(text.size() % 2, 0U);  // both drawings are equally long
        out_.str({});
    }
    EXPECT_EQ(out_.str(), "\r" + std::string(23, ' ') + "\r");
}

TEST_F(ProgressLineTest, NeverFillsTheLastColumn) {
    for (unsigned width : {0U, 20U, 30U, 40U}) {
        out_.str({});
        ProgressLine line(out_, clock_, width);
        line.update(progress_);
        EXPECT_LE(out_.str().size(), std::max(width, 20U)) << width;  // with the carriage return
    }
}

TEST_F(ProgressLineTest, WarningsStandAboveIt) {
    Messages messages(out_);
    TerminalObserver observer(out_, clock_, 80, true, messages);
    observer.progress({.phase = engine::Progress::Phase::scanning, .files = 1});
    observer.warning("cannot read a\nb");
    EXPECT_EQ(out_.str(), "\rscanning  1 files  0 B\r" + std::string(22, ' ') +
                              "\ricecore: warning: cannot read a\\x0ab\n");
}

TEST_F(ProgressLineTest, EventsAreLinesOfJson) {
    Messages messages(out_);
    messages.style = Messages::Style::events;
    TerminalObserver observer(out_, clock_, 80, false, messages);
    observer.progress({.phase = engine::Progress::Phase::scanning, .files = 1});
    observer.progress({.phase = engine::Progress::Phase::scanning, .files = 2});  // too soon
    clock_.advance_ns(TerminalObserver::kEventIntervalNs);
    observer.progress({.phase = engine::Progress::Phase::scanning, .files = 3});
    observer.progress({.phase = engine::Progress::Phase::packing, .bytes_total = 5});  // a phase begins
    observer.warning("cannot read a\n\"b\"");
    messages.error("no", "try");
    std::vector<std::string> told;
    std::istringstream lines(out_.str());
    for (std::string line; std::getline(lines, line);) {
        Json event = parse_json(line);
        told.push_back(event["event"].get<std::string>() +
                       (event.contains("files") ? event["files"].dump() + event["bytes_total"].dump()
                                                : event["message"].get<std::string>()) +
                       event.value("hint", ""));
    }
    EXPECT_EQ(told, (std::vector<std::string>{"progress10", "progress30", "progress05",
                                              "warningcannot read a\\x0a\"b\"", "errornotry"}));
}

TEST(MonthlyCost, IsRoundedUnlessItIsNextToNothing) {
    EXPECT_EQ(monthly_cost_text(1.0166), "about 1.02 USD a month (prices of us-east-1, 2026-09-26)");
    EXPECT_EQ(monthly_cost_text(0.0001), "less than 0.01 USD a month (prices of us-east-1, 2026-09-26)");
    EXPECT_EQ(monthly_cost_text(0), "about 0.00 USD a month (prices of us-east-1, 2026-09-26)");
}

TEST_F(ProgressLineTest, TheJournalIsToldPriorities) {
    Messages messages(out_);
    messages.style = Messages::Style::journal;
    messages.error("one\ntwo", "a hint");
    messages.warning("w");
    messages.note("n");
    EXPECT_EQ(out_.str(), "<3>error: one\\x0atwo\n<3>hint: a hint\n<4>warning: w\n<6>n\n");
}

TEST_F(ProgressLineTest, NothingWithoutATerminal) {
    Messages messages(out_);
    messages.quiet = true;
    TerminalObserver observer(out_, clock_, 80, false, messages);
    observer.progress(progress_);
    observer.warning("x");
    observer.finish();
    EXPECT_EQ(out_.str(), "");
}

catalog::Difference make_difference(catalog::Difference::What what, const std::string& path,
                                    const std::string& content) {
    catalog::Entry entry;
    entry.stat.size = content.size();
    entry.sha256 = sha256(content);
    catalog::Difference difference{what, path, {}, {}};
    (what == catalog::Difference::What::deleted ? difference.before : difference.after) = entry;
    return difference;
}

TEST(RenamePairs, PairsEqualContentInOrder) {
    using What = catalog::Difference::What;
    RenamePairs pairs;
    pairs.offer(make_difference(What::added, "new1", "abc"));
    pairs.offer(make_difference(What::deleted, "old1", "abc"));
    pairs.offer(make_difference(What::deleted, "old2", "abc"));
    pairs.offer(make_difference(What::deleted, "empty-old", ""));
    pairs.offer(make_difference(What::added, "empty-new", ""));
    pairs.offer(make_difference(What::changed, "changed", "abc"));
    pairs.pair();
    EXPECT_EQ(pairs.new_path("old1"), "new1");
    EXPECT_EQ(pairs.new_path("old2"), std::nullopt);
    EXPECT_EQ(pairs.new_path("empty-old"), std::nullopt);
    EXPECT_TRUE(pairs.is_new_name("new1"));
    EXPECT_FALSE(pairs.is_new_name("empty-new"));
    EXPECT_FALSE(pairs.is_new_name("changed"));
}

TEST(RenamePairs, ARenamedDirectoryCarriesItsContentAlong) {
    auto directory = [](catalog::NodeId node) {
        catalog::Entry entry;
        entry.stat.type = FileType::directory;
        entry.node = node;
        return entry;
    };
    auto file = [](const char* content) {
        catalog::Entry entry;
        entry.stat.size = 4;
        entry.sha256 = sha256(content);
        return entry;
    };
    using What = catalog::Difference::What;
    RenamePairs pairs;
    pairs.offer({What::deleted, "copy", file("same"), {}});
    pairs.offer({What::deleted, "old", directory(7), {}});
    pairs.offer({What::deleted, "old/a", file("same"), {}});
    pairs.offer({What::added, "new", {}, directory(7)});
    pairs.offer({What::added, "new/a", {}, file("same")});
    pairs.offer({What::added, "other", {}, directory(8)});
    pairs.offer({What::added, "zcopy", {}, file("same")});
    pairs.pair();
    EXPECT_EQ(pairs.new_path("old"), "new");
    EXPECT_EQ(pairs.new_path("old/a"), "new/a");
    EXPECT_TRUE(pairs.carried_along("old/a", "new/a"));
    EXPECT_EQ(pairs.new_path("copy"), "zcopy");
    EXPECT_FALSE(pairs.carried_along("copy", "zcopy"));
    EXPECT_FALSE(pairs.is_new_name("other"));
}

TEST(RenamePairs, RemembersNoMoreThanItsLimit) {
    using What = catalog::Difference::What;
    RenamePairs pairs(2);
    for (int i = 0; i < 3; ++i)
        pairs.offer(make_difference(What::deleted, format("old{}", i), format("c{}", i)));
    for (int i = 0; i < 3; ++i)
        pairs.offer(make_difference(What::added, format("new{}", i), format("c{}", i)));
    pairs.pair();
    EXPECT_EQ(pairs.new_path("old0"), std::nullopt);
    EXPECT_FALSE(pairs.is_new_name("new0"));
}

}  // namespace
}  // namespace icecore::cli
