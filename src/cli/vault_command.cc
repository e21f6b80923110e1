#include "cli/vault_command.h"

#include <charconv>

#include "base/format.h"
#include "base/text.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using engine::TargetOptions;

bool is_vault(const TargetOptions& target) {
    return target.type == TargetOptions::Type::glacier;
}

bool same_account(const TargetOptions& a, const TargetOptions& b) {
    return a.account == b.account && a.aws.region == b.aws.region && a.aws.endpoint == b.aws.endpoint &&
           a.aws.profile == b.aws.profile;
}

/// The target of --set; else one with this vault; else any, if all vaults of the configuration are reached in
/// the same way. nullptr if the configuration says nothing about vaults.
const TargetOptions* configured_target(Session& session, const std::string& vault) {
    const GlobalOptions& options = session.options();
    if (!options.set.empty()) {
        const engine::SetOptions& set = session.set();
        if (!is_vault(set.target)) throw UsageError(format("the target of set {} is no vault", set.name));
        return &set.target;
    }
    if (!find_config(session.io(), options.config)) return nullptr;
    const TargetOptions* found = nullptr;
    bool found_by_vault = false;
    for (const engine::SetOptions& set : session.config().sets) {
        if (!is_vault(set.target)) continue;
        bool by_vault = set.target.vault == vault;
        if (found != nullptr && by_vault == found_by_vault && !same_account(*found, set.target))
            throw UsageError("the vaults of the configuration are in several accounts or regions",
                             "--set NAME says which one is meant");
        if (found == nullptr || (by_vault && !found_by_vault)) {
            found = &set.target;
            found_by_vault = by_vault;
        }
    }
    return found;
}

std::string index_path(const Io& io) {
    if (std::string cache = io.environment("XDG_CACHE_HOME").value_or(""); cache.starts_with('/'))
        return cache + "/icecore/vaults.db";
    if (std::string home = io.environment("HOME").value_or(""); home.starts_with('/'))
        return home + "/.cache/icecore/vaults.db";
    return "/var/cache/icecore/vaults.db";
}

void override_with(std::string& value, const std::string& option) {
    if (!option.empty()) value = option;
}

}  // namespace

void VaultCommand::declare(Arguments& arguments) {
    declare_own(arguments);
    arguments.value("--region", "REGION", region_, "the region, such as us-east-1");
    arguments.value("--account", "ID", account_, "the account's 12 digits; default: that of the credentials");
    arguments.value("--endpoint", "URL", endpoint_, "another service than the region's, such as a simulator");
    arguments.value("--profile", "NAME", profile_, "a profile of the AWS files");
}

engine::VaultSettings VaultCommand::settings(Session& session) const {
    engine::VaultSettings settings;
    settings.index_path = index_path(session.io());
    if (const TargetOptions* target = configured_target(session, vault_)) {
        settings.aws = target->aws;
        settings.account = target->account;
        settings.part_bytes_min = target->part_bytes_min;
        settings.connections = target->connections;
        settings.poll_seconds = target->poll_seconds;
    }
    override_with(settings.aws.region, region_);
    override_with(settings.aws.endpoint, endpoint_);
    override_with(settings.aws.profile, profile_);
    override_with(settings.account, account_);
    while (settings.aws.endpoint.ends_with('/')) settings.aws.endpoint.pop_back();
    if (settings.account != "-" && (settings.account.size() != 12 ||
                                    settings.account.find_first_not_of("0123456789") != std::string::npos))
        throw UsageError(format("--account cannot be \"{}\"", printable(settings.account)),
                         "12 digits, or - for the account of the credentials");
    return settings;
}

int VaultCommand::run(Session& session) {
    check(session);
    engine::Environment environment = session.environment();
    std::unique_ptr<TerminalObserver> observer = session.observer();
    try {
        engine::VaultAccount account(environment, settings(session), *observer);
        int status = work(session, account);
        observer->finish();
        return status;
    } catch (const Error& error) {
        observer->finish();
        if (error.kind() != Error::Kind::not_ready) throw;
        session.messages().note(error.message());
        session.messages().note("run the same command again later, or with --wait");
        return kPending;
    }
}

void remark(Session& session, std::string_view text) {
    if (session.io().err_is_terminal)
        session.messages().note(text);
    else
        session.messages().detail(text);
}

std::int64_t parse_hours(const std::string& option, const std::string& text) {
    std::uint32_t hours = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hours);
    if (error != std::errc() || end != text.data() + text.size() || hours > 1'000'000)
        throw UsageError(format("{} cannot be \"{}\"", option, printable(text)), "a whole number of hours");
    return hours;
}

void write_archive_fields(JsonWriter& json, const catalog::VaultArchive& archive) {
    json.key("id").path(archive.id).key("name").path(archive.name);
    json.field("bytes", archive.size_bytes).key("tree_hash");
    archive.tree_hash.empty() ? json.null() : json.string(archive.tree_hash.hex());
    json.key("created").time(archive.created_at).key("seen");
    archive.seen_at ? json.time(*archive.seen_at) : json.null();
}

}  // namespace icecore::cli
