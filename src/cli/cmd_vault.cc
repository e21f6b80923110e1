#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/usage_error.h"
#include "cli/vault_command.h"

namespace icecore::cli {
namespace {

using catalog::VaultDifference;
using cloud::GlacierVault;

void write_vault(JsonWriter& json, const GlacierVault& vault) {
    json.begin_object().key("name").path(vault.name).key("arn").path(vault.arn);
    json.key("created").time(vault.created).key("last_inventory");
    vault.last_inventory ? json.time(*vault.last_inventory) : json.null();
    json.field("archives", vault.archives).field("bytes", vault.size_bytes).end_object();
}

class VaultListCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "vault list",
            .summary = "list the vaults of the account",
            .description =
                "Prints the names of the account's vaults in the region, one a line. With --json\n"
                "also how many archives each has, as of its last inventory.",
            .example = "icecore vault list --region eu-west-1",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments&) override {}
    int work(Session& session, engine::VaultAccount& account) override {
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("vaults").begin_array();
        account.client().list_vaults([&](const GlacierVault& vault) {
            if (as_json)
                write_vault(json.writer(), vault);
            else
                session.io().out << printable(vault.name) << '\n';
        });
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return kDone;
    }
};

class VaultCreateCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "vault create",
            .summary = "make a vault",
            .description =
                "Makes an empty vault, which costs nothing. One that is there already stays as it\n"
                "is. Amazon takes no new customers for vaults since the end of 2025: accounts\n"
                "without any get an error.",
            .example = "icecore vault create photos",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "1 to 255 letters, digits and _ . -", true);
    }
    int work(Session& session, engine::VaultAccount& account) override {
        account.client().create_vault(vault_);
        if (session.options().json) {
            JsonOutput json(session.io().out);
            write_vault(json.writer(), account.client().describe_vault(vault_));
            json.finish();
        }
        return kDone;
    }
};

class VaultDeleteCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "vault delete",
            .summary = "remove an empty vault",
            .description =
                "Removes a vault that is empty. The service goes by the last inventory, and wants\n"
                "no writes since: that takes about a day after the last archive was deleted.",
            .example = "icecore vault delete photos",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override { arguments.word("VAULT", vault_, "the vault", true); }
    int work(Session&, engine::VaultAccount& account) override {
        account.client().describe_vault(vault_);  // deleting what is not there would be no error
        try {
            account.client().delete_vault(vault_);
        } catch (Error& error) {
            if (error.kind() == Error::Kind::invalid)
                error.set_hint(
                    "a vault can be deleted a day after its last archive was, when an inventory says so");
            throw;
        }
        return kDone;
    }
};

class VaultSyncCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "vault sync",
            .summary = "learn from a vault's inventory which archives it has",
            .description =
                "Brings what is known here about a vault in line with its inventory. The service\n"
                "needs some hours to give that: until then the exit status is 75, and the same\n"
                "command goes on. An inventory is up to a day or two old. What was stored or\n"
                "deleted from here since stays so; what has vanished is told, and forgotten only\n"
                "with --fix.",
            .example = "icecore vault sync --wait photos",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "the vault", true);
        arguments.flag("--wait", wait_, "wait for the inventory, for hours");
        arguments.flag("--fix", fix_, "believe the inventory where it contradicts what is known here");
        arguments.value(
            "--max-age", "HOURS", max_age_,
            "use an inventory that was ready within so many hours (default 24; 0: ask for a new one)");
    }
    void check(Session&) override { parse_hours("--max-age", max_age_); }

    int work(Session& session, engine::VaultAccount& account) override {
        engine::OpenVault vault(account, vault_);
        engine::VaultSync sync =
            engine::sync_vault(vault, {.age_seconds_max = parse_hours("--max-age", max_age_) * 3600,
                                       .accept_gone = fix_,
                                       .wait = wait_});
        for (const VaultDifference& difference : sync.differences) tell(session, difference);
        if (session.options().json) {
            print_json(session, sync);
        } else if (!sync.inventory_at) {
            session.messages().note(
                format("vault {} has no inventory yet; the first is made about a day after "
                       "the first upload",
                       vault_));
        } else {
            remark(session, format("vault {}: {} in the inventory of {}, {} not known before", vault_,
                                   plural(sync.result.listed, "archive", "archives"),
                                   format_local(*sync.inventory_at), format_count(sync.result.added)));
        }
        return kDone;
    }

    void tell(Session& session, const VaultDifference& difference) const {
        std::string name = quotable(engine::archive_reference(difference.archive, false));
        switch (difference.kind) {
            case VaultDifference::Kind::not_yet_listed:
                session.messages().detail(name + " was stored lately and is not in the inventory yet");
                break;
            case VaultDifference::Kind::still_listed:
                session.messages().detail(name + " was deleted lately and is still in the inventory");
                break;
            case VaultDifference::Kind::deletion_undone:
                session.messages().warning(
                    format("{} was deleted days ago, but is still in the vault{}", name,
                           fix_ ? "; it is listed again" : "; --fix lists it again, then it can be deleted"));
                break;
            case VaultDifference::Kind::gone:
                session.messages().warning(format("{} is no longer in the vault{}", name,
                                                  fix_ ? "; it is forgotten" : "; --fix forgets it"));
                break;
        }
    }

    static std::string_view kind_name(VaultDifference::Kind kind) {
        switch (kind) {
            case VaultDifference::Kind::not_yet_listed:
                return "not yet listed";
            case VaultDifference::Kind::still_listed:
                return "still listed";
            case VaultDifference::Kind::deletion_undone:
                return "deletion undone";
            case VaultDifference::Kind::gone:
                return "gone";
        }
        return "";
    }

    void print_json(Session& session, const engine::VaultSync& sync) const {
        JsonOutput json(session.io().out);
        JsonWriter& writer = json.writer();
        writer.begin_object().field("vault", vault_).key("inventory");
        sync.inventory_at ? writer.time(*sync.inventory_at) : writer.null();
        writer.field("listed", sync.result.listed).field("added", sync.result.added);
        writer.key("differences").begin_array();
        for (const VaultDifference& difference : sync.differences) {
            writer.begin_object().field("kind", kind_name(difference.kind));
            write_archive_fields(writer, difference.archive);
            writer.end_object();
        }
        writer.end_array().end_object();
        json.finish();
    }

    bool wait_ = false;
    bool fix_ = false;
    std::string max_age_ = "24";
};

}  // namespace

std::unique_ptr<Command> make_vault_list_command() {
    return std::make_unique<VaultListCommand>();
}
std::unique_ptr<Command> make_vault_create_command() {
    return std::make_unique<VaultCreateCommand>();
}
std::unique_ptr<Command> make_vault_delete_command() {
    return std::make_unique<VaultDeleteCommand>();
}
std::unique_ptr<Command> make_vault_sync_command() {
    return std::make_unique<VaultSyncCommand>();
}

}  // namespace icecore::cli
