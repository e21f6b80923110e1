#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/usage_error.h"
#include "cli/vault_command.h"

namespace icecore::cli {
namespace {

using catalog::VaultArchive;
using engine::OpenVault;

/// What is deleted earlier is charged as if it had been stored so long.
constexpr std::int64_t kChargedDaysMin = 90;

class ArchiveListCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "archive list",
            .summary = "list the archives of a vault, as far as is known here",
            .description =
                "Prints the archives of a vault by name, one a line: those that were stored from\n"
                "here and those of the inventory that `vault sync` had last. An archive without a\n"
                "name, and each of several that share one, is shown as id:ID and its name.",
            .example = "icecore archive list photos",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.flag("--force-ids", force_ids_, "show the id of each archive before its name");
    }
    int work(Session& session, engine::VaultAccount& account) override {
        OpenVault vault(account, vault_);
        std::optional<Timestamp> inventory = vault.index().inventory_at();
        std::uint64_t shown = session.options().json ? print_json(session, vault) : print(session, vault);
        if (!inventory && vault.facts().archives > 0 && shown < vault.facts().archives)
            session.messages().note(
                format("vault {} has {} as of its inventory of {}; `icecore vault sync {}` lists "
                       "them",
                       vault_, plural(vault.facts().archives, "archive", "archives"),
                       format_local(*vault.facts().last_inventory), vault_));
        return kDone;
    }

    std::uint64_t print(Session& session, OpenVault& vault) const {
        std::uint64_t count = 0;
        vault.index().visit([&](const VaultArchive& archive, bool ambiguous) {
            bool by_id = force_ids_ || ambiguous || archive.name.empty();
            session.io().out << printable(engine::archive_reference(archive, by_id));
            if (by_id) session.io().out << '\t' << printable(archive.name);
            session.io().out << '\n';
            ++count;
        });
        return count;
    }

    std::uint64_t print_json(Session& session, OpenVault& vault) const {
        JsonOutput json(session.io().out);
        std::uint64_t count = 0;
        JsonWriter& writer = json.writer();
        writer.begin_object().field("vault", vault_).key("inventory");
        std::optional<Timestamp> inventory = vault.index().inventory_at();
        inventory ? writer.time(*inventory) : writer.null();
        writer.key("archives").begin_array();
        vault.index().visit([&](const VaultArchive& archive, bool ambiguous) {
            writer.begin_object().key("reference").path(engine::archive_reference(archive, ambiguous));
            write_archive_fields(writer, archive);
            writer.end_object();
            json.flush_some();
            ++count;
        });
        writer.end_array().end_object();
        json.finish();
        return count;
    }

    bool force_ids_ = false;
};

class ArchiveDeleteCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "archive delete",
            .summary = "delete an archive of a vault",
            .description =
                "Deletes an archive, for good. What was stored less than 90 days ago is charged\n"
                "for the rest of them. Files of icecore's own backups are refused: without one of\n"
                "them later archives cannot be restored.",
            .example = "icecore archive delete photos 2019.tar",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.word("ARCHIVE", reference_, "its name, name:NAME, or id:ID", true);
        arguments.flag("--force", force_, "delete it even if it belongs to a backup");
    }
    int work(Session& session, engine::VaultAccount& account) override {
        OpenVault vault(account, vault_);
        VaultArchive archive = vault.resolve(reference_);
        if (engine::is_backup_file(archive) && !force_)
            throw Error(Error::Kind::denied, format("{} belongs to a backup", archive.name),
                        "what was backed up later may need it; --force deletes it all the same");
        vault.remove(archive);
        std::int64_t days = (session.io().clock.now().sec - archive.created_at.sec) / (24 * 3600);
        if (days < kChargedDaysMin)
            session.messages().warning(
                format("{} was stored {} ago: the service charges the {} days that are left of {}",
                       quotable(reference_),
                       plural(static_cast<std::uint64_t>(std::max<std::int64_t>(days, 0)), "day", "days"),
                       kChargedDaysMin - std::max<std::int64_t>(days, 0), kChargedDaysMin));
        if (session.options().json) {
            JsonOutput json(session.io().out);
            json.writer().begin_object().field("vault", vault_).field("deleted", true);
            write_archive_fields(json.writer(), archive);
            json.writer().end_object();
            json.finish();
        }
        return kDone;
    }

    std::string reference_;
    bool force_ = false;
};

class ArchiveCheckpresentCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "archive checkpresent",
            .summary = "print an archive's name if it is in the vault",
            .description =
                "Prints ARCHIVE if it was stored from here, or seen in an inventory, no longer\n"
                "than --max-age ago, and nothing if it was not; the exit status is 0 in both\n"
                "cases, as git-annex expects. What was seen longer ago is looked for in a new\n"
                "inventory, which takes hours (exit status 75); so is an unknown one with --wait.",
            .example = "icecore archive checkpresent --quiet photos 2019.tar",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.word("ARCHIVE", reference_, "its name, name:NAME, or id:ID", true);
        arguments.flag("--wait", wait_, "wait for an inventory where one is needed, for hours");
        arguments.value("--max-age", "HOURS", max_age_, "how old the knowledge may be (default 80)");
    }
    void check(Session&) override { parse_hours("--max-age", max_age_); }

    int work(Session& session, engine::VaultAccount& account) override {
        OpenVault vault(account, vault_);
        std::int64_t age_seconds = parse_hours("--max-age", max_age_) * 3600;
        std::optional<VaultArchive> found = find(vault);
        if ((found && !fresh(session, *found, age_seconds)) || (!found && wait_)) {
            engine::sync_vault(vault, {.age_seconds_max = age_seconds, .accept_gone = false, .wait = wait_});
            found = find(vault);
        }
        if (!found)
            session.messages().note(format("{} is not known in vault {}{}", quotable(reference_), vault_,
                                           wait_ ? "; it may be too young for its inventory" : ""));
        bool present = found && fresh(session, *found, std::max<std::int64_t>(age_seconds, 1));
        if (found && !present)
            session.messages().note(format("{} was last seen in vault {} on {}, which is too long ago",
                                           quotable(reference_), vault_, format_local(last_seen(*found))));
        report(session, found, present);
        return kDone;
    }

    std::optional<VaultArchive> find(const OpenVault& vault) const {
        try {
            return vault.resolve(reference_);
        } catch (const Error& error) {
            if (error.kind() != Error::Kind::not_found) throw;
            return std::nullopt;
        }
    }
    static Timestamp last_seen(const VaultArchive& archive) {
        return archive.seen_at.value_or(archive.created_at);
    }
    static bool fresh(Session& session, const VaultArchive& archive, std::int64_t age_seconds) {
        return age_seconds > 0 && session.io().clock.now().sec - last_seen(archive).sec < age_seconds;
    }

    void report(Session& session, const std::optional<VaultArchive>& found, bool present) const {
        if (!session.options().json) {
            if (present) session.io().out << reference_ << '\n';
            return;
        }
        JsonOutput json(session.io().out);
        json.writer().begin_object().field("vault", vault_).key("archive").path(reference_);
        json.writer().field("present", present).key("seen");
        found ? json.writer().time(last_seen(*found)) : json.writer().null();
        json.writer().end_object();
        json.finish();
    }

    std::string reference_;
    std::string max_age_ = "80";
    bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> make_archive_list_command() {
    return std::make_unique<ArchiveListCommand>();
}
std::unique_ptr<Command> make_archive_delete_command() {
    return std::make_unique<ArchiveDeleteCommand>();
}
std::unique_ptr<Command> make_archive_checkpresent_command() {
    return std::make_unique<ArchiveCheckpresentCommand>();
}

}  // namespace icecore::cli
