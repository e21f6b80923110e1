#include "engine/backup_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {

ArchiveNames make_archive_names(std::string_view set, catalog::RunNumber run, archive::RunKind kind,
                                Timestamp started, archive::Compression::Method method) {
    ArchiveNames names;
    names.stem = format("{}-{:06}-{}-{}", set, run, kind == archive::RunKind::full ? "full" : "incr",
                        format_compact_utc(started));
    names.archive = names.stem + std::string(archive::archive_suffix(method));
    names.manifest = names.stem + ".manifest.zst";
    names.log = names.stem + ".log";
    return names;
}

std::optional<ParsedName> parse_archive_name(std::string_view set, std::string_view file_name) {
    std::string_view rest = file_name;
    if (!rest.starts_with(set) || rest.size() <= set.size() || rest[set.size()] != '-') return std::nullopt;
    rest.remove_prefix(set.size() + 1);
    ParsedName parsed;
    auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), parsed.run);
    auto digits = static_cast<std::size_t>(end - rest.data());
    if (ec != std::errc{} || digits < 6 || parsed.run == 0) return std::nullopt;
    rest.remove_prefix(digits);
    if (rest.starts_with("-full-"))
        parsed.kind = archive::RunKind::full;
    else if (rest.starts_with("-incr-"))
        parsed.kind = archive::RunKind::incremental;
    else
        return std::nullopt;
    rest.remove_prefix(6);
    constexpr std::size_t kTimeLength = 16;  // YYYYMMDDTHHMMSSZ
    if (rest.size() < kTimeLength || !parse_utc(rest.substr(0, kTimeLength))) return std::nullopt;
    rest.remove_prefix(kTimeLength);
    parsed.stem = file_name.substr(0, file_name.size() - rest.size());
    if (rest == ".manifest.zst")
        parsed.part = ParsedName::Part::manifest;
    else if (rest == ".log")
        parsed.part = ParsedName::Part::log;
    else if (rest.starts_with(".tar"))
        parsed.part = ParsedName::Part::volume;
    else
        return std::nullopt;
    return parsed;
}

std::string resolved(const std::string& path) {
    std::error_code error;
    std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
    return error ? path : real.string();
}

Timestamp started_of(std::string_view stem) {
    return parse_utc(stem.substr(stem.rfind('-') + 1)).value_or(Timestamp{});
}

namespace {

std::string read_holder(const Fd& lock) {
    char holder[256];
    return {holder, pread_full(lock.get(), holder, sizeof holder, 0)};
}

std::string real_path(const std::string& path) {
    char* resolved = realpath(path.c_str(), nullptr);
    if (resolved == nullptr) throw_errno(path);
    std::string out(resolved);
    std::free(resolved);
    return out;
}

}  // namespace

SetLock::SetLock(const Environment& env, const std::string& backup_dir, SetActivity activity) {
    struct Kind {
        std::string_view file;
        std::string_view noun;
    };
    static constexpr std::array<Kind, 3> kKinds = {
        {{kLockName, "run"}, {kUploadLockName, "upload"}, {kFetchLockName, "restore from the target"}}};
    const Kind& kind = kKinds.at(static_cast<std::size_t>(activity));
    std::string path = join_path(backup_dir, kind.file);
    fd_ = open_file(path, O_RDWR | O_CREAT, 0600);
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) throw_errno("locking " + path);
        throw Error(Error::Kind::denied,
                    format("another {} holds the lock of {}: {}", kind.noun, backup_dir, read_holder(fd_)),
                    "wait for it to end, or look at the process; the lock goes with it");
    }
    std::string me = format("process {} on {} since {}", getpid(), env.host, format_local(env.clock.now()));
    if (ftruncate(fd_.get(), 0) != 0 || lseek(fd_.get(), 0, SEEK_SET) != 0) throw_errno("writing " + path);
    write_full(fd_.get(), me);
}

std::array<std::string, 3> database_files(const std::string& path) {
    return {path, path + "-wal", path + "-shm"};
}

std::string put_aside(const std::string& path, std::string_view suffix) {
    std::string aside = path + std::string(suffix);
    std::array<std::string, 3> from = database_files(path), to = database_files(aside);
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::remove(to[i].c_str());
        if (path_exists(from[i]) && std::rename(from[i].c_str(), to[i].c_str()) != 0)
            throw_errno("renaming " + from[i]);
    }
    return aside;
}

std::optional<std::string> lock_holder(const std::string& backup_dir) {
    std::string path = join_path(backup_dir, kLockName);
    if (!path_exists(path)) return std::nullopt;
    Fd fd = open_file(path, O_RDONLY);
    if (flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;  // released as fd closes
    if (errno != EWOULDBLOCK) throw_errno("locking " + path);
    return read_holder(fd);
}

void make_backup_directory(const SetOptions& set) {
    if (mkdir(set.backup_dir.c_str(), 0700) == 0) {
        std::string parent(parent_path(set.backup_dir));
        sync_directory(parent.empty() ? "/" : parent);
    } else if (errno != EEXIST) {
        throw Error::from_errno(errno, "making the backup directory " + set.backup_dir,
                                "its parent must exist; is the disk mounted?");
    }
    if (std::error_code unknown; !std::filesystem::is_directory(set.backup_dir, unknown) && !unknown) {
        throw Error(Error::Kind::invalid,
                    format("backup directory {}: it is there, but is no directory", set.backup_dir),
                    "move it away, or name another place in the configuration");
    }
    if (access(set.backup_dir.c_str(), R_OK | W_OK | X_OK) != 0)
        throw Error::from_errno(errno, "backup directory " + set.backup_dir,
                                "run as a user who may write there");
}

void refuse_nesting(const SetOptions& set) {
    std::string data = real_path(set.data_dir);
    std::string backup = real_path(set.backup_dir);
    if (is_below(backup, data) || (data == "/" && backup != "/"))
        throw Error(Error::Kind::invalid,
                    format("the backup directory {} is inside the data directory {}", backup, data),
                    "each run would back up the earlier ones; choose a place outside, best on another disk");
    if (is_below(data, backup))
        throw Error(Error::Kind::invalid,
                    format("the data directory {} is inside the backup directory {}", data, backup),
                    "choose a backup directory of its own, best on another disk");
}

}  // namespace icecore::engine
