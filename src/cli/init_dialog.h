#pragma once

#include <string>

#include "cli/config_template.h"
#include "cli/session.h"

namespace icecore::cli {

/// What `icecore init` is told in answer to its questions, beyond the set itself.
struct InitWishes {
    std::string daily;  ///< "03:15"; empty: no schedule
};

/// Asks on the terminal for what `answers` does not have yet, and looks at each answer at once: directories
/// must be there and not inside each other, the target is written to, read and emptied again. What cannot be
/// is asked again. Makes the backup directory, and in `config_dir` a file for the password of a mail server,
/// and takes both away again if there are no answers any more: Error{cancelled}.
InitWishes ask_for_set(Session& session, InitAnswers& answers, std::string& target,
                       const std::string& config_dir);

/// After the configuration is written: installs the schedule, and makes the first backup if that is wished.
/// Returns an exit status. What fails is told, and the rest done.
int begin_set(Session& session, const std::string& config, const InitWishes& wishes);

/// Throws UsageError or Error for a directory that cannot be backed up, or that cannot have the archives of
/// `data_dir`.
void check_data_dir(const std::string& data_dir);
void check_backup_dir(const std::string& backup_dir, const std::string& data_dir);
/// Makes a directory and its parents.
void make_directories(const std::string& path);
/// Makes it, 0700, and its parents. False if it was there.
bool make_backup_dir(const std::string& backup_dir);
/// The last part of the directory's name, if that can name a set.
std::string default_set_name(const std::string& data_dir);
/// Configurations are UTF-8. Throws UsageError.
void require_utf8(std::string_view what, std::string_view text);

}  // namespace icecore::cli
