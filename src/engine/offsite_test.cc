#include "engine/offsite.h"

#include <gtest/gtest.h>

#include "base/test_dir.h"
#include "engine/backup_dir.h"

namespace icecore::engine {
namespace {

constexpr std::uint64_t kTb = 1ULL << 40;

/// A terabyte in volumes and a megabyte of manifests that the outbox knows to be stored, without a network.
class OffsiteCostTest : public testing::Test {
  protected:
    OffsiteCostTest() {
        set_.name = "home";
        set_.backup_dir = dir_.path("");
        set_.target.aws.region = "eu-west-1";
    }
    std::optional<double> monthly_usd() {
        std::string identity = open_target(env_, set_, nobody_)->identity();
        std::unique_ptr<catalog::Outbox> outbox =
            catalog::Outbox::open(join_path(set_.backup_dir, kOutboxName));
        auto add = [&](const std::string& name, catalog::OutboxItem::Part part, std::uint64_t bytes) {
            catalog::OutboxItem item;
            item.target = identity;
            item.name = name;
            item.part = part;
            item.size_bytes = bytes;
            outbox->add(item);
            outbox->set_stored(identity, name, "id", {1, 0});
        };
        add("a", catalog::OutboxItem::Part::volume, kTb);
        add("b", catalog::OutboxItem::Part::manifest, 1 << 20);
        outbox.reset();
        return read_offsite_status(env_, set_, {}).value().monthly_usd;
    }

    std::optional<double> expected_usd() {
        return expected_monthly_usd(env_, set_, *open_target(env_, set_, nobody_), kTb);
    }

    class Nobody final : public Observer {
      public:
        void progress(const Progress&) override {}
        void warning(std::string_view) override {}
    };
    TestDir dir_;
    SystemClock clock_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    Environment env_{.clock = clock_,
                     .fs = *fs_,
                     .host = "attic",
                     .program_version = "test",
                     .threads = 0,
                     .sleep_ns = [](std::int64_t) {},
                     .random = [] { return 0.5; },
                     .variable = [](const std::string&) { return std::optional<std::string>(); }};
    SetOptions set_;
    Nobody nobody_;
};

TEST_F(OffsiteCostTest, OfABucketByItsClasses) {
    set_.target.type = TargetOptions::Type::s3;
    set_.target.bucket = "ice";
    EXPECT_NEAR(monthly_usd().value(), 1024 * 0.00099 + 0.023 / 1024, 1e-5);  // DEEP_ARCHIVE is the default
    // 1,024 volumes, each with 32 KiB more of its class and 8 KiB of STANDARD.
    EXPECT_NEAR(expected_usd().value(), 1024 * 0.00099 + 32.0 / 1024 * 0.00099 + 8.0 / 1024 * 0.023, 1e-5);
    set_.target.storage_class = "NO_SUCH";
    EXPECT_EQ(expected_usd(), std::nullopt);
    set_.target.storage_class = "GLACIER_IR";
    EXPECT_NEAR(monthly_usd().value(), 1024 * 0.004 + 0.023 / 1024, 1e-5);
}

TEST_F(OffsiteCostTest, OfAVault) {
    set_.target.type = TargetOptions::Type::glacier;
    set_.target.vault = "ice";
    EXPECT_NEAR(monthly_usd().value(), 1024 * 0.0036, 1e-5);
    EXPECT_NEAR(expected_usd().value(), 1024 * 0.0036, 1e-3);
}

TEST_F(OffsiteCostTest, OtherPlacesHaveOtherPrices) {
    set_.target.type = TargetOptions::Type::s3;
    set_.target.bucket = "ice";
    set_.target.storage_class = "GLACIER";
    set_.target.aws.endpoint = "https://s3.fr-par.scw.cloud";
    EXPECT_EQ(monthly_usd(), std::nullopt);
    EXPECT_EQ(expected_usd(), std::nullopt);
    set_.target.type = TargetOptions::Type::dir;
    set_.target.directory = "/mnt/usb";
    set_.data_dir = "/srv/data";
    EXPECT_EQ(monthly_usd(), std::nullopt);
}

}  // namespace
}  // namespace icecore::engine
