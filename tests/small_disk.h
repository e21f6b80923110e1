#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <string>

namespace icecore::testing {

/// A file system of 2 MiB on the directory `path`, if mounting is permitted.
class SmallDisk {
  public:
    explicit SmallDisk(std::string path) : path_(std::move(path)) {
        mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=2m") == 0;
    }
    ~SmallDisk() {
        if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    bool mounted() const { return mounted_; }
    void grow() const { remount(0); }
    void make_read_only() const { remount(MS_RDONLY); }

  private:
    void remount(unsigned long flags) const {
        ASSERT_EQ(mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | flags, "size=40m"), 0);
    }
    std::string path_;
    bool mounted_;
};

}  // namespace icecore::testing
