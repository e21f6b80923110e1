#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/test_io.h"
#include "sim_process.h"

namespace icecore::cli {

/// The program with a set `home` whose target is a vault of the simulator's. The program's clock stands
/// (signatures need the right time); the simulator's moves by six hours whenever the program waits, or when
/// a test says so.
class VaultProgramTest : public ::testing::Test {
  protected:
    void SetUp() override {
        sim_.client().create_vault("vault");
        program_.clock.set(SystemClock().now());
        program_.io.sleep_ns = [this](std::int64_t) {
            if (++waits_ > 20) throw Error(Error::Kind::cancelled, "it waits for ever");
            sim_.advance_hours(6);
        };
        program_.environment["ICECORE_CONFIG"] = dir_ / "icecore.toml";
        program_.environment["AWS_ACCESS_KEY_ID"] = "KEY";
        program_.environment["AWS_SECRET_ACCESS_KEY"] = "SECRET";
        write_config("type = \"glacier\"\nvault = \"vault\"\nregion = \"us-east-1\"\nendpoint = \"" +
                     sim_.endpoint() + "\"\n");
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
    void on_terminal() { program_.io.in_is_terminal = program_.io.err_is_terminal = true; }
    std::uint64_t jobs_begun() { return sim_.bill().at("requests").value("InitiateJob", 0U); }

    testing::SimProcess sim_;
    TempDir dir_;
    TestProgram program_;
    int waits_ = 0;
};

}  // namespace icecore::cli
