#pragma once

#include "cli/config_template.h"
#include "cli/session.h"

namespace icecore::cli {

/// Asks who is to get the reports by mail, through which server, and how to log in there: the password goes
/// to a new file in `config_dir` that its owner alone can read. Sends a test mail if that is wished, and asks
/// again for a server that does not take it. Throws Error{cancelled} when there are no answers any more.
void ask_for_mail(Session& session, InitAnswers& answers, const std::string& config_dir);

/// Removes the password's file again, if there is one.
void forget_password(InitAnswers& answers);

}  // namespace icecore::cli
