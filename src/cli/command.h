#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"

namespace icecore::cli {

class Session;

/// One command of the program: its texts, what it accepts and what it does. Made anew for each command line.
class Command {
  public:
    struct Texts {
        std::string_view name;         ///< one word, or two where the first is that of a group: "vault list"
        std::string_view summary;      ///< one line for the overview
        std::string_view description;  ///< a paragraph or two for --help, lines up to 80 columns
        std::string_view example;      ///< lines for --help
    };
    virtual ~Command() = default;
    virtual const Texts& texts() const = 0;
    /// Tells `arguments` what to parse into this command.
    virtual void declare(Arguments& arguments) = 0;
    /// Does it, after parsing. Returns the exit status or throws Error.
    virtual int run(Session& session) = 0;
};

std::unique_ptr<Command> make_adopt_command();
std::unique_ptr<Command> make_archive_checkpresent_command();
std::unique_ptr<Command> make_archive_delete_command();
std::unique_ptr<Command> make_archive_list_command();
std::unique_ptr<Command> make_archive_retrieve_command();
std::unique_ptr<Command> make_archive_upload_command();
std::unique_ptr<Command> make_backup_command();
std::unique_ptr<Command> make_diff_command();
std::unique_ptr<Command> make_doctor_command();
std::unique_ptr<Command> make_find_command();
std::unique_ptr<Command> make_init_command();
std::unique_ptr<Command> make_job_list_command();
std::unique_ptr<Command> make_jobs_command();
std::unique_ptr<Command> make_list_command();
std::unique_ptr<Command> make_log_command();
std::unique_ptr<Command> make_ls_command();
std::unique_ptr<Command> make_rebuild_command();
std::unique_ptr<Command> make_recover_command();
std::unique_ptr<Command> make_report_command();
std::unique_ptr<Command> make_restore_command();
std::unique_ptr<Command> make_schedule_install_command();
std::unique_ptr<Command> make_schedule_remove_command();
std::unique_ptr<Command> make_schedule_show_command();
std::unique_ptr<Command> make_status_command();
std::unique_ptr<Command> make_upload_command();
std::unique_ptr<Command> make_vault_create_command();
std::unique_ptr<Command> make_vault_delete_command();
std::unique_ptr<Command> make_vault_list_command();
std::unique_ptr<Command> make_vault_sync_command();
std::unique_ptr<Command> make_verify_command();
std::unique_ptr<Command> make_version_command();

/// All commands in the order of the overview.
std::vector<std::unique_ptr<Command>> make_commands();

/// Options that every command takes.
struct GlobalOptions {
    std::string config;
    std::string set;
    bool json = false;
    bool events = false;  ///< parsed here, heeded before that: errors of parsing are events, too
    bool quiet = false;
    bool verbose = false;
    bool no_color = false;
    bool help = false;
    void declare(Arguments& arguments);
};

}  // namespace icecore::cli
