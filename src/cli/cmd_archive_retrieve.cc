#include <bit>
#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cold_restore.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/usage_error.h"
#include "cli/vault_command.h"
#include "engine/vault_retrieve.h"

namespace icecore::cli {
namespace {

using catalog::VaultArchive;
using cloud::GlacierJob;
using engine::OpenVault;

constexpr std::uint64_t kPieceBytesMax = 64 << 20;

/// One archive that is wanted, and how far it is.
struct Wanted {
    enum class State : std::uint8_t { pending, retrieved, failed };
    std::string reference;
    VaultArchive archive;
    std::string path;  ///< where it goes; empty: to standard output
    std::optional<GlacierJob> job;
    State state = State::pending;
};

std::string_view state_name(Wanted::State state) {
    switch (state) {
        case Wanted::State::pending:
            return "pending";
        case Wanted::State::retrieved:
            return "retrieved";
        case Wanted::State::failed:
            return "failed";
    }
    return "";
}

class ArchiveRetrieveCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "archive retrieve",
            .summary = "bring archives back from a vault",
            .description =
                "Asks for archives, which costs money and takes hours (exit status 75 until\n"
                "then); the same command, run again, downloads what is ready, within a day. Each\n"
                "becomes a file of its name in the current directory, once all of it is there and\n"
                "proved; a download that was stopped goes on. A file that is there already is\n"
                "replaced only with -o.",
            .example =
                "icecore archive retrieve --wait photos 2019.tar\n"
                "icecore archive retrieve photos www.tar.gz -o- | tar -xz",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.words("ARCHIVE", references_, "names, name:NAME, or id:ID");
        arguments.value("-o,--output", "FILE", output_, "write to FILE, or with - to standard output");
        arguments.flag("--wait", wait_, "wait until all is here");
        arguments.value("--tier", "TIER", tier_, "how fast: bulk, standard (default) or expedited");
        arguments.value("--multipart-size", "BYTES", piece_size_,
                        "how much to download at a time, up to 64MiB (default 16MiB)");
    }
    void check(Session& session) override {
        parse_tier(tier_);
        piece_bytes();
        if (references_.empty())
            throw UsageError("ARCHIVE is missing", "see icecore archive retrieve --help");
        if (references_.size() > 1 && !output_.empty())
            throw UsageError("several archives cannot go into one output", "retrieve them one by one");
        if (to_stdout() && session.options().json)
            throw UsageError("--json and -o - both want the standard output");
    }

    int work(Session& session, engine::VaultAccount& account) override {
        OpenVault vault(account, vault_);
        std::vector<Wanted> all;
        for (const std::string& reference : references_)
            all.push_back(make_wanted(session, vault, reference));
        refuse_same_paths(all);
        for (Wanted& wanted : all)
            if (!is_here(wanted)) attempt(session, wanted, [&] { ask(session, vault, wanted); });
        for (Wanted& wanted : all)
            if (wanted.state == Wanted::State::pending)
                attempt(session, wanted, [&] { bring(session, vault, wanted); });
        if (session.options().json) print_json(session, all);
        return status(session, all);
    }

    bool to_stdout() const { return output_ == "-"; }

    std::uint64_t piece_bytes() const {
        std::optional<std::uint64_t> size = parse_size(piece_size_);
        if (!size || *size == 0)
            throw UsageError(format("--multipart-size cannot be \"{}\"", printable(piece_size_)),
                             "such as 16MiB");
        return std::bit_floor(
            std::clamp<std::uint64_t>(*size, cloud::GlacierClient::kMegabyte, kPieceBytesMax));
    }

    // ---- what is wanted, and where it goes ----

    Wanted make_wanted(Session& session, OpenVault& vault, const std::string& reference) const {
        Wanted wanted;
        wanted.reference = reference;
        bool unknown_id =
            reference.starts_with("id:") && reference.size() > 3 && !vault.index().find(reference.substr(3));
        // The service knows more ids than we do.
        if (unknown_id)
            wanted.archive.id = reference.substr(3);
        else
            wanted.archive = vault.resolve(reference);
        if (!to_stdout()) wanted.path = output_path(session, wanted.archive);
        return wanted;
    }

    std::string output_path(Session& session, const VaultArchive& archive) const {
        std::string name(base_name(archive.name));
        if (name.empty()) name = archive.id;
        if (output_.empty() && (name == "." || name == ".." || name.find('/') != std::string::npos))
            throw UsageError(format("{} cannot be a file's name", quotable(archive.name)),
                             "-o FILE gives another one");
        std::string path = absolute_path(output_.empty() ? name : output_, session.io().cwd);
        std::error_code error;
        if (std::filesystem::is_directory(path, error))
            throw UsageError(format("{} is a directory", path), "-o FILE names a file");
        if (std::filesystem::exists(path, error)) path = std::filesystem::canonical(path, error).string();
        std::string dir(parent_path(path));
        if (!dir.empty() && !std::filesystem::is_directory(dir, error))
            throw Error(Error::Kind::not_found, format("there is no directory {}", dir));
        return path;
    }

    static void refuse_same_paths(const std::vector<Wanted>& all) {
        for (std::size_t i = 0; i < all.size(); ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (all[i].path == all[j].path)
                    throw UsageError(
                        format("{} and {} would become the same file {}", quotable(all[j].reference),
                               quotable(all[i].reference), all[i].path),
                        "retrieve one of them with -o FILE");
    }

    static bool is_special(const std::string& path) {
        std::error_code error;
        std::filesystem::file_status status = std::filesystem::status(path, error);
        return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
    }

    /// Nothing is asked for, and paid, of which the file is here, or has no place.
    bool is_here(Wanted& wanted) const {
        if (wanted.path.empty() || !path_exists(wanted.path) || is_special(wanted.path)) return false;
        if (engine::file_has(wanted.path, wanted.archive.size_bytes, wanted.archive.tree_hash)) {
            wanted.state = Wanted::State::retrieved;
            return true;
        }
        if (output_.empty())
            throw Error(Error::Kind::exists,
                        format("{} is there, and is not archive {}", wanted.path, quotable(wanted.reference)),
                        "move it away, or replace it with -o FILE");
        return false;
    }

    // ---- asking and bringing ----

    /// One that fails does not stop the others.
    template <typename Work>
    static void attempt(Session& session, Wanted& wanted, const Work& work) {
        try {
            work();
        } catch (Error& error) {
            if (error.kind() == Error::Kind::denied || error.kind() == Error::Kind::cancelled) throw;
            wanted.state = Wanted::State::failed;
            error.add_context("archive " + quotable(wanted.reference));
            session.messages().error(error);
        }
    }

    void ask(Session& session, OpenVault& vault, Wanted& wanted) const {
        store::ThawTier tier = parse_tier(tier_);
        bool begun = false;
        wanted.job = vault.jobs().retrieve(wanted.archive.id, tier, wanted.archive.name, begun);
        if (begun)
            session.messages().note(format("asked for archive {} ({}, {})", quotable(wanted.reference),
                                           format_bytes(wanted.job->archive_bytes), tier_text({}, tier)));
        else if (wanted.job->status == GlacierJob::Status::in_progress)
            session.messages().note(format("archive {} is still on its way", quotable(wanted.reference)));
    }

    void bring(Session& session, OpenVault& vault, Wanted& wanted) const {
        bool expedited = parse_tier(tier_) == store::ThawTier::expedited;
        std::int64_t pause = expedited ? 60 : vault.account().settings().poll_seconds;
        for (bool again = false;; again = true) {
            if (wait_) wanted.job = vault.wait_for(*wanted.job, pause);
            if (wanted.job->status == GlacierJob::Status::in_progress) return;
            try {
                download(session, vault, wanted);
                wanted.state = Wanted::State::retrieved;
                return;
            } catch (const Error& error) {
                if (error.kind() != Error::Kind::not_ready || again) throw;
            }
            vault.jobs().forget();  // the output could be read for a day; that is over
            ask(session, vault, wanted);
        }
    }

    void download(Session& session, OpenVault& vault, const Wanted& wanted) const {
        auto into = [](std::ostream& stream, const std::string& what) {
            return [&stream, what](std::string_view piece) {
                stream.write(piece.data(), static_cast<std::streamsize>(piece.size()));
                if (!stream.flush()) throw Error(Error::Kind::io, "cannot write to " + what);
            };
        };
        if (wanted.path.empty()) {
            engine::retrieve_to_stream(vault, *wanted.job, piece_bytes(),
                                       into(session.io().out, "standard output"));
        } else if (is_special(wanted.path)) {
            std::ofstream stream(wanted.path, std::ios::binary);
            engine::retrieve_to_stream(vault, *wanted.job, piece_bytes(), into(stream, wanted.path));
        } else {
            engine::retrieve_to_file(vault, *wanted.job, wanted.path, piece_bytes());
        }
    }

    // ---- the end ----

    static int status(Session& session, const std::vector<Wanted>& all) {
        bool pending = false;
        bool failed = false;
        for (const Wanted& wanted : all) {
            pending |= wanted.state == Wanted::State::pending;
            failed |= wanted.state == Wanted::State::failed;
        }
        if (pending) session.messages().note("run the same command again later, or with --wait");
        return failed ? kFailed : pending ? kPending : kDone;
    }

    void print_json(Session& session, const std::vector<Wanted>& all) const {
        JsonOutput json(session.io().out);
        JsonWriter& writer = json.writer();
        writer.begin_object().field("vault", vault_).key("archives").begin_array();
        for (const Wanted& wanted : all) {
            writer.begin_object().key("archive").path(wanted.reference).key("id").path(wanted.archive.id);
            writer.field("state", state_name(wanted.state)).key("file").path(wanted.path);
            writer.field("bytes", wanted.job ? wanted.job->archive_bytes : wanted.archive.size_bytes);
            writer.end_object();
        }
        writer.end_array().end_object();
        json.finish();
    }

    std::vector<std::string> references_;
    std::string output_;
    std::string tier_ = "standard";
    std::string piece_size_ = "16MiB";
    bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> make_archive_retrieve_command() {
    return std::make_unique<ArchiveRetrieveCommand>();
}

}  // namespace icecore::cli
