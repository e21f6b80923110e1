#include "store/dir_target.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "store/dir_copy.h"

namespace icecore::store {
namespace {

/// Names are one component of a path, and none that we use ourselves for what is unfinished.
void check_name(std::string_view what, std::string_view name) {
    bool good = !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
                name.find('\0') == std::string_view::npos;
    if (!good)
        throw Error(Error::Kind::invalid,
                    format("\"{}\" cannot be {}: it must not be empty, begin with a dot or contain a slash",
                           escape_path(name), what));
}

std::string hint_for(int os_error) {
    switch (os_error) {
        case ENOSPC:
        case EDQUOT:
            return "free some space there, then try again";
        case EFBIG:
            return "its file system takes no files of this size; choose smaller volumes";
        case EROFS:
            return "it is mounted read-only, by choice or because the disk has failed";
        case EACCES:
        case EPERM:
            return "the user who runs icecore must be able to read and write there";
        case EIO:
        case ENODEV:
        case ENXIO:
        case ENOTCONN:
            return "the disk or the connection to it may be failing, or was taken away";
        default:
            return {};
    }
}

/// lstat; nullopt if there is nothing.
std::optional<FileStat> look(const std::string& path) {
    FileStat stat;
    if (stat_at(AT_FDCWD, path.c_str(), stat)) return stat;
    if (errno != ENOENT) throw_errno("looking at " + path);
    return std::nullopt;
}

class DirTarget final : public PlainTarget {
  public:
    DirTarget(FileSystem& fs, DirTargetOptions options) : fs_(fs), options_(std::move(options)) {
        std::string& directory = options_.directory;
        if (!directory.starts_with('/'))
            throw Error(Error::Kind::invalid,
                        format("the target directory must be an absolute path, not \"{}\"", directory));
        while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
        check_name("the name of a host", options_.host);
        check_name("the name of a set", options_.set);
        host_dir_ = below(directory, options_.host);
        set_dir_ = below(host_dir_, options_.set);
    }

    Capabilities capabilities() const override { return {}; }
    std::string identity() const override { return "dir:" + set_dir_; }

    void check() override { check_directory(); }

    ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                  const std::function<void(std::uint64_t)>& sent) override {
        in_context("storing", upload.name, [&] {
            fs_.make_directory(options_.directory, options_.host);
            fs_.make_directory(host_dir_, options_.set);
            if (confirm_existing(upload, source.size_bytes()))
                sent(source.size_bytes());
            else
                copy_proven(fs_, set_dir_, options_.checkpoint_bytes, upload, source, resume, sent);
        });
        return {upload.name, {}};
    }

    void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                const Digest& /*tree_hash*/) override {
        in_context("verifying", object.name, [&] {
            Object file = open_object(object.name);
            if (file.size_bytes != size_bytes)
                throw Error(Error::Kind::corrupt,
                            format("it has {} bytes instead of {}", file.size_bytes, size_bytes));
            if (hash_on_disk(file.fd.get(), size_bytes) != sha256)
                throw Error(Error::Kind::corrupt, "its SHA-256 is not the one that was stored");
        });
    }

    std::optional<ObjectInfo> stat(const ObjectRef& object) override {
        return in_context("looking at", object.name, [&] { return info(object.name); });
    }

    std::optional<Timestamp> list(ListScope scope,
                                  const std::function<void(const ObjectInfo&)>& visit) override {
        if (scope == ListScope::this_set) {
            with_context("listing " + set_dir_, [&] { list_set(options_.host, options_.set, visit); });
            return std::nullopt;
        }
        with_context("listing " + options_.directory, [&] {
            for (const std::string& host : names_below(options_.directory))
                for (const std::string& set : names_below(below(options_.directory, host)))
                    list_set(host, set, visit);
        });
        return std::nullopt;
    }

    ThawState request_thaw(const ThawRequest& request) override {
        if (!stat(request.object)) no_such_object(request.object.name);
        return {};
    }

    std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) override {
        std::vector<ThawState> states;
        for (const AskedThaw& thaw : thaws) states.push_back(request_thaw(thaw.request));
        return states;
    }

    void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) override {
        in_context("reading", range.object.name, [&] {
            Object file = open_object(range.object.name);
            if (range.offset > file.size_bytes || range.length_bytes > file.size_bytes - range.offset)
                throw Error(Error::Kind::corrupt, format("it has {} bytes only; asked for were {} at {}",
                                                         file.size_bytes, range.length_bytes, range.offset));
            read_pieces(file.fd.get(), range.offset, range.length_bytes, sink);
        });
    }

    void remove(const ObjectRef& object) override {
        in_context("removing", object.name, [&] {
            if (!look(set_dir_)) return;
            fs_.remove(set_dir_, object.name);
            remove_partial(object.name);
        });
    }

  private:
    struct Object {
        Fd fd;
        std::uint64_t size_bytes = 0;
    };

    static std::string below(const std::string& dir, const std::string& name) {
        return dir == "/" ? "/" + name : join_path(dir, name);
    }

    template <typename Action>
    std::invoke_result_t<Action> in_context(std::string_view doing, const std::string& name, Action action) {
        check_name("the name of an object", name);
        return with_context(format("{} {} in {}", doing, name, set_dir_), action);
    }

    /// Checks that the target is there, and says in errors what was being done and what may help.
    template <typename Action>
    std::invoke_result_t<Action> with_context(const std::string& doing, Action action) {
        check_directory();
        try {
            return action();
        } catch (Error& e) {
            e.add_context(doing);
            if (e.hint().empty()) e.set_hint(hint_for(e.os_error()));
            throw;
        }
    }

    void check_directory() const {
        try {
            open_file(options_.directory, O_PATH | O_DIRECTORY);
        } catch (Error& e) {
            e.add_context("the target");
            e.set_hint(e.kind() == Error::Kind::not_found
                           ? "is the disk mounted? icecore does not make this directory itself"
                           : hint_for(e.os_error()));
            throw;
        }
    }

    [[noreturn]] void no_such_object(const std::string& name) const {
        throw Error(Error::Kind::not_found, format("there is no {}", join_path(set_dir_, name)));
    }

    /// Names of a directory's entries that can be of interest, sorted; none if it is no directory.
    static std::vector<std::string> names_below(const std::string& dir) {
        std::optional<FileStat> stat = look(dir);
        if (!stat || stat->type != FileType::directory) return {};
        std::vector<std::string> names = list_directory(dir);
        std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
        std::sort(names.begin(), names.end());
        return names;
    }

    void list_set(const std::string& host, const std::string& set,
                  const std::function<void(const ObjectInfo&)>& visit) const {
        std::string dir = below(below(options_.directory, host), set);
        for (const std::string& name : names_below(dir)) {
            std::optional<ObjectInfo> found = info_of(dir, name);
            if (!found) continue;
            found->host = host;
            found->set = set;
            visit(*found);
        }
    }

    std::optional<ObjectInfo> info(const std::string& name) const { return info_of(set_dir_, name); }

    static std::optional<ObjectInfo> info_of(const std::string& dir, const std::string& name) {
        std::optional<FileStat> stat = look(join_path(dir, name));
        if (!stat || stat->type != FileType::regular) return std::nullopt;
        ObjectInfo info;
        info.ref.name = name;
        info.size_bytes = stat->size;
        return info;
    }

    /// Throws Error{not_found} unless a regular file of this name is there.
    Object open_object(const std::string& name) const {
        if (!info(name)) no_such_object(name);
        Object object{open_file(join_path(set_dir_, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)};
        FileStat stat;
        if (!stat_at(object.fd.get(), "", stat, AT_EMPTY_PATH)) throw_errno("looking at " + name);
        object.size_bytes = stat.size;
        return object;
    }

    /// Whether the object is there as it should be, made durable and proven like one that was just copied. A
    /// run may have been killed between its name and its directory entry becoming durable.
    bool confirm_existing(const Upload& upload, std::uint64_t size_bytes) {
        if (!look(join_path(set_dir_, upload.name))) return false;
        std::optional<ObjectInfo> there = info(upload.name);
        bool same = false;
        if (there && there->size_bytes == size_bytes) {
            fs_.sync(set_dir_, upload.name);
            Object file = open_object(upload.name);
            same = file.size_bytes == size_bytes && hash_on_disk(file.fd.get(), size_bytes) == upload.sha256;
        }
        if (same) remove_partial(upload.name);
        if (!same && !upload.replace)
            throw Error(Error::Kind::exists,
                        there ? "a file of this name and other content is there already"
                              : "something that is no file has this name",
                        "icecore replaces no backup; move it away if it is not needed");
        return same;
    }

    void remove_partial(const std::string& name) {
        std::string partial = partial_name(name);
        if (look(join_path(set_dir_, partial))) fs_.remove(set_dir_, partial);
    }

    FileSystem& fs_;
    DirTargetOptions options_;
    std::string host_dir_;
    std::string set_dir_;
};

}  // namespace

std::unique_ptr<Target> make_dir_target(FileSystem& fs, DirTargetOptions options) {
    return std::make_unique<DirTarget>(fs, std::move(options));
}

}  // namespace icecore::store
