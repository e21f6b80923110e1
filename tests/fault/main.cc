#include <gtest/gtest.h>

#include "fault/child.h"

int main(int argc, char** argv) {
    if (auto status = icecore::testing::backup_child_status(argc, argv)) return *status;
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
