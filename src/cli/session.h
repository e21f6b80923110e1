#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/io.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "engine/environment.h"

namespace icecore::cli {

/// The program's version, "0.1.0".
std::string_view program_version();

/// What a command works with while it runs: the world, the global options, the configuration (read when first
/// asked for), and what is made from them.
class Session {
  public:
    Session(Io& io, const GlobalOptions& options, Messages& messages);

    Io& io() { return io_; }
    const GlobalOptions& options() const { return options_; }
    Messages& messages() { return messages_; }

    engine::Environment environment() const;
    /// Throws UsageError if there is none or it is wrong.
    const Config& config();
    /// The set of --set, or the only one. Throws UsageError if it is not clear which.
    const engine::SetOptions& set();
    /// The set of --set, or all of them.
    std::vector<const engine::SetOptions*> sets();
    /// An observer for this terminal.
    std::unique_ptr<TerminalObserver> observer();

  private:
    const engine::SetOptions& named_set(const std::string& name);

    Io& io_;
    const GlobalOptions& options_;
    Messages& messages_;
    std::optional<Config> config_;
};

/// A set's catalogue, open for reading, with its runs.
struct OpenedSet {
    const engine::SetOptions& set;
    std::unique_ptr<catalog::Catalog> catalog;
    std::vector<catalog::Run> runs;
};
OpenedSet open_set(Session& session, const engine::SetOptions& set);

}  // namespace icecore::cli
