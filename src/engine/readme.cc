#include "engine/readme.h"

#include "base/format.h"
#include "base/shell.h"
#include "base/text.h"
#include "engine/backup_dir.h"
#include "engine/readme_bucket.h"

namespace icecore::engine {
namespace {

constexpr std::string_view kText = R"(How to restore without icecore
==============================

This directory holds backups of {data} (set "{set}").

Each run made one archive: a GNU tar archive in pax format, compressed with zstd
(.tar.zst) or gzip (.tar.gz), or not at all (.tar). An archive may be cut into volumes: NAME,
NAME.001, NAME.002 and so on; one after the other they are the whole archive.

    {set}-000001-full-…      a full archive: everything
    {set}-000002-incr-…      an incremental one: what changed since the run before

To get back the state of a run, make an empty directory and extract into it, as root, the last
full archive up to that run and then every incremental one after it, in the order of their
numbers, none left out. You need GNU tar, and zstd or gzip:

(If this is a copy of the directory somewhere else, offsite for example, name that place in the
second line.)

    mkdir /restore && cd /restore
    backup={backup}
    archives=$(cd "$backup" && ls {set}-*.tar.zst)      # or only the ones you need, in order
    for archive in $archives; do
        (cd "$backup" && cat $(ls -v "$archive"*)) | zstd -dc |
            tar --incremental --xattrs --xattrs-include='*' --acls --numeric-owner -xpf - || break
    done

For .tar.gz use `gzip -dc` instead of `zstd -dc`, for .tar nothing. --incremental matters: with it
tar also removes and renames what was removed and renamed. Warnings about "implausibly old time
stamps" are harmless.

To look into an archive:     zstd -dc NAME.tar.zst | tar -tvf -
To get one file of a run:    zstd -dc NAME.tar.zst | tar -xpf - ./path/of/the/file
(the .log beside each archive names the files that it holds)

The .manifest.zst files list every file with size, time and SHA-256 as JSON lines
(`zstd -dc NAME.manifest.zst`). catalog.db is a cache of them and can be deleted. archive.snar is
GNU tar's own snapshot file; if it is deleted, the next run is full.
)";

std::string replace_all(std::string text, std::string_view key, std::string_view value) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + value.size()))
        text.replace(at, key.size(), value);
    return text;
}

}  // namespace

void write_readme(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs) {
    std::string text = replace_all(std::string(kText), "{data}", escape_path(set.data_dir));
    text = replace_all(std::move(text), "{backup}", shell_quoted(set.backup_dir));
    text = replace_all(std::move(text), "{set}", set.name);
    if (set.target.type == TargetOptions::Type::s3) text += bucket_text(env, set, runs);
    std::string path = join_path(set.backup_dir, kReadmeName);
    if (path_exists(path) && read_file(path) == text) return;
    write_file_durably(env.fs, set.backup_dir, std::string(kReadmeName), text, true);
}

}  // namespace icecore::engine
