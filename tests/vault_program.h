#pragma once

#include "sim_program.h"

namespace icecore::cli {

/// icecore with a vault of the simulator's.
class VaultProgramTest : public SimProgramTest {
  protected:
    void SetUp() override {
        SimProgramTest::SetUp();
        sim_.client().create_vault("vault");
        write_config(vault_target("vault"));
    }

    /// [set.target] of the simulator's.
    std::string vault_target(const std::string& vault, const std::string& region = "us-east-1") const {
        return format("type = \"glacier\"\nvault = \"{}\"\nregion = \"{}\"\nendpoint = \"{}\"\n", vault,
                      region, sim_.endpoint());
    }
    std::uint64_t requests(const std::string& operation) {
        return sim_.bill().at("requests").value(operation, 0U);
    }
    std::uint64_t jobs_begun() { return requests("InitiateJob"); }
};

class VaultRestoreTest : public VaultProgramTest {
  protected:
    void SetUp() override {
        VaultProgramTest::SetUp();
        write_noise();
    }
};

}  // namespace icecore::cli
