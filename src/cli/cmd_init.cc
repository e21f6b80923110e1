#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/config_template.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/usage_error.h"

namespace icecore::cli {
namespace {

/// A question on the terminal; an empty answer means `fallback`. Asks again until there is an answer.
std::string ask(Io& io, std::string_view question, const std::string& fallback) {
    for (;;) {
        io.out << question;
        if (!fallback.empty()) io.out << " [" << shown_path(fallback) << "]";
        io.out << ": ";
        io.out.flush();
        std::string answer;
        if (!std::getline(io.in, answer))
            throw Error(Error::Kind::cancelled, "no answer: nothing was written");
        if (answer.empty()) answer = fallback;
        if (!answer.empty()) return answer;
    }
}

/// Where a new configuration goes when nothing names a place.
std::string new_config_path(const Io& io, const std::string& option) {
    if (auto path = find_config(io, option)) return *path;
    return io.privileged ? default_config_paths(io).back() : default_config_paths(io).front();
}

void make_backup_dir(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (error) throw Error::from_errno(error.value(), format("making the parents of {}", path));
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw_errno(format("making {}", path));
    if (!std::filesystem::is_directory(path, error)) {
        throw Error(Error::Kind::exists, format("{} is there, but is not a directory", path));
    }
}

void write_config(FileSystem& fs, const std::string& path, const std::string& text) {
    std::string dir = std::filesystem::path(path).parent_path().string();
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error) throw Error::from_errno(error.value(), format("making {}", dir));
    write_file_durably(fs, dir, std::string(base_name(path)), text, false);
}

/// Refuses what would make a configuration that does not parse or a set that cannot run.
void check_answers(const InitAnswers& answers) {
    if (std::string fault = set_name_fault(answers.name); !fault.empty()) {
        throw UsageError(format("--name \"{}\": {}", answers.name, fault));
    }
    auto refuse_bytes = [](std::string_view what, std::string_view text) {
        for (std::string_view rest = text; !rest.empty();) {
            std::size_t length = utf8_sequence_length(rest);
            if (length == 0) throw UsageError(format("{} {} is not UTF-8", what, escape_path(text)));
            rest.remove_prefix(length);
        }
    };
    refuse_bytes("--data", answers.data_dir);
    refuse_bytes("--backup", answers.backup_dir);
    refuse_bytes("--target", answers.target_dir);
    for (const std::string& pattern : answers.exclude) refuse_bytes("--exclude", pattern);
    if (answers.backup_dir == answers.data_dir || is_below(answers.backup_dir, answers.data_dir) ||
        is_below(answers.data_dir, answers.backup_dir)) {
        throw UsageError(format("{} and {} lie inside each other", answers.data_dir, answers.backup_dir),
                         "the backup directory must be somewhere else");
    }
    try {
        archive::parse_compression(answers.compression);
    } catch (const Error& error) {
        throw UsageError(format("--compression: {}", error.message()), error.hint());
    }
    auto volume_bytes = parse_size(answers.volume_size);
    if (!volume_bytes || *volume_bytes < kVolumeBytesMin) {
        throw UsageError(format("--volume-size \"{}\": expected at least {}, written such as \"1GiB\"",
                                answers.volume_size, format_bytes(kVolumeBytesMin)));
    }
    if (!std::filesystem::is_directory(answers.data_dir)) {
        throw Error(Error::Kind::not_found, format("there is no directory {}", answers.data_dir));
    }
}

class InitCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "init",
            .summary = "write a configuration file for a first set",
            .description =
                "Writes a commented configuration file and makes the backup directory. On a\n"
                "terminal it asks for what is not given. Never replaces a configuration file.",
            .example = "icecore init --data /srv/data --backup /srv/backup --exclude '*.tmp'",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--data", "DIR", answers_.data_dir, "the directory to back up");
        arguments.value("--backup", "DIR", answers_.backup_dir,
                        "the directory for the archives, made if missing");
        arguments.value("--name", "NAME", name_, "the set's name (default: the last part of --data)");
        arguments.values("--exclude", "PATTERN", answers_.exclude,
                         "leave out what matches, as in .gitignore; may be repeated");
        arguments.value("--compression", "METHOD", answers_.compression,
                        "zstd:1 to zstd:19, gzip:1 to gzip:12, or none (default zstd:3)");
        arguments.value("--volume-size", "SIZE", answers_.volume_size,
                        "cut archives into files of at most SIZE (default 1GiB)");
        arguments.value("--target", "dir:DIR", target_,
                        "store copies of the archives in DIR, on another disk or machine");
    }
    int run(Session& session) override {
        Io& io = session.io();
        std::string path = new_config_path(io, session.options().config);
        if (path_exists(path)) {
            throw Error(Error::Kind::exists, format("{} is there already", path),
                        "add another [[set]] to it, or name another file with --config");
        }
        complete_answers(io);
        check_answers(answers_);
        std::string text = config_template(answers_);
        parse_config(text, path);
        make_backup_dir(answers_.backup_dir);
        write_config(io.fs, path, text);
        if (!session.messages().quiet) print_next_steps(io, session.options().config, path);
        return kDone;
    }

  private:
    void complete_answers(Io& io) {
        bool may_ask = io.in_is_terminal && io.out_is_terminal;
        auto complete = [&](std::string& answer, std::string_view option, std::string_view question,
                            const std::string& fallback) {
            if (!answer.empty()) return;
            if (!may_ask) {
                throw UsageError(format("{} is missing", option), "on a terminal icecore init asks for it");
            }
            answer = ask(io, question, fallback);
        };
        complete(answers_.data_dir, "--data", "Directory to back up", io.environment("HOME").value_or(""));
        answers_.data_dir = absolute_path(answers_.data_dir, io.cwd);
        std::string default_name(base_name(answers_.data_dir));
        if (!set_name_fault(default_name).empty()) default_name = "data";
        if (name_.empty()) name_ = may_ask ? ask(io, "Name of the set", default_name) : default_name;
        answers_.name = name_;
        complete(answers_.backup_dir, "--backup", "Directory for the archives",
                 "/srv/backup/" + answers_.name);
        answers_.backup_dir = absolute_path(answers_.backup_dir, io.cwd);
        if (target_.empty()) return;
        constexpr std::string_view kScheme = "dir:";
        if (!target_.starts_with(kScheme) || target_.size() == kScheme.size())
            throw UsageError(format("--target \"{}\": expected dir:DIR", target_),
                             "this version stores in directories, such as a mounted disk");
        answers_.target_dir = absolute_path(target_.substr(kScheme.size()), io.cwd);
    }

    void print_next_steps(Io& io, const std::string& option, const std::string& path) const {
        std::string config = option.empty() ? "" : " --config " + shown_path(path);
        io.out << format("wrote {}\n\nNext:\n  icecore{} backup --dry-run\n  icecore{} backup\n",
                         shown_path(path), config, config);
    }

    InitAnswers answers_;
    std::string name_;
    std::string target_;
};

}  // namespace

std::unique_ptr<Command> make_init_command() {
    return std::make_unique<InitCommand>();
}

}  // namespace icecore::cli
