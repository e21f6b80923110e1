#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/usage_error.h"
#include "cli/vault_command.h"

namespace icecore::cli {
namespace {

using catalog::VaultArchive;
using engine::OpenVault;

class ArchiveUploadCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "archive upload",
            .summary = "store a file, or what comes in a pipe, as an archive",
            .description =
                "Stores FILE in a vault under its name without the directory, or under --name.\n"
                "An upload of a file that was stopped goes on when the same command is run again\n"
                "within a day. FILE - is the standard input, which may be of any length; nothing\n"
                "of it is kept here.",
            .example =
                "icecore archive upload photos 2019.tar\n"
                "tar -cz /srv/www | icecore archive upload --name www.tar.gz photos -",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.word("FILE", file_, "the file, or -", true);
        arguments.value("--name", "NAME", name_,
                        "the archive's name: printable ASCII, up to 1,024 characters");
        arguments.value(
            "--part-size", "SIZE", part_size_,
            "of a pipe: sent in parts of SIZE, at most 10,000 (default 64MiB; four are in memory)");
    }
    void check(Session& session) override {
        part_bytes();
        if (name_.empty()) name_ = from_pipe() ? "" : std::string(base_name(lexically_normal(path(session))));
        if (name_.empty()) throw UsageError("what comes in a pipe has no name", "--name NAME gives it one");
        try {
            engine::check_archive_name(name_);
        } catch (const Error& error) {
            throw UsageError(error.message(), error.hint());
        }
    }
    int work(Session& session, engine::VaultAccount& account) override {
        OpenVault vault(account, vault_);
        std::size_t namesakes = vault.index().named(name_, 1).size();
        VaultArchive stored = store(session, vault);
        if (namesakes > 0)
            session.messages().warning(
                format("vault {} has another archive {}: both are now referred to by id", vault_, name_));
        if (session.options().json) {
            JsonOutput json(session.io().out);
            json.writer().begin_object().field("vault", vault_);
            write_archive_fields(json.writer(), stored);
            json.writer().end_object();
            json.finish();
        } else {
            remark(session,
                   format("stored {} ({}) in vault {}", name_, format_bytes(stored.size_bytes), vault_));
        }
        return kDone;
    }

    bool from_pipe() const { return file_ == "-"; }
    std::string path(Session& session) const { return absolute_path(file_, session.io().cwd); }

    std::uint64_t part_bytes() const {
        constexpr std::uint64_t kMegabyte = cloud::GlacierClient::kMegabyte;
        std::optional<std::uint64_t> size = parse_size(part_size_);
        if (!size || *size < kMegabyte || *size > cloud::GlacierClient::kPartBytesMax ||
            (*size & (*size - 1)) != 0)
            throw UsageError(format("--part-size cannot be \"{}\"", printable(part_size_)),
                             "1MiB, 2MiB, 4MiB … up to 4GiB");
        return *size;
    }

    VaultArchive store(Session& session, OpenVault& vault) const {
        if (from_pipe()) return store_stream(session.io().in, "the standard input", vault);
        std::string file = path(session);
        std::error_code error;
        std::filesystem::file_status status = std::filesystem::status(file, error);
        if (status.type() == std::filesystem::file_type::directory)
            throw Error(Error::Kind::invalid, format("{} is a directory", file_),
                        format("tar -c {} | icecore archive upload --name NAME {} -", file_, vault_));
        if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status))
            return vault.upload_file(file, name_);
        std::ifstream stream(file, std::ios::binary);
        if (!stream) throw Error(Error::Kind::io, "cannot open " + file);
        return store_stream(stream, file, vault);
    }

    VaultArchive store_stream(std::istream& stream, const std::string& what, OpenVault& vault) const {
        auto read = [&](char* buffer, std::size_t size) {
            stream.read(buffer, static_cast<std::streamsize>(size));
            if (stream.bad()) throw Error(Error::Kind::io, "cannot read " + what);
            return static_cast<std::size_t>(stream.gcount());
        };
        return vault.upload_stream(read, name_, part_bytes());
    }

    std::string file_;
    std::string name_;
    std::string part_size_ = "64MiB";
};

}  // namespace

std::unique_ptr<Command> make_archive_upload_command() {
    return std::make_unique<ArchiveUploadCommand>();
}

}  // namespace icecore::cli
