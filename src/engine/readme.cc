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
    archives=$(cd "$backup" && ls | grep -E '^{set}-[0-9]+-.*[.]tar([.]zst|[.]gz)?$')   # or fewer
    for archive in $archives; do
        case $archive in *.zst) expand=zstd ;; *.gz) expand=gzip ;; *) expand= ;; esac
{into}        (cd "$backup" && cat $(ls -v "$archive"*)) | ${expand:-cat} ${expand:+-dc} |
            tar --incremental --xattrs --xattrs-include='*' --acls --numeric-owner -xpf - {where}||
            break
    done

--incremental matters: with it tar also removes and renames what was removed and renamed. Warnings
about "implausibly old time stamps" are harmless.
{adopted}
To look into an archive:     zstd -dc NAME.tar.zst | tar -tvf -
To get one file of a run:    zstd -dc NAME.tar.zst | tar -xpf - ./path/of/the/file
(the .log beside each archive names the files that it holds)

The .manifest.zst files list every file with size, time and SHA-256 as JSON lines
(`zstd -dc NAME.manifest.zst`). catalog.db is a cache of them and can be deleted. archive.snar is
GNU tar's own snapshot file; if it is deleted, the next run is full.
)";

/// The last archive that another program made; nullptr: none.
const archive::ManifestHeader* last_adopted(const std::vector<catalog::Run>& runs) {
    const archive::ManifestHeader* last = nullptr;
    for (const catalog::Run& run : runs)
        if (run.header.adopted) last = &run.header;
    return last;
}

/// Whether adopted archives call the data directory by a name, where ours call it ".".
bool has_other_root(const archive::ManifestHeader* adopted) {
    return adopted != nullptr && !adopted->adopted->root.empty();
}

/// A line of the loop: later archives are extracted in the directory that the adopted ones make.
std::string into_text(const archive::ManifestHeader* adopted) {
    if (!has_other_root(adopted)) return {};
    return format("        into=.; expr \"$archive\" '>' {}-{:06}z >/dev/null && into={}\n", adopted->set,
                  adopted->run, shell_quoted(adopted->adopted->root));
}

std::string adopted_text(const std::vector<catalog::Run>& runs, const archive::ManifestHeader* last) {
    if (last == nullptr) return {};
    std::string text =
        format("\nThe archives up to {}-{:06} were made by tar --listed-incremental, and adopted.\n",
               last->set, last->run);
    if (has_other_root(last))
        text += format("They hold the data directory as {}, so it is there that you find it.\n",
                       shell_quoted(last->adopted->root));
    std::string damaged;
    for (const catalog::Run& run : runs)
        if (run.header.adopted && !run.header.adopted->damage.empty())
            damaged += "    " + run.header.archive_name + "\n";
    if (!damaged.empty())
        text += "These were damaged then: tar complains, and the next are to be extracted all the same:\n\n" +
                damaged;
    return text;
}

std::string replace_all(std::string text, std::string_view key, std::string_view value) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + value.size()))
        text.replace(at, key.size(), value);
    return text;
}

}  // namespace

void write_readme(const Environment& env, const SetOptions& set, const std::vector<catalog::Run>& runs) {
    std::string text = replace_all(std::string(kText), "{data}", escape_path(set.data_dir));
    text = replace_all(std::move(text), "{backup}", shell_quoted(set.backup_dir));
    const archive::ManifestHeader* adopted = last_adopted(runs);
    text = replace_all(std::move(text), "{adopted}", adopted_text(runs, adopted));
    text = replace_all(std::move(text), "{into}", into_text(adopted));
    text = replace_all(std::move(text), "{where}", has_other_root(adopted) ? "-C \"$into\" " : "");
    text = replace_all(std::move(text), "{set}", set.name);
    if (set.target.type == TargetOptions::Type::s3) text += bucket_text(env, set, runs);
    std::string path = join_path(set.backup_dir, kReadmeName);
    if (path_exists(path) && read_file(path) == text) return;
    write_file_durably(env.fs, set.backup_dir, std::string(kReadmeName), text, true);
}

}  // namespace icecore::engine
