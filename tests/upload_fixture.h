#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/format.h"
#include "checked_runs.h"
#include "engine/offsite.h"
#include "engine/upload.h"

namespace icecore::testing {

/// A tree that fills several volumes, and a directory as its target.
class UploadTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { prefer_memory_for_temporary_files(); }
    UploadTest() {
        runs_.set.volume_bytes_max = 80 << 10;
        runs_.set.target.type = engine::TargetOptions::Type::dir;
        runs_.set.target.directory = runs_.temp().make_dir("usb");
        tree_.file("small", "first");
        for (unsigned i = 0; i < 5; ++i)
            tree_.file(format("d{}/noise", i), noise((1 << 20) + (60 << 10), i));  // a frame each
    }

    void change(const std::string& content) {
        wait_for_next_tick(runs_.temp().path());
        tree_.file("small", content);
    }
    engine::BackupResult backup(bool no_upload = false) { return runs_.backup({.no_upload = no_upload}); }
    engine::UploadResult upload() {
        auto target = engine::open_target(runs_.environment(), runs_.set, runs_.observer);
        return engine::upload(runs_.environment(), runs_.set, *target, runs_.observer);
    }
    engine::UploadResult upload_to(store::Target& target) {
        return engine::upload(runs_.environment(), runs_.set, target, runs_.observer);
    }

    std::string offsite_dir() const { return runs_.set.target.directory + "/host/set"; }
    std::string here(const std::string& name) const { return runs_.set.backup_dir + "/" + name; }
    std::string there(const std::string& name) const { return offsite_dir() + "/" + name; }
    std::string outbox_path() const { return here("outbox.db"); }
    std::unique_ptr<catalog::Outbox> outbox() const { return catalog::Outbox::open_read_only(outbox_path()); }
    catalog::OutboxItem item(const std::string& target, const std::string& name) const {
        auto found = outbox()->find(target, name);
        EXPECT_TRUE(found) << name;
        return found.value_or(catalog::OutboxItem{});
    }
    void lose_outbox() const {
        for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(outbox_path() + suffix);
    }

    /// Names of the backup directory that belong offsite.
    std::set<std::string> sealed() const {
        std::set<std::string> names;
        for (const std::string& name : list_directory(runs_.set.backup_dir))
            if (name == "README.restore.txt" || name.starts_with("set-")) names.insert(name);
        return names;
    }
    std::set<std::string> stored() const {
        if (!path_exists(offsite_dir())) return {};
        std::vector<std::string> names = list_directory(offsite_dir());
        return {names.begin(), names.end()};
    }
    /// The target has all sealed files, the same bytes, and nothing else.
    void expect_everything_offsite() const {
        EXPECT_EQ(stored(), sealed());
        for (const std::string& name : sealed())
            EXPECT_TRUE(path_exists(there(name)) && read_file(there(name)) == read_file(here(name))) << name;
    }

    CheckedRuns runs_;
    const Tree& tree_ = runs_.tree;
};

/// Turns one byte of a file around.
inline void flip_byte(const std::string& path, std::size_t at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    auto byte = static_cast<char>(~file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
}

}  // namespace icecore::testing
