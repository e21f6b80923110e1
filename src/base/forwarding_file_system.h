#pragma once

#include <memory>
#include <string>

#include "base/file.h"

namespace icecore {

/// The operating system's file system, to change some of: for tests of what happens when it fails. `step` is
/// called before everything that is done to a durable file, and after a rename to the final name; the default
/// does nothing.
class ForwardingFileSystem : public FileSystem {
  public:
    std::unique_ptr<OutputFile> create(const std::string& dir, const std::string& name,
                                       bool replace) override {
        step();
        return real_->create(dir, name, replace);
    }
    std::unique_ptr<OutputFile> create_large(const std::string& dir, const std::string& name) override {
        return create(dir, name, false);
    }
    void rename(const std::string& dir, const std::string& from, const std::string& to) override {
        step();
        real_->rename(dir, from, to);
    }
    void remove(const std::string& dir, const std::string& name) override {
        step();
        real_->remove(dir, name);
    }
    std::unique_ptr<PartialFile> open_partial(const std::string& dir, const std::string& name,
                                              bool replace) override {
        step();
        return real_->open_partial(dir, name, replace);
    }
    void make_directory(const std::string& dir, const std::string& name) override {
        step();
        real_->make_directory(dir, name);
    }
    bool link(const std::string& path, const std::string& dir, const std::string& name) override {
        step();
        return real_->link(path, dir, name);
    }
    void sync(const std::string& dir, const std::string& name) override {
        step();
        real_->sync(dir, name);
    }

    virtual void step() {}

  private:
    std::unique_ptr<FileSystem> real_ = make_file_system();
};

}  // namespace icecore
