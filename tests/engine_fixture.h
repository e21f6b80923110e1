#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/backup.h"
#include "engine/backup_dir.h"
#include "engine/restore.h"
#include "engine/verify.h"
#include "support/tar_oracle.h"
#include "support/temp_dir.h"
#include "support/tree_compare.h"

namespace icecore::testing {

/// Real time plus a fixed number of seconds. Ahead of the file system's clock nothing is racy.
class ShiftedClock final : public Clock {
  public:
    explicit ShiftedClock(std::int64_t seconds) : seconds_(seconds) {}
    Timestamp now() const override {
        Timestamp t = SystemClock().now();
        t.sec += seconds_;
        return t;
    }
    std::int64_t monotonic_ns() const override { return SystemClock().monotonic_ns(); }

  private:
    std::int64_t seconds_;
};

class RecordingObserver final : public engine::Observer {
  public:
    void progress(const engine::Progress& progress) override { last = progress; }
    void warning(std::string_view message) override { warnings.emplace_back(message); }
    engine::Progress last;
    std::vector<std::string> warnings;
};

/// A data directory, a backup directory, and the engine over them.
class EngineFixture {
  public:
    explicit EngineFixture(std::int64_t clock_ahead_seconds = 0) : clock_(clock_ahead_seconds) {
        set.name = "set";
        set.data_dir = temp_.make_dir("data");
        set.backup_dir = temp_ / "backup";
        set.compression = archive::parse_compression("zstd:1");
        environment_ = std::make_unique<engine::Environment>(engine::Environment{
            clock_, *fs_, "host", "0.0.0-test", 2, [](std::int64_t) {}, [] { return 0.5; }});
    }

    engine::BackupResult backup(const engine::BackupRequest& request = {}) {
        return engine::run_backup(*environment_, set, request, observer);
    }

    std::unique_ptr<catalog::Catalog> catalog() { return engine::open_catalog(*environment_, set, observer); }

    engine::RestoreResult restore(catalog::RunNumber at, const std::string& to,
                                  std::vector<std::string> paths = {}) {
        auto known = catalog();
        return engine::restore(*environment_, set, *known, {at, std::move(paths), to}, observer);
    }

    /// What a deep verification of everything finds, a line each.
    std::vector<std::string> verify_deeply() { return verify({.choose = {}, .deep = true}); }
    std::vector<std::string> verify(const engine::VerifyRequest& request) {
        std::vector<std::string> findings;
        verified = engine::verify(*environment_, set, request, observer, [&](const engine::Finding& finding) {
            findings.push_back(engine::finding_text(finding));
        });
        return findings;
    }

    /// The volume files of a run, in order.
    std::vector<std::string> volumes(const engine::BackupResult& result) const {
        std::vector<std::string> files;
        for (const archive::VolumeInfo& volume : result.trailer.volumes)
            files.push_back(join_path(set.backup_dir, volume.name));
        return files;
    }

    Method method() const {
        switch (set.compression.method) {
            case archive::Compression::Method::none:
                return Method::none;
            case archive::Compression::Method::gzip:
                return Method::gzip;
            default:
                return Method::zstd;
        }
    }

    const TempDir& temp() const { return temp_; }
    const engine::Environment& environment() const { return *environment_; }

    engine::SetOptions set;
    RecordingObserver observer;
    engine::VerifyResult verified;  ///< of the last verify

  private:
    TempDir temp_;
    ShiftedClock clock_;
    std::unique_ptr<FileSystem> fs_ = make_file_system();
    std::unique_ptr<engine::Environment> environment_;
};

/// All rows of the tree as of a run, for comparing catalogues.
std::string dump_tree(const catalog::Catalog& catalog, catalog::RunNumber at);

/// Returns when a change made now gets a later time stamp than all changes before (some milliseconds).
void wait_for_next_tick(const std::string& dir);

/// Stderr of GNU tar if it holds more than remarks on times in the far past or future; else nothing.
std::string complaints(const std::string& tar_stderr);

}  // namespace icecore::testing
