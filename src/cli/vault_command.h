#pragma once

#include <string>

#include "base/json.h"
#include "cli/command.h"
#include "cli/session.h"
#include "engine/vault.h"

namespace icecore::cli {

/// What the commands on any vault have in common: how the service is reached (options, else the target of the
/// configuration where it fits, else the environment and the AWS files), and exit status 75 for what is under
/// way there.
class VaultCommand : public Command {
  public:
    void declare(Arguments& arguments) final;
    int run(Session& session) final;

  protected:
    virtual void declare_own(Arguments& arguments) = 0;
    /// Throws UsageError, before anything is asked of the service.
    virtual void check(Session&) {}
    /// Returns the exit status. Throws Error; not_ready is told as "pending".
    virtual int work(Session& session, engine::VaultAccount& account) = 0;

    /// The vault that it is about; empty where it is about all.
    std::string vault_;

  private:
    engine::VaultSettings settings(Session& session) const;

    std::string region_;
    std::string account_;
    std::string endpoint_;
    std::string profile_;
};

/// A remark for whoever looks on: on a terminal, or with --verbose. Elsewhere, as in cron, a command that
/// succeeds is silent.
void remark(Session& session, std::string_view text);

/// A whole number of hours, for `option`. Throws UsageError.
std::int64_t parse_hours(const std::string& option, const std::string& text);

/// The fields of an archive (doc/json.md, "archive") into an open object.
void write_archive_fields(JsonWriter& json, const catalog::VaultArchive& archive);

}  // namespace icecore::cli
