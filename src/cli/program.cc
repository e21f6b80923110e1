#include "cli/program.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/format.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

/// Whether `word` begins the names of several commands: "vault" of "vault list" and "vault sync".
bool is_group(const Commands& commands, const std::string& word) {
    return std::any_of(commands.begin(), commands.end(),
                       [&](const auto& command) { return command->texts().name.starts_with(word + " "); });
}

/// A command line taken apart: options may stand before and after the command's name.
struct SplitLine {
    std::string command;  ///< empty if there is none
    std::vector<std::string> rest;
};

SplitLine split_line(const Commands& commands, const std::vector<std::string>& args) {
    static constexpr std::array<std::string_view, 6> kWithValue = {"--config",  "--set",      "--region",
                                                                   "--account", "--endpoint", "--profile"};
    SplitLine line;
    std::size_t i = 0;
    auto next_word = [&]() -> std::string {
        for (; i < args.size(); ++i) {
            const std::string& arg = args[i];
            if (arg.empty() || arg[0] != '-') return args[i++];
            line.rest.push_back(arg);
            bool takes_value = std::find(kWithValue.begin(), kWithValue.end(), arg) != kWithValue.end();
            if (takes_value && i + 1 < args.size()) line.rest.push_back(args[++i]);
        }
        return {};
    };
    line.command = next_word();
    if (is_group(commands, line.command)) {
        if (std::string word = next_word(); !word.empty()) line.command += " " + word;
    }
    line.rest.insert(line.rest.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
    return line;
}

Command& find_command(const Commands& commands, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& command : commands) {
        if (command->texts().name == name) return *command;
        names.emplace_back(command->texts().name);
    }
    throw UsageError(format("unknown command \"{}\"", name),
                     did_you_mean(name, names, "\"", "icecore --help lists the commands"));
}

/// `icecore` with options only.
int run_without_command(const Commands& commands, const std::vector<std::string>& args, Io& io) {
    GlobalOptions options;
    bool version = false;
    Arguments arguments;
    options.declare(arguments);
    arguments.flag("-V,--version", version, "print the version");
    arguments.parse("", args);
    if (version) {
        io.out << "icecore " << program_version() << '\n';
        return kDone;
    }
    (options.help ? io.out : io.err) << overview_text(commands);
    return options.help ? kDone : kUsage;
}

int run_help(const Commands& commands, const std::vector<std::string>& args, Io& io) {
    std::vector<std::string> words;
    GlobalOptions options;
    Arguments arguments;
    options.declare(arguments);
    arguments.words("COMMAND", words, "");
    arguments.parse("help", args);
    std::string topic;
    for (const std::string& word : words) topic += (topic.empty() ? "" : " ") + word;
    if (topic.empty() || topic == "help")
        io.out << overview_text(commands);
    else if (is_group(commands, topic))
        io.out << group_text(commands, topic);
    else
        io.out << help_text(find_command(commands, topic));
    return kDone;
}

int dispatch(const std::vector<std::string>& args, Io& io, Messages& messages) {
    if (!args.empty() && args[0] == "__complete") {
        run_complete({args.begin() + 1, args.end()}, io);
        return kDone;
    }
    Commands commands = make_commands();
    SplitLine line = split_line(commands, args);
    if (line.command.empty()) return run_without_command(commands, line.rest, io);
    if (line.command == "help") return run_help(commands, line.rest, io);
    GlobalOptions options;
    // --help wins over whatever else is wrong or missing.
    auto words_begin = std::find(line.rest.begin(), line.rest.end(), "--");
    for (auto arg = line.rest.begin(); arg != words_begin; ++arg)
        options.help |= *arg == "--help" || *arg == "-h";
    if (is_group(commands, line.command)) {
        (options.help ? io.out : io.err) << group_text(commands, line.command);
        return options.help ? kDone : kUsage;
    }
    Command& command = find_command(commands, line.command);
    if (options.help) {
        io.out << help_text(command);
        return kDone;
    }
    Arguments arguments;
    command.declare(arguments);
    options.declare(arguments);
    arguments.parse(line.command, line.rest);
    messages.quiet = options.quiet;
    messages.verbose = options.verbose;
    messages.color = messages.color && !options.no_color;
    Session session(io, options, messages);
    return command.run(session);
}

bool color_wanted(const std::vector<std::string>& args, const Io& io) {
    bool refused = std::find(args.begin(), args.end(), "--no-color") != args.end();
    return io.err_is_terminal && !refused && io.environment("NO_COLOR").value_or("").empty() &&
           io.environment("TERM").value_or("") != "dumb";
}

}  // namespace

void GlobalOptions::declare(Arguments& arguments) {
    arguments.value("--config", "FILE", config, "the configuration file");
    arguments.value("--set", "NAME", set, "the set, where the configuration has several");
    arguments.flag("--json", json, "print facts as JSON");
    arguments.flag("--events", events, "print messages and progress as lines of JSON on stderr");
    arguments.flag("-q,--quiet", quiet, "print results that were asked for, and errors only");
    arguments.flag("-v,--verbose", verbose, "say more");
    arguments.flag("--no-color", no_color, "no colours, as with NO_COLOR");
    arguments.flag("-h,--help", help, "print this");
}

std::vector<std::unique_ptr<Command>> make_commands() {
    Commands commands;
    commands.push_back(make_init_command());
    commands.push_back(make_backup_command());
    commands.push_back(make_upload_command());
    commands.push_back(make_status_command());
    commands.push_back(make_list_command());
    commands.push_back(make_jobs_command());
    commands.push_back(make_log_command());
    commands.push_back(make_report_command());
    commands.push_back(make_ls_command());
    commands.push_back(make_find_command());
    commands.push_back(make_diff_command());
    commands.push_back(make_restore_command());
    commands.push_back(make_verify_command());
    commands.push_back(make_doctor_command());
    commands.push_back(make_recover_command());
    commands.push_back(make_rebuild_command());
    commands.push_back(make_adopt_command());
    commands.push_back(make_version_command());
    commands.push_back(make_schedule_install_command());
    commands.push_back(make_schedule_show_command());
    commands.push_back(make_schedule_remove_command());
    commands.push_back(make_vault_list_command());
    commands.push_back(make_vault_create_command());
    commands.push_back(make_vault_delete_command());
    commands.push_back(make_vault_sync_command());
    commands.push_back(make_archive_list_command());
    commands.push_back(make_archive_upload_command());
    commands.push_back(make_archive_retrieve_command());
    commands.push_back(make_archive_delete_command());
    commands.push_back(make_archive_checkpresent_command());
    commands.push_back(make_job_list_command());
    return commands;
}

int worse(int a, int b) {
    constexpr std::array<int, 5> kOrder = {kDone, kUnreported, kIncomplete, kPending, kFailed};
    auto rank = [&](int status) { return std::find(kOrder.begin(), kOrder.end(), status) - kOrder.begin(); };
    return rank(a) >= rank(b) ? a : b;
}

int run_program(const std::vector<std::string>& args, Io& io) {
    Messages messages(io.err);
    messages.color = color_wanted(args, io);
    if (io.err_is_journal) messages.style = Messages::Style::journal;
    if (std::find(args.begin(), args.end(), "--events") != args.end())
        messages.style = Messages::Style::events;
    try {
        int status = dispatch(args, io, messages);
        io.out.flush();
        if (!io.out) throw Error(Error::Kind::io, "cannot write to standard output");
        return status;
    } catch (const UsageError& error) {
        messages.error(error);
        return kUsage;
    } catch (Error& error) {
        if (error.kind() == Error::Kind::transient && error.hint().empty())
            error.set_hint("it may work later: run the same command again");
        messages.error(error);
    } catch (const std::bad_alloc&) {
        messages.error("out of memory");
    } catch (const std::exception& error) {
        messages.error(error.what());
    }
    return kFailed;
}

}  // namespace icecore::cli
