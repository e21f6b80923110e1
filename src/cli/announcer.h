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
    /// or worse. The mail tells what went wrong before it, and the ping all of it.
    int end(report::RunFacts facts);

  private:
    void run_hook(std::string_view key, const std::string& line,
                  const std::map<std::string, std::string>& variables);
    void ping(const std::string& url, const std::string& body);
    void write_metrics(report::RunFacts facts);

    Session& session_;
    const engine::SetOptions& set_;
    const RunHooks& hooks_;
};

/// What is known of a run of `set` that begins now.
report::RunFacts new_facts(Session& session, const engine::SetOptions& set);

/// Mails what is due after a run, or after storing it offsite by itself. What goes wrong is told, and one of
/// the problems of `facts` from then on; returns an exit status.
int tell_by_mail(Session& session, const engine::SetOptions& set, report::RunFacts& facts);

}  // namespace icecore::cli
