#include "engine/readme_bucket.h"

#include "base/format.h"
#include "base/shell.h"
#include "base/text.h"
#include "base/units.h"
#include "cloud/s3_client.h"
#include "engine/aws_connection.h"

namespace icecore::engine {
namespace {

/// Of a chain with more volumes the names are asked for at the bucket.
constexpr std::size_t kVolumesMax = 1000;

/// As the target has it: what the configuration says, else DEEP_ARCHIVE at Amazon.
std::string storage_class(const TargetOptions& target, const std::string& endpoint) {
    if (target.storage_class) return *target.storage_class;
    return endpoint.empty() || cloud::is_amazon_endpoint(endpoint) ? "DEEP_ARCHIVE" : "";
}

/// The runs from the last full one on.
std::vector<const catalog::Run*> last_chain(const std::vector<catalog::Run>& runs) {
    std::vector<const catalog::Run*> chain;
    for (const catalog::Run& run : runs) {
        if (run.header.kind == archive::RunKind::full) chain.clear();
        chain.push_back(&run);
    }
    return chain;
}

/// What begins each name of a run's archive.
std::string stem_of(const catalog::Run& run) {
    const std::string& name = run.header.archive_name;
    return name.substr(0, name.find(".tar"));
}

std::string list_of(const std::vector<const catalog::Run*>& chain, std::size_t volumes) {
    std::string list_command = "aws s3 ls \"s3://$bucket/$place/\" | awk '{ print $4 }' | grep '[.]tar'";
    if (volumes > kVolumesMax)
        return format("    volumes=$({} |\n        awk -v from={} '$0 >= from')\n", list_command,
                      stem_of(*chain.front()));
    std::string out = "    volumes='\n";
    for (const catalog::Run* run : chain)
        for (const archive::VolumeInfo& volume : run->trailer.volumes)
            out += format("        {}\n", volume.name);
    return out + "    '\n";
}

std::string place_text(const Environment& env, const SetOptions& set) {
    const TargetOptions& target = set.target;
    const std::string& host = target.host.empty() ? env.host : target.host;
    std::string place = format("{}{}/{}", target.prefix.empty() ? "" : target.prefix + "/", host, set.name);
    std::string out = format(
        R"(

From the bucket alone
=====================

Copies of these files are in the bucket {0}, below {1}/. To get them you need
the program aws (Debian: apt-get install awscli), and credentials in the environment or in
~/.aws/credentials that may list the bucket, read it, and restore objects of it. All that follows goes
into one shell, as root, in this order. An empty directory:

    mkdir /restore.archives && cd /restore.archives
    bucket={2}
    place={3}
    aws() {{ command {4} "$@"; }}
)",
        target.bucket, quotable(place), shell_quoted(target.bucket), shell_quoted(place),
        aws_command(env, target.aws, "s3"));
    if (target.path_style == true) out += "    aws configure set s3.addressing_style path\n";
    return out;
}

std::string thaw_text(const std::string& cold_class) {
    bool deep = cold_class == "DEEP_ARCHIVE";
    return format(
        R"(
The volumes are in storage class {0} and must be thawed before they can be read. Ask for
all of them. Tier=Bulk {1}; {2}.
A copy can be read for as many days as Days says. RestoreAlreadyInProgress: it was asked for before.

    for name in $volumes; do
        aws s3api restore-object --bucket "$bucket" --key "$place/$name" \
            --restore-request 'Days=7,GlacierJobParameters={{Tier=Bulk}}'
    done

Later: each that is ready shows ongoing-request="false". Go on when all of them are.

    for name in $volumes; do
        aws s3api head-object --bucket "$bucket" --key "$place/$name" --query Restore --output text
    done
)",
        cold_class, deep ? "takes up to 48 hours" : "takes 5 to 12 hours",
        deep ? "Tier=Standard up to 12, and costs more"
             : "Tier=Standard 3 to 5, Tier=Expedited minutes; the sooner the dearer");
}

constexpr std::string_view kFetchText = R"(
Bring them here:

    for name in $volumes; do
        aws s3 cp "s3://$bucket/$place/$name" . --no-progress --force-glacier-transfer || break
    done

Extract them in the order of their numbers, as above:

    mkdir /restore && cd /restore
    for archive in $(cd /restore.archives && ls | grep '[.]tar\([.][a-z]*\)\?$'); do
        case $archive in *.zst) expand='zstd -dc' ;; *.gz) expand='gzip -dc' ;; *) expand=cat ;; esac
        (cd /restore.archives && cat $(ls -v "$archive"*)) | $expand |
            tar --incremental --xattrs --xattrs-include='*' --acls --numeric-owner -xpf - || break
    done
)";

constexpr std::string_view kOlderText = R"(
An earlier run: leave out of `volumes` the names with higher numbers. An older chain, which begins with
an older full archive: put its names there instead, from that -full- one to the one before the next; this
shows all names:

    aws s3 ls "s3://$bucket/$place/"

If somebody deleted files in a bucket that keeps versions, they are still there:
`aws s3api list-object-versions`, then restore-object and get-object with --version-id.
)";

}  // namespace

std::string bucket_text(const Environment& env, const SetOptions& set,
                        const std::vector<catalog::Run>& runs) {
    std::vector<const catalog::Run*> chain = last_chain(runs);
    if (chain.empty()) return "";
    std::size_t volumes = 0;
    std::uint64_t bytes = 0;
    for (const catalog::Run* run : chain) {
        volumes += run->trailer.volumes.size();
        for (const archive::VolumeInfo& volume : run->trailer.volumes) bytes += volume.stored_bytes;
    }
    std::string out = place_text(env, set);
    out += format("\nThe volumes of the last chain, runs {} to {}, {} in all, in their order:\n\n",
                  chain.front()->number(), chain.back()->number(), format_bytes(bytes));
    out += list_of(chain, volumes);
    std::string cold = storage_class(set.target, named_endpoint(env, set.target.aws, "s3"));
    if (cold == "GLACIER" || cold == "DEEP_ARCHIVE") out += thaw_text(cold);
    return out + std::string(kFetchText) + std::string(kOlderText);
}

}  // namespace icecore::engine
