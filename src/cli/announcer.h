#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cli/config.h"
#include "cli/session.h"
#include "report/run_facts.h"

namespace icecore::cli {

/// Tells the world of one run's begin and end, as the configuration asks: hooks, pings, metrics,
/// mail.
///
/// A ping that does not arrive is a warning: whoever waits for it will notice. A hook or a metrics file that
/// fails is an error, told at once and by the exit status; the run itself is not affected.
/// A mail that cannot be sent waits for the next run (exit status 4, if nothing else is wrong).
class Announcer {
  public:
    Announcer(Session& session, const engine::SetOptions& set);

    /// Before anything else of the run, which is all that `facts` know of it. Throws Error if the `before`
    /// hook fails: the run must not begin.
    void begin(const report::RunFacts& facts);

    /// After the run, whatever became of it, also if begin() threw. Returns the exit status: that of `facts`,
    /// or worse.
    int end(const report::RunFacts& facts);

  private:
    void run_hook(std::string_view key, const std::string& line,
                  const std::map<std::string, std::string>& variables);
    void ping(const std::string& url, const std::string& body);
    int mail(const report::RunFacts& facts);  ///< returns an exit status
    void write_metrics(const report::RunFacts& facts);

    Session& session_;
    const engine::SetOptions& set_;
    const RunHooks& hooks_;
};

/// The worse of two exit statuses: failed is worse than incomplete, unreported, done, in this order.
int worse(int a, int b);

}  // namespace icecore::cli
