#include "base/format.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/vault_command.h"

namespace icecore::cli {
namespace {

using cloud::GlacierJob;
using cloud::GlacierVault;

char status_letter(GlacierJob::Status status) {
    switch (status) {
        case GlacierJob::Status::in_progress:
            return 'p';
        case GlacierJob::Status::succeeded:
            return 'd';
        case GlacierJob::Status::failed:
            return 'e';
    }
    return '?';
}

std::string_view status_name(GlacierJob::Status status) {
    switch (status) {
        case GlacierJob::Status::in_progress:
            return "pending";
        case GlacierJob::Status::succeeded:
            return "done";
        case GlacierJob::Status::failed:
            return "failed";
    }
    return "";
}

class JobListCommand final : public VaultCommand {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "job list",
            .summary = "list the jobs of all vaults",
            .description =
                "Prints what the service was asked for, by whomever: a line for each retrieval of\n"
                "an archive (a) and each inventory (i), with p for pending, d for done, e for\n"
                "failed, when it was done (or asked for), the vault, and the archive. The service\n"
                "forgets a job a day after it is done.",
            .example = "icecore job list",
        };
        return kTexts;
    }

  private:
    void declare_own(Arguments& arguments) override {
        arguments.word("VAULT", vault_, "only this vault's", false);
    }
    int work(Session& session, engine::VaultAccount& account) override {
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("jobs").begin_array();
        for (const GlacierVault& vault : vaults(account)) {
            std::unique_ptr<catalog::VaultIndex> index = account.open_index(vault);
            account.client().list_jobs(vault.name, [&](const GlacierJob& job) {
                if (as_json)
                    write(json.writer(), vault, job, name_of(*index, job));
                else
                    print(session.io().out, vault, job, name_of(*index, job));
            });
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        }
        return kDone;
    }

    std::vector<GlacierVault> vaults(engine::VaultAccount& account) const {
        if (!vault_.empty()) return {account.client().describe_vault(vault_)};
        std::vector<GlacierVault> found;
        account.client().list_vaults([&](const GlacierVault& vault) { found.push_back(vault); });
        return found;
    }

    /// "NAME", or "id:ID" of an archive that is not known here; empty for an inventory.
    static std::string name_of(const catalog::VaultIndex& index, const GlacierJob& job) {
        if (job.kind == GlacierJob::Kind::inventory) return {};
        std::optional<catalog::VaultArchive> archive = index.find(job.archive_id);
        if (!archive) return "id:" + job.archive_id;
        return engine::archive_reference(*archive, false);
    }

    static void print(std::ostream& out, const GlacierVault& vault, const GlacierJob& job,
                      const std::string& name) {
        std::int64_t when_s = job.completed.value_or(job.created).sec;
        std::string line = format("{}/{} {} {:<10} {}", job.kind == GlacierJob::Kind::archive ? 'a' : 'i',
                                  status_letter(job.status), format_iso_utc({when_s, 0}), vault.name, name);
        line.erase(line.find_last_not_of(' ') + 1);
        out << printable(line) << '\n';
    }

    static void write(JsonWriter& json, const GlacierVault& vault, const GlacierJob& job,
                      const std::string& name) {
        bool archive = job.kind == GlacierJob::Kind::archive;
        json.begin_object().key("vault").path(vault.name).key("id").path(job.id);
        json.field("kind", archive ? "archive" : "inventory").field("status", status_name(job.status));
        json.key("created").time(job.created).key("completed");
        job.completed ? json.time(*job.completed) : json.null();
        json.key("archive").path(name).key("archive_id").path(job.archive_id);
        json.field("offset", job.range_offset)
            .field("bytes", archive ? job.range_bytes : job.inventory_bytes);
        json.key("tier").path(job.tier).key("message").path(job.message).end_object();
    }
};

}  // namespace

std::unique_ptr<Command> make_job_list_command() {
    return std::make_unique<JobListCommand>();
}

}  // namespace icecore::cli
