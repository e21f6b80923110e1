#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include "base/text.h"
#include "checked_runs.h"
#include "cli/test_io.h"
#include "sim_process.h"

namespace icecore::cli {

/// icecore on a set whose target is a vault of the simulator, as seen from its command line: `data` in a
/// temporary directory, backed up to `backup` beside it. The simulator's clock moves by hours when the
/// program waits for a thaw, and when a test says so; what waits to try a request again does not wait.
class VaultProgramTest : public ::testing::Test {
  protected:
    void SetUp() override {
        sim_.client().create_vault("vault");
        program_.clock.set(SystemClock().now());
        program_.io.sleep_ns = [this](std::int64_t ns) {
            if (ns < kShortestPollNs) return;
            if (++waits_ > 20) throw Error(Error::Kind::cancelled, "it waits for ever");
            sim_.advance_hours(6);
        };
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        program_.environment["AWS_ACCESS_KEY_ID"] = "KEY";
        program_.environment["AWS_SECRET_ACCESS_KEY"] = "SECRET";
        write_config(vault_target("vault"));
    }

    /// [set.target] of the simulator's.
    std::string vault_target(const std::string& vault, const std::string& region = "us-east-1") const {
        return format("type = \"glacier\"\nvault = \"{}\"\nregion = \"{}\"\nendpoint = \"{}\"\n", vault,
                      region, sim_.endpoint());
    }
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
    void on_terminal() { program_.io.in_is_terminal = program_.io.err_is_terminal = true; }

    std::uint64_t requests(const std::string& operation) {
        return sim_.bill().at("requests").value(operation, 0U);
    }
    std::uint64_t jobs_begun() { return requests("InitiateJob"); }

    static constexpr std::int64_t kShortestPollNs = 60'000'000'000;  // waits between tries are shorter
    testing::SimProcess sim_;
    TempDir dir_;
    TestProgram program_;
    int waits_ = 0;
};

/// With some files of noise to back up, lose and restore.
class VaultRestoreTest : public VaultProgramTest {
  protected:
    void SetUp() override {
        VaultProgramTest::SetUp();
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

    static constexpr unsigned kFiles = 4;
    std::string volume_;
};

}  // namespace icecore::cli
