#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "checked_runs.h"
#include "cli/test_io.h"
#include "sim_process.h"

namespace icecore::cli {

/// icecore on a set whose target is the simulator's, as seen from its command line: `data` in a temporary
/// directory, backed up to `backup` beside it. The simulator's clock moves by hours when the program waits
/// for a thaw, and when a test says so; what waits to try a request again does not wait.
class SimProgramTest : public ::testing::Test {
  protected:
    void SetUp() override {
        program_.clock.set(SystemClock().now());
        program_.io.sleep_ns = [this](std::int64_t ns) {
            if (ns < kShortestPollNs) return;
            if (++waits_ > 20) throw Error(Error::Kind::cancelled, "it waits for ever");
            sim_.advance_hours(6);
        };
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        use_keys("KEY", "SECRET");
    }

    /// `target`: the lines of [set.target].
    void write_config(const std::string& target) const {
        write_text(dir_ / "icecore.toml", format("[[set]]\nname = \"home\"\ndata = \"{0}/data\"\n"
                                                 "backup = \"{0}/backup\"\n[set.target]\n{1}",
                                                 dir_.path(), target));
    }
    std::string data(const std::string& path) const { return dir_ / ("data/" + path); }

    int run(const std::vector<std::string>& args, const std::string& input = {}) {
        return program_.run(args, input);
    }
    std::string out() const { return program_.out.str(); }
    std::string err() const { return program_.err.str(); }
    /// Lines of what was said last that begin so, without that.
    std::vector<std::string> said(const std::string& prefix) const {
        std::vector<std::string> found;
        std::istringstream lines(err());
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(prefix)) found.push_back(line.substr(prefix.size()));
        return found;
    }
    /// That the last command said what is wrong once, and what can be done.
    void expect_one_error(const std::string& message, const std::string& hint) const {
        using ::testing::HasSubstr;
        EXPECT_THAT(said("icecore: error: "), ::testing::SizeIs(1)) << err();
        EXPECT_THAT(said("hint: "), ::testing::SizeIs(1)) << err();
        EXPECT_THAT(err(), HasSubstr(message));
        EXPECT_THAT(err(), HasSubstr(hint));
    }
    void use_keys(const std::string& key, const std::string& secret) {
        program_.environment["AWS_ACCESS_KEY_ID"] = key;
        program_.environment["AWS_SECRET_ACCESS_KEY"] = secret;
    }
    /// Nor are there any elsewhere.
    void lose_keys() {
        program_.environment.erase("AWS_ACCESS_KEY_ID");
        program_.environment.erase("AWS_SECRET_ACCESS_KEY");
        program_.environment["AWS_EC2_METADATA_DISABLED"] = "true";
        program_.environment["HOME"] = dir_.path();
    }
    void expect_keys_refused(const std::string& key, const std::string& secret, const std::string& message,
                             const std::string& hint) {
        use_keys(key, secret);
        EXPECT_EQ(run({"upload"}), kFailed);
        expect_one_error(message, hint);
        EXPECT_THAT(err(), ::testing::Not(::testing::HasSubstr(secret)));
        EXPECT_EQ(stored_files(), 0U);
    }
    void on_terminal() { program_.io.in_is_terminal = program_.io.err_is_terminal = true; }
    /// A fault that does not end.
    void always(const std::string& operation, const std::string& fault) {
        sim_.order(format(R"({{"operation":"{}","count":"always",{}}})", operation, fault));
    }
    std::size_t stored_files() {
        EXPECT_EQ(run({"status", "--json"}), kDone) << err();
        std::string text = out();
        return parse_json(text).at("sets").at(0).at("offsite").at("stored_files").get<std::size_t>();
    }

    // ---- files of noise to back up, lose and restore ----

    void write_noise() const {
        for (unsigned i = 0; i < kFiles; ++i)
            write_text(data(format("d{}/noise", i)), testing::noise(3 << 20, i));
    }
    int restore(std::vector<std::string> args, const std::string& input = {}) {
        args.insert(args.begin(), {"restore", "--to", dir_ / "restored"});
        return run(args, input);
    }
    void back_up_and_lose_volume() {
        ASSERT_EQ(run({"backup"}), kDone) << err();
        std::filesystem::remove(volume());
    }
    /// The first volume in the backup directory, or where it was.
    std::string volume() {
        for (const std::string& name : list_directory(dir_ / "backup"))
            if (name.ends_with(".tar.zst")) volume_ = (dir_ / "backup/") + name;
        return volume_;
    }
    void damage_volume() {
        std::fstream file(volume(), std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(1 << 20);
        file << "damage";
    }
    bool is_restored(unsigned number) const {
        std::string path = format("d{}/noise", number);
        return path_exists(dir_ / ("restored/" + path)) &&
               read_file(dir_ / ("restored/" + path)) == read_file(data(path));
    }
    void expect_restored(unsigned first, unsigned last) const {
        for (unsigned i = first; i <= last; ++i) EXPECT_TRUE(is_restored(i)) << i;
    }

    static constexpr std::int64_t kShortestPollNs = 60'000'000'000;  // waits between tries are shorter
    static constexpr std::size_t kFilesOfRun = 3;                    // volume, manifest, log
    static constexpr unsigned kFiles = 4;
    testing::SimProcess sim_;
    TempDir dir_;
    TestProgram program_;
    int waits_ = 0;
    std::string volume_;
};

}  // namespace icecore::cli
