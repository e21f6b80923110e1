#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/format.h"
#include "checked_runs.h"
#include "engine/remote_volumes.h"
#include "engine/thaw_list.h"
#include "engine/upload.h"
#include "store/test_memory_target.h"

namespace icecore::testing {

/// A run of which all is in a vault in memory, where reading begins with a thaw, and restores of it: each
/// Process is what one process does of one.
class ColdRestoreTest : public ::testing::Test {
  protected:
    static constexpr std::uint64_t kFrameBytes = 64 << 10;
    static constexpr std::uint64_t kAlignment = store::MemoryTarget::kAlignmentBytes;

    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    ColdRestoreTest() : environment_(runs_.environment()) {
        vault_.thaws_ranges = true;
        environment_.sleep_ns = [this](std::int64_t) {
            ++waits_;
            vault_.let_time_pass();
        };
        runs_.set.frame_bytes_max = kFrameBytes;
        runs_.set.volume_bytes_max = 400 << 10;
    }

    /// 1.4 MiB in some volumes, of which the last file needs more than one, all of it in the vault.
    void back_up() {
        for (unsigned i = 0; i < 12; ++i) runs_.tree.file(format("d{}/noise", i), noise(50 << 10, i));
        runs_.tree.file("z/large", noise(800 << 10, 99));
        result_ = runs_.backup();
        vault_.inventory_ready = true;  // an upload without outbox begins with the list of what is there
        store::MemoryTarget target(vault_);
        ASSERT_TRUE(engine::upload(environment_, runs_.set, target, runs_.observer).complete());
        ASSERT_GT(result_.trailer.volumes.size(), 3U);
    }
    void lose_volumes() {
        for (const std::string& path : runs_.volumes(result_)) std::filesystem::remove(path);
    }
    std::uint64_t volume_bytes() const {
        std::uint64_t sum = 0;
        for (const archive::VolumeInfo& volume : result_.trailer.volumes) sum += volume.stored_bytes;
        return sum;
    }

    engine::Fetch::OpenTarget opener() {
        return [this](engine::Observer&) { return std::make_unique<store::MemoryTarget>(vault_); };
    }
    engine::RemotePlan plan(engine::RestoreFrom from, const std::vector<std::string>& paths = {}) {
        store::MemoryTarget target(vault_);
        return engine::plan_remote(runs_.set, *runs_.catalog(), 1, paths, from, target.capabilities(),
                                   store::ThawTier::bulk);
    }

    /// What one process does, up to the restore: a new one goes on with what is on disk.
    struct Process {
        explicit Process(ColdRestoreTest& test, const std::vector<std::string>& paths = {},
                         engine::RestoreFrom from = engine::RestoreFrom::automatic, bool wait = false,
                         store::ThawTier tier = store::ThawTier::bulk)
            : test_(test), paths_(paths), from_(from) {
            remote = std::make_unique<engine::RemoteVolumes>(
                test.environment_, test.runs_.set, test.opener(),
                engine::FetchOptions{.tier = tier,
                                     .dir = {},
                                     .wait = wait,
                                     .threads = test.threads_,
                                     .checkpoint_bytes = 4 * kAlignment},
                test.runs_.observer);
            remote->want(test.plan(from, paths));
        }
        /// The restore gives back exactly what was there.
        void expect_restored() {
            engine::RestoreResult restored = restore();
            EXPECT_EQ(join_lines(restored.problems.lines()), "");
            EXPECT_EQ(test_.missing_or_different(to_, paths_), "");
        }
        engine::RestoreResult restore() {
            to_ = test_.runs_.temp() / format("restored{}", test_.restores_++);
            engine::RestoreRequest request{.at = 1, .paths = paths_, .to = to_};
            request.local = from_ == engine::RestoreFrom::automatic;
            request.further_sources.push_back(remote->source());
            if (!request.local)
                request.further_sources.push_back(archive::local_volumes(test_.runs_.set.backup_dir));
            return engine::restore(test_.environment_, test_.runs_.set, *test_.runs_.catalog(), request,
                                   test_.runs_.observer);
        }
        std::unique_ptr<engine::RemoteVolumes> remote;

      private:
        ColdRestoreTest& test_;
        std::vector<std::string> paths_;
        engine::RestoreFrom from_;
        std::string to_;
    };

    std::string missing_or_different(const std::string& to, const std::vector<std::string>& paths) const {
        if (paths.empty())
            return join_lines(differences(snapshot_tree(runs_.set.data_dir), snapshot_tree(to), {}));
        std::string found;
        for (const std::string& path : paths)
            for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_.set.data_dir)) {
                std::string name = entry.path().lexically_relative(runs_.set.data_dir);
                if (!entry.is_regular_file() || (name != path && !is_below(name, path))) continue;
                if (!path_exists(join_path(to, name)) ||
                    read_file(join_path(to, name)) != read_file(entry.path()))
                    found += name + "\n";
            }
        return found;
    }

    std::string in_backup(const std::string& name) const { return join_path(runs_.set.backup_dir, name); }
    store::MemoryVault::Object& stored(const std::string& name) {
        for (auto& [id, object] : vault_.objects)
            if (object.name == name) return object;
        throw Error(Error::Kind::not_found, name);
    }

    CheckedRuns runs_;
    store::MemoryVault vault_;
    engine::Environment environment_;
    engine::BackupResult result_;
    unsigned threads_ = 3;
    int waits_ = 0;
    int restores_ = 0;
};

}  // namespace icecore::testing
