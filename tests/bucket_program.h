#pragma once

#include "sim_program.h"
#include "sim_s3.h"

namespace icecore::cli {

/// icecore with a bucket of the simulator's, "ice", that keeps volumes in DEEP_ARCHIVE. They are large enough
/// to be stored in parts.
class BucketProgramTest : public SimProgramTest {
  protected:
    void SetUp() override {
        SimProgramTest::SetUp();
        write_noise();
        write_text(data("z/large"), testing::noise(8 << 20, 99));
        testing::ask_s3(sim_, "PUT", "/ice");
        write_config(bucket_target());
    }

    /// [set.target] of the simulator's.
    std::string bucket_target(const std::string& bucket = "ice",
                              const std::string& region = "us-east-1") const {
        return target_at(sim_.endpoint(), bucket, region);
    }
    static std::string target_at(const std::string& endpoint, const std::string& bucket = "ice",
                                 const std::string& region = "us-east-1") {
        return format(
            "type = \"s3\"\nbucket = \"{}\"\nprefix = \"backups\"\nregion = \"{}\"\n"
            "endpoint = \"{}\"\npath_style = true\nstorage_class = \"DEEP_ARCHIVE\"\n"
            "hot_class = \"STANDARD\"\npart_size = \"8MiB\"\n",
            bucket, region, endpoint);
    }
    std::uint64_t requests(const std::string& operation) {
        return sim_.bill().at("s3_requests").value(operation, 0U);
    }
    void expect_all_restored() const {
        expect_restored(0, kFiles - 1);
        EXPECT_EQ(read_file(dir_ / "restored/z/large"), read_file(data("z/large")));
    }

    static constexpr std::size_t kStoredOfRun = kFilesOfRun + 1;  // and README.restore.txt
};

}  // namespace icecore::cli
