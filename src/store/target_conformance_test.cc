#include "store/target_conformance.h"

#include "base/test_dir.h"
#include "store/dir_target.h"
#include "store/retry.h"
#include "store/test_memory_target.h"
#include "store/throttle.h"

namespace icecore::store {
namespace {

struct DirPlace {
    TestDir dir;
    std::unique_ptr<FileSystem> fs = make_file_system();

    std::unique_ptr<Target> open() { return make_dir_target(*fs, {dir.path(), "host", "set"}); }
    void let_time_pass() {}
    std::uint64_t resent_bytes_max() const { return 1 << 20; }
};

RetryOptions patient(VirtualClock& clock) {
    RetryOptions options;
    options.attempts_max = 3;
    options.sleep_ns = clock.sleep();
    options.random = [] { return 0.5; };
    return options;
}

struct RetryingPlace : DirPlace {
    VirtualClock clock;
    std::unique_ptr<Target> open() { return make_retrying_target(DirPlace::open(), patient(clock)); }
};

struct ThrottledPlace : DirPlace {
    VirtualClock clock;
    std::unique_ptr<Target> open() {
        return make_throttled_target(DirPlace::open(), clock, {10'000'000, 20'000'000, clock.sleep()});
    }
};

/// The suite itself must not take a target for a directory.
struct VaultPlace {
    MemoryVault vault;
    VirtualClock clock;
    std::unique_ptr<Target> open() { return std::make_unique<MemoryTarget>(vault); }
    void let_time_pass() { vault.let_time_pass(); }
    std::uint64_t resent_bytes_max() const { return vault.part_bytes; }
};

struct RetryingVaultPlace : VaultPlace {
    std::unique_ptr<Target> open() { return make_retrying_target(VaultPlace::open(), patient(clock)); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Dir, TargetConformance, DirPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(Retrying, TargetConformance, RetryingPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(Throttled, TargetConformance, ThrottledPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(Vault, TargetConformance, VaultPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(RetryingVault, TargetConformance, RetryingVaultPlace);

}  // namespace
}  // namespace icecore::store
