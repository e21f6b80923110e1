#include "engine_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::testing {

void wait_for_next_tick(const std::string& dir) {
    std::string probe = dir + "/tick";
    FileStat first;
    FileStat now;
    do {
        Fd fd = open_file(probe, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        write_full(fd.get(), "x");
        CHECK(stat_at(fd.get(), "", now, AT_EMPTY_PATH));
        if (first.ino == 0) first = now;
    } while (now.ctime == first.ctime || now.ctime.sec * 1000 + now.ctime.nsec / 1000000 <
                                             first.ctime.sec * 1000 + first.ctime.nsec / 1000000 + 12);
    unlink(probe.c_str());
}

std::string dump_tree(const catalog::Catalog& catalog, catalog::RunNumber at) {
    std::string out;
    catalog.walk(at, "", [&](const std::string& path, const catalog::Entry& entry) {
        out += format("{} {} {} {} {} {} {}:{}:{}\n", escape_path(path), static_cast<char>(entry.stat.type),
                      entry.stat.mode, entry.stat.ino, entry.sha256.hex(), to_hex(entry.metadata),
                      entry.location.run, entry.location.volume, entry.location.offset);
        return true;
    });
    return out;
}

std::string complaints(const std::string& tar_stderr) {
    for (const char* word : {"Cannot", "nable to", "Malformed", "before its status", "Error"})
        if (tar_stderr.find(word) != std::string::npos) return tar_stderr;
    return "";
}

}  // namespace icecore::testing
