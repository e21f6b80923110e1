// A library for LD_PRELOAD that makes one system call of a process fail: the N-th of those that the fault can
// happen to, counted over all threads. The process's own files only: not standard streams, not the system's.
//
//   ICECORE_FAULT=MODE:N      MODE is EIO, ENOSPC, EINTR, EMFILE: the call fails with that errno
//                             short: it reads or writes half of what was asked for
//                             kill: SIGKILL there; a write is half done before
//   ICECORE_FAULT=MODE:N+     all of them from the N-th on
//   ICECORE_FAULT_TRACE=FILE  appends a line for each call that was hit; for N = 0, for all that could be
//
// What glibc calls inside itself (realpath, the opendir of fts …) is not seen.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// What a call does, that is, which faults it can meet.
enum {
    kLook = 1,    // reads no content: stat, directories, attributes
    kChange = 2,  // changes names or metadata
    kRead = 4,    // content
    kWrite = 8,   // content
    kOpen = 16,   // makes a descriptor
    kSpace = 32,  // can need space on the disk
};

enum Mode { kNone, kErrno, kShort, kKill };
enum Outcome { kPass, kFail, kHalf, kHalfThenKill };

static enum Mode mode;
static int error_number;
static int victims;  // kinds of calls that the fault can happen to
static unsigned long wanted;
static int sticky;
static int trace_fd = -1;
static atomic_ulong calls;

__attribute__((constructor)) static void read_environment(void) {
    const char* spec = getenv("ICECORE_FAULT");
    if (spec == NULL) return;
    static const struct {
        const char* name;
        enum Mode mode;
        int error_number;
        int victims;
    } modes[] = {
        {"EIO:", kErrno, EIO, ~0},
        {"ENOSPC:", kErrno, ENOSPC, kSpace},
        {"EINTR:", kErrno, EINTR, kOpen | kRead | kWrite},
        {"EMFILE:", kErrno, EMFILE, kOpen},
        {"short:", kShort, 0, kRead | kWrite},
        {"kill:", kKill, 0, ~0},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i) {
        size_t length = strlen(modes[i].name);
        if (strncmp(spec, modes[i].name, length) != 0) continue;
        char* end = NULL;
        wanted = strtoul(spec + length, &end, 10);
        sticky = *end == '+';
        error_number = modes[i].error_number;
        victims = modes[i].victims;
        mode = modes[i].mode;
    }
    const char* trace = getenv("ICECORE_FAULT_TRACE");
    if (trace != NULL)
        trace_fd = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void write_trace(unsigned long number, const char* name, int fd, const char* path) {
    if (trace_fd < 0) return;
    char link[64];
    char target[4096] = "";
    if (fd >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
    }
    char line[8192];
    int length =
        snprintf(line, sizeof line, "%lu %s %s %s\n", number, name, target, path != NULL ? path : "");
    if (length > 0 && length < (int)sizeof line) syscall(SYS_write, trace_fd, line, (size_t)length);
}

static int is_ours(int fd, const char* path) {
    static const char* const others[] = {"/proc/", "/sys/", "/usr/", "/etc/", "/lib"};
    if (fd >= 0 && (fd <= 2 || fd == trace_fd)) return 0;
    for (size_t i = 0; path != NULL && i < sizeof others / sizeof others[0]; ++i)
        if (strncmp(path, others[i], strlen(others[i])) == 0) return 0;
    return 1;
}

static enum Outcome meet(const char* name, int kinds, int fd, const char* path, size_t size) {
    if (mode == kNone || (kinds & victims) == 0 || !is_ours(fd, path)) return kPass;
    if (mode == kShort && size < 2) return kPass;
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    if (wanted == 0) write_trace(number, name, fd, path);
    if (wanted == 0 || number < wanted || (number > wanted && !sticky)) return kPass;
    write_trace(number, name, fd, path);
    if (mode == kShort) return kHalf;
    if (mode == kKill) {
        if ((kinds & kWrite) != 0 && size >= 2) return kHalfThenKill;
        kill(getpid(), SIGKILL);
    }
    errno = error_number;
    return kFail;
}

#define NEXT(function)                 \
    static __typeof__(function)* next; \
    if (next == NULL) next = (__typeof__(function)*)dlsym(RTLD_NEXT, #function)

// A call that either fails or happens.
#define HOOK(result, function, parameters, arguments, kinds, fd, path)       \
    result function parameters {                                             \
        NEXT(function);                                                      \
        if (meet(#function, kinds, fd, path, 0) == kFail) return (result)-1; \
        return next arguments;                                               \
    }

// One that moves bytes.
#define HOOK_BYTES(function, parameters, arguments, kinds)             \
    ssize_t function parameters {                                      \
        NEXT(function);                                                \
        enum Outcome outcome = meet(#function, kinds, fd, NULL, size); \
        if (outcome == kFail) return -1;                               \
        if (outcome != kPass) size /= 2;                               \
        ssize_t done = next arguments;                                 \
        if (outcome == kHalfThenKill) kill(getpid(), SIGKILL);         \
        return done;                                                   \
    }

HOOK_BYTES(read, (int fd, void* buffer, size_t size), (fd, buffer, size), kRead)
HOOK_BYTES(pread, (int fd, void* buffer, size_t size, off_t at), (fd, buffer, size, at), kRead)
HOOK_BYTES(pread64, (int fd, void* buffer, size_t size, off64_t at), (fd, buffer, size, at), kRead)
HOOK_BYTES(write, (int fd, const void* buffer, size_t size), (fd, buffer, size), kWrite | kSpace)
HOOK_BYTES(pwrite, (int fd, const void* buffer, size_t size, off_t at), (fd, buffer, size, at),
           kWrite | kSpace)
HOOK_BYTES(pwrite64, (int fd, const void* buffer, size_t size, off64_t at), (fd, buffer, size, at),
           kWrite | kSpace)

static int open_kinds(int flags) {
    return kOpen | ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? kSpace | kChange : 0);
}

#define HOOK_OPEN(function, parameters, arguments, fd)                                         \
    int function parameters {                                                                  \
        NEXT(function);                                                                        \
        va_list rest;                                                                          \
        va_start(rest, flags);                                                                 \
        unsigned permissions = (open_kinds(flags) & kSpace) != 0 ? va_arg(rest, unsigned) : 0; \
        va_end(rest);                                                                          \
        if (meet(#function, open_kinds(flags), fd, path, 0) == kFail) return -1;               \
        return next arguments;                                                                 \
    }

HOOK_OPEN(open, (const char* path, int flags, ...), (path, flags, permissions), -1)
HOOK_OPEN(open64, (const char* path, int flags, ...), (path, flags, permissions), -1)
HOOK_OPEN(openat, (int dir, const char* path, int flags, ...), (dir, path, flags, permissions), dir)
HOOK_OPEN(openat64, (int dir, const char* path, int flags, ...), (dir, path, flags, permissions), dir)

// openat2 has no function in glibc.
long syscall(long number, ...) {
    NEXT(syscall);
    va_list rest;
    va_start(rest, number);
    long a[6];
    for (int i = 0; i < 6; ++i) a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_openat2) {
        int flags = (int)*(const unsigned long long*)a[2];  // open_how begins with them
        if (meet("openat2", open_kinds(flags), (int)a[0], (const char*)a[1], 0) == kFail) return -1;
    }
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

HOOK(int, mkostemp, (char* path, int flags), (path, flags), kOpen | kSpace | kChange, -1, path)
HOOK(int, fsync, (int fd), (fd), kChange | kSpace, fd, NULL)
HOOK(int, fdatasync, (int fd), (fd), kChange | kSpace, fd, NULL)
HOOK(int, sync_file_range, (int fd, off64_t at, off64_t size, unsigned flags), (fd, at, size, flags), kChange,
     fd, NULL)
HOOK(int, ftruncate, (int fd, off_t size), (fd, size), kChange | kSpace, fd, NULL)
HOOK(int, ftruncate64, (int fd, off64_t size), (fd, size), kChange | kSpace, fd, NULL)
HOOK(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), kLook, fd, NULL)
HOOK(int, flock, (int fd, int operation), (fd, operation), kLook, fd, NULL)

HOOK(int, rename, (const char* from, const char* to), (from, to), kChange | kSpace, -1, to)
HOOK(int, renameat, (int old, const char* from, int dir, const char* to), (old, from, dir, to),
     kChange | kSpace, dir, to)
HOOK(int, renameat2, (int old, const char* from, int dir, const char* to, unsigned flags),
     (old, from, dir, to, flags), kChange | kSpace, dir, to)
HOOK(int, link, (const char* from, const char* to), (from, to), kChange | kSpace, -1, to)
HOOK(int, linkat, (int old, const char* from, int dir, const char* to, int flags),
     (old, from, dir, to, flags), kChange | kSpace, dir, to)
HOOK(int, symlinkat, (const char* target, int dir, const char* to), (target, dir, to), kChange | kSpace, dir,
     to)
HOOK(int, unlink, (const char* path), (path), kChange, -1, path)
HOOK(int, unlinkat, (int dir, const char* path, int flags), (dir, path, flags), kChange, dir, path)
HOOK(int, rmdir, (const char* path), (path), kChange, -1, path)
HOOK(int, mkdir, (const char* path, mode_t bits), (path, bits), kChange | kSpace, -1, path)
HOOK(int, mkdirat, (int dir, const char* path, mode_t bits), (dir, path, bits), kChange | kSpace, dir, path)
HOOK(int, mkfifoat, (int dir, const char* path, mode_t bits), (dir, path, bits), kChange | kSpace, dir, path)
HOOK(int, mknodat, (int dir, const char* path, mode_t bits, dev_t device), (dir, path, bits, device),
     kChange | kSpace, dir, path)

HOOK(int, fchmod, (int fd, mode_t bits), (fd, bits), kChange, fd, NULL)
HOOK(int, fchmodat, (int dir, const char* path, mode_t bits, int flags), (dir, path, bits, flags), kChange,
     dir, path)
HOOK(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), kChange, fd, NULL)
HOOK(int, fchownat, (int dir, const char* path, uid_t uid, gid_t gid, int flags),
     (dir, path, uid, gid, flags), kChange, dir, path)
HOOK(int, futimens, (int fd, const struct timespec times[2]), (fd, times), kChange, fd, NULL)
HOOK(int, utimensat, (int dir, const char* path, const struct timespec times[2], int flags),
     (dir, path, times, flags), kChange, dir, path)
HOOK(int, fsetxattr, (int fd, const char* name, const void* value, size_t size, int flags),
     (fd, name, value, size, flags), kChange | kSpace, fd, name)
HOOK(int, lsetxattr, (const char* path, const char* name, const void* value, size_t size, int flags),
     (path, name, value, size, flags), kChange | kSpace, -1, name)

HOOK(int, statx, (int dir, const char* path, int flags, unsigned mask, struct statx* out),
     (dir, path, flags, mask, out), kLook, dir, path)
HOOK(int, stat64, (const char* path, struct stat64* out), (path, out), kLook, -1, path)
HOOK(int, lstat64, (const char* path, struct stat64* out), (path, out), kLook, -1, path)
HOOK(int, fstat64, (int fd, struct stat64* out), (fd, out), kLook, fd, NULL)
HOOK(int, access, (const char* path, int what), (path, what), kLook, -1, path)
HOOK(ssize_t, readlinkat, (int dir, const char* path, char* buffer, size_t size), (dir, path, buffer, size),
     kLook, dir, path)
HOOK(ssize_t, getdents64, (int fd, void* buffer, size_t size), (fd, buffer, size), kLook, fd, NULL)
HOOK(ssize_t, flistxattr, (int fd, char* buffer, size_t size), (fd, buffer, size), kLook, fd, NULL)
HOOK(ssize_t, llistxattr, (const char* path, char* buffer, size_t size), (path, buffer, size), kLook, -1,
     NULL)
HOOK(ssize_t, fgetxattr, (int fd, const char* name, void* buffer, size_t size), (fd, name, buffer, size),
     kLook, fd, name)
HOOK(ssize_t, lgetxattr, (const char* path, const char* name, void* buffer, size_t size),
     (path, name, buffer, size), kLook, -1, name)

DIR* opendir(const char* path) {
    NEXT(opendir);
    return meet("opendir", kOpen, -1, path, 0) == kFail ? NULL : next(path);
}

struct dirent* readdir(DIR* stream) {
    NEXT(readdir);
    return meet("readdir", kLook, dirfd(stream), NULL, 0) == kFail ? NULL : next(stream);
}

void* mmap64(void* where, size_t size, int protection, int flags, int fd, off64_t at) {
    NEXT(mmap64);
    if (fd >= 0 && meet("mmap64", kLook, fd, NULL, 0) == kFail) return MAP_FAILED;
    return next(where, size, protection, flags, fd, at);
}
