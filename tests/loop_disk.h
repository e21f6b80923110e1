#pragma once

#include <sys/mount.h>

#include <string>

#include "support/command.h"

namespace icecore::testing {

/// A file system in a file `image`, on a loop device, mounted on the directory `point`, where the kernel, the
/// tools and the permissions allow it.
class LoopDisk {
  public:
    LoopDisk(const Argv& mkfs, std::string image, const std::string& size, std::string point)
        : image_(std::move(image)), point_(std::move(point)) {
        Argv make = mkfs;
        make.push_back(image_);
        try {
            if (!succeeds({"truncate", "-s", size, image_}) || !succeeds(make)) return;
            device_ = attach(image_, false);
            mounted_ = !device_.empty() && succeeds({"mount", device_, point_});
        } catch (const std::exception& e) {  // there is no such program
            reason_ = e.what();
        }
    }
    ~LoopDisk() {
        if (mounted_) umount2(point_.c_str(), MNT_DETACH);
        if (!device_.empty()) run_command({"losetup", "-d", device_});
    }
    LoopDisk(const LoopDisk&) = delete;
    LoopDisk& operator=(const LoopDisk&) = delete;

    bool mounted() const { return mounted_; }
    /// Why it is not.
    const std::string& reason() const { return reason_; }
    const std::string& point() const { return point_; }
    const std::string& image() const { return image_; }
    const std::string& device() const { return device_; }

    /// A loop device on `file`, or "".
    static std::string attach(const std::string& file, bool read_only) {
        Argv argv = {"losetup", "--find", "--show"};
        if (read_only) argv.push_back("--read-only");
        argv.push_back(file);
        std::string out = run_command(argv).out;
        while (out.ends_with('\n')) out.pop_back();
        return out;
    }

  private:
    bool succeeds(const Argv& argv) {
        CommandResult result = run_command(argv);
        if (result.status != 0) reason_ = argv[0] + ": " + result.err;
        return result.status == 0;
    }

    std::string image_;
    std::string point_;
    std::string device_;
    std::string reason_;
    bool mounted_ = false;
};

}  // namespace icecore::testing
