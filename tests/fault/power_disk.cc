#include "fault/power_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "support/directory.h"

namespace icecore::testing {
namespace {

void must(bool ok, const std::string& doing) {
    if (!ok) throw_errno(doing);
}

bool behind_the_seam(std::string_view name) {
    return !name.starts_with("catalog.db") && !name.starts_with("outbox.db") && name != ".lock";
}

std::uint64_t size_of(const std::string& path) {
    FileStat stat;
    must(stat_at(AT_FDCWD, path.c_str(), stat), path);
    return stat.size;
}

}  // namespace

class PowerDisk::File final : public OutputFile {
  public:
    File(PowerDisk& disk, std::string name, bool replace)
        : disk_(disk), name_(std::move(name)), temporary_(partial_name(name_)), replace_(replace) {
        std::lock_guard lock(disk_.mutex_);
        disk_.step();
        unlink(path(temporary_).c_str());  // an older one would be overwritten
        fd_ = open_file(path(temporary_), O_RDWR | O_CREAT | O_EXCL, 0600);
        id_ = disk_.keep(temporary_, 0);
        disk_.change({{temporary_, id_}});
    }
    ~File() override {
        if (sealed_ || synced_) return;
        std::lock_guard lock(disk_.mutex_);
        unlink(path(temporary_).c_str());
        disk_.change({{temporary_, std::nullopt}});
    }
    void write(std::string_view data) override {
        std::lock_guard lock(disk_.mutex_);
        disk_.step();
        write_full(fd_.get(), data);
    }
    void sync() override {
        std::lock_guard lock(disk_.mutex_);
        synced_ = true;
        disk_.step();
        disk_.durable_bytes_[id_] = size_of(path(temporary_));
        disk_.step();
    }
    void seal() override {
        std::lock_guard lock(disk_.mutex_);
        disk_.step();
        disk_.durable_bytes_[id_] = size_of(path(temporary_));  // fsync
        disk_.step();
        must(renameat2(AT_FDCWD, path(temporary_).c_str(), AT_FDCWD, path(name_).c_str(),
                       replace_ ? 0 : RENAME_NOREPLACE) == 0,
             "renaming " + temporary_);
        sealed_ = true;
        disk_.change({{temporary_, std::nullopt}, {name_, id_}});
        disk_.step();
        disk_.sync_names();
        disk_.step();
    }
    int fd() const override { return fd_.get(); }

  private:
    std::string path(const std::string& name) const { return join_path(disk_.dir_, name); }

    PowerDisk& disk_;
    std::string name_;
    std::string temporary_;
    bool replace_;
    bool sealed_ = false;
    bool synced_ = false;
    Id id_ = 0;
    Fd fd_;
};

PowerDisk::PowerDisk(const std::string& dir, std::string_view specification)
    : dir_(dir), disk_(dir + ".disk") {
    std::size_t colon = specification.find(':');
    CHECK(colon != std::string_view::npos);
    cut_at_ = std::strtoull(std::string(specification.substr(0, colon)).c_str(), nullptr, 10);
    variant_ = specification.substr(colon + 1);
    remove_tree_at(AT_FDCWD, disk_);
    must(mkdir(disk_.c_str(), 0700) == 0, disk_);
    if (!path_exists(dir_)) return;
    for (const std::string& name : list_directory(dir_))
        if (behind_the_seam(name)) durable_names_[name] = keep(name, size_of(join_path(dir_, name)));
}

std::unique_ptr<OutputFile> PowerDisk::create(const std::string& dir, const std::string& name, bool replace) {
    CHECK(dir == dir_);
    return std::make_unique<File>(*this, name, replace);
}

void PowerDisk::remove(const std::string& dir, const std::string& name) {
    CHECK(dir == dir_);
    std::lock_guard lock(mutex_);
    step();
    must(unlink(join_path(dir_, name).c_str()) == 0 || errno == ENOENT, "removing " + name);
    change({{name, std::nullopt}});
    step();
    sync_names();
}

void PowerDisk::rename(const std::string& dir, const std::string& from, const std::string& to) {
    CHECK(dir == dir_);
    std::lock_guard lock(mutex_);
    step();
    must(::rename(join_path(dir_, from).c_str(), join_path(dir_, to).c_str()) == 0, "renaming " + from);
    std::optional<Id> id;
    for (const auto& [name, known] : durable_names_)
        if (name == from) id = known;
    for (const Change& change : pending_)
        for (const auto& [name, known] : change)
            if (name == from) id = known;
    CHECK(id.has_value());
    change({{from, std::nullopt}, {to, id}});
    step();
    sync_names();
}

void PowerDisk::finish() {
    std::lock_guard lock(mutex_);
    step();
    std::fprintf(stderr, "steps %lu\n", static_cast<unsigned long>(steps_));
}

void PowerDisk::step() {
    if (++steps_ == cut_at_) cut_power();
}

std::string PowerDisk::kept(Id id) const {
    return join_path(disk_, std::to_string(id));
}

PowerDisk::Id PowerDisk::keep(const std::string& name, std::uint64_t durable_bytes) {
    Id id = ++next_id_;
    must(::link(join_path(dir_, name).c_str(), kept(id).c_str()) == 0, "linking " + name);
    durable_bytes_[id] = durable_bytes;
    return id;
}

void PowerDisk::change(Change change) {
    pending_.push_back(std::move(change));
}

void PowerDisk::sync_names() {
    for (const Change& change : pending_) {
        for (const auto& [name, id] : change) {
            if (id)
                durable_names_[name] = *id;
            else
                durable_names_.erase(name);
        }
    }
    pending_.clear();
}

void PowerDisk::cut_power() {
    if (variant_ == "drop") pending_.clear();
    if (variant_ == "half") pending_.resize(pending_.size() / 2);
    sync_names();
    for (const std::string& name : list_directory(dir_))
        if (behind_the_seam(name)) must(unlink(join_path(dir_, name).c_str()) == 0, name);
    for (const auto& [name, id] : durable_names_) {
        std::uint64_t size = size_of(kept(id));
        std::uint64_t durable = durable_bytes_[id];
        std::uint64_t left = variant_ == "half" ? durable + (size - durable) / 2 : durable;
        must(truncate(kept(id).c_str(), static_cast<off_t>(left)) == 0, name);
        if (variant_ == "zeros") must(truncate(kept(id).c_str(), static_cast<off_t>(size)) == 0, name);
        must(::link(kept(id).c_str(), join_path(dir_, name).c_str()) == 0, name);
    }
    kill(getpid(), SIGKILL);
    std::abort();
}

}  // namespace icecore::testing
