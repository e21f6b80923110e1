// An archive that is larger than any buffer goes up in parts, is thawed whole and comes back: the simulator
// and our side stay within their memory. 512 MiB; with ICECORE_LONG=1 10 GiB.

#include <cstdlib>

#include "sim_process.h"
#include "store/glacier_target.h"
#include "store/test_support.h"

namespace icecore::store {
namespace {

constexpr std::uint64_t kSimulatorBytesMax = 96 * kMiB;
constexpr std::uint64_t kOwnBytesMax = 200 * kMiB;

std::unique_ptr<Target> open(const testing::SimProcess& sim) {
    GlacierTargetOptions options;
    options.vault = "vault";
    options.host = "host";
    options.set = "home";
    options.aws = sim.aws();
    return make_glacier_target(std::move(options));
}

TEST(LargeArchive, PassesInBoundedMemory) {
    std::uint64_t size = (std::getenv("ICECORE_LONG") != nullptr ? 10 * 1024 : 512) * kMiB + 12'345;
    testing::SimProcess sim;
    sim.client().create_vault("vault");
    PatternSource source(1, size);
    MemoryResume resume;
    ObjectRef object = open(sim)->put(source.upload("large"), source, resume, [](std::uint64_t) {});
    EXPECT_EQ(source.bytes_read, size) << "each byte is read once";
    EXPECT_EQ(sim.bill().at("bytes_in"), size);

    EXPECT_EQ(open(sim)->request_thaw({object, 0, size}).phase, ThawState::Phase::pending);
    sim.advance_hours(12);
    std::uint64_t at = 0;
    bool same = true;
    open(sim)->read({object, 0, size, {}}, [&](std::string_view piece) {
        same = same && piece == source.bytes(at, piece.size());
        at += piece.size();
    });
    EXPECT_EQ(at, size);
    EXPECT_TRUE(same);
    EXPECT_LE(sim.peak_memory_bytes(), kSimulatorBytesMax);
    EXPECT_LE(testing::peak_memory_bytes(getpid()), kOwnBytesMax);
    RecordProperty("simulator_bytes", std::to_string(sim.peak_memory_bytes()));
    RecordProperty("own_bytes", std::to_string(testing::peak_memory_bytes(getpid())));
}

}  // namespace
}  // namespace icecore::store
