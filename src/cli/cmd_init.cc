#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/format.h"
#include "base/shell.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/config_template.h"
#include "cli/init_dialog.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/target_argument.h"
#include "cli/usage_error.h"
#include "engine/aws_connection.h"
#include "engine/bucket_setup.h"
#include "engine/iam_policy.h"

namespace icecore::cli {
namespace {

/// Where a new configuration goes when nothing names a place.
std::string new_config_path(const Io& io, const std::string& option) {
    if (auto path = find_config(io, option)) return *path;
    return io.privileged ? default_config_paths(io).back() : default_config_paths(io).front();
}

void write_config(FileSystem& fs, const std::string& path, const std::string& text) {
    std::string dir = std::filesystem::path(path).parent_path().string();
    make_directories(dir);
    write_file_durably(fs, dir, std::string(base_name(path)), text, false);
}

/// Refuses what would make a configuration that does not parse or a set that cannot run.
void check_answers(const InitAnswers& answers) {
    if (std::string fault = set_name_fault(answers.name); !fault.empty()) {
        throw UsageError(format("--name \"{}\": {}", answers.name, fault));
    }
    require_utf8("--data", answers.data_dir);
    require_utf8("--backup", answers.backup_dir);
    require_utf8("--target", answers.target);
    for (const std::string& pattern : answers.exclude) require_utf8("--exclude", pattern);
    check_backup_dir(answers.backup_dir, answers.data_dir);
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
    check_data_dir(answers.data_dir);
}

class InitCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "init",
            .summary = "write a configuration file for a first set",
            .description =
                "Writes a commented configuration file and makes the backup directory. On a\n"
                "terminal, without --data or --backup, it asks some questions, tries each answer\n"
                "out and offers the first backup. Never replaces a configuration file.\n"
                "Where there is one, --print-iam and --add-lifecycle-rule speak of its targets.",
            .example =
                "icecore init --data /srv/data --backup /srv/backup --exclude '*.tmp'\n"
                "icecore init --data /srv/data --backup /srv/backup \\\n"
                "    --target 's3://my-backups/attic?region=eu-west-1'\n"
                "icecore init --print-iam write >policy.json",
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
        arguments.value("--target", "TARGET", target_,
                        "store copies of the archives there: dir:DIR, glacier:VAULT or "
                        "s3://BUCKET/PREFIX?KEY=VALUE&...");
        arguments.flag("--add-lifecycle-rule", add_rule_,
                       "let the bucket give up unfinished uploads after 7 days; other rules stay");
        arguments.value("--print-iam", "PURPOSE", print_iam_,
                        "print the least policy to \"write\" or to \"restore\" only");
    }
    int run(Session& session) override {
        Io& io = session.io();
        if (!print_iam_.empty()) return print_iam(session);
        std::string path = new_config_path(io, session.options().config);
        if (path_exists(path)) {
            if (add_rule_ && target_.empty()) return add_rules(session);
            throw Error(Error::Kind::exists, format("{} is there already", path),
                        "add another [[set]] to it, or name another file with --config");
        }
        bool missing = answers_.data_dir.empty() || answers_.backup_dir.empty();
        bool ask = missing && io.in_is_terminal && io.out_is_terminal;
        InitWishes wishes;
        answers_.name = name_;
        if (ask)
            wishes =
                ask_for_set(session, answers_, target_, std::filesystem::path(path).parent_path().string());
        else
            complete_answers(io);
        check_answers(answers_);
        std::string text = config_template(answers_);
        parse_config(text, path);
        make_backup_dir(answers_.backup_dir);
        write_config(io.fs, path, text);
        if (!session.messages().quiet) print_next_steps(session, path, ask);
        if (add_rule_) add_rule(session, parse_target_lines(answers_.target, target_));
        return ask ? begin_set(session, path, wishes) : kDone;
    }

  private:
    /// Options alone.
    void complete_answers(const Io& io) {
        auto require = [](const std::string& answer, std::string_view option) {
            if (answer.empty())
                throw UsageError(format("{} is missing", option), "on a terminal icecore init asks for it");
        };
        require(answers_.data_dir, "--data");
        answers_.data_dir = absolute_path(answers_.data_dir, io.cwd);
        if (answers_.name.empty()) answers_.name = default_set_name(answers_.data_dir);
        require(answers_.backup_dir, "--backup");
        answers_.backup_dir = absolute_path(answers_.backup_dir, io.cwd);
        if (!target_.empty()) answers_.target = target_lines(target_, io.cwd);
    }

    static bool is_bucket(const engine::TargetOptions& target) {
        return target.type == engine::TargetOptions::Type::s3;
    }

    void print_next_steps(Session& session, const std::string& path, bool asked) const {
        Io& io = session.io();
        std::string config = session.options().config.empty() ? "" : " --config " + shell_quoted(path);
        io.out << format("wrote {}\n", shown_path(path));
        if (!asked) {
            io.out << "\nNext:\n";
            if (!answers_.target.empty()) io.out << format("  icecore{} doctor\n", config);
            io.out << format("  icecore{0} backup --dry-run\n  icecore{0} backup\n", config);
        }
        engine::TargetOptions target;
        if (!answers_.target.empty()) target = parse_target_lines(answers_.target, target_);
        if (!is_bucket(target) || add_rule_) return;
        io.out << format(
            "\nWhat is left of uploads that never end is paid for. The bucket gives it up after {} days by\n"
            "itself once it has a rule for that:\n  icecore{} init --add-lifecycle-rule\n"
            "adds it and leaves all other rules as they are. By hand: if the bucket has no rules yet (the\n"
            "command replaces all that it has), save this as rule.json\n{}and run\n  {}\n",
            engine::kAbortDays, config, engine::abort_rule_json(target),
            engine::abort_rule_command(session.environment(), target, "rule.json"));
    }

    static void add_rule(Session& session, const engine::TargetOptions& target) {
        if (!is_bucket(target))
            throw UsageError("--add-lifecycle-rule is for buckets of S3, and the target is none");
        std::unique_ptr<TerminalObserver> observer = session.observer();
        engine::add_abort_rule(session.environment(), target, *observer);
        session.messages().note(
            format("bucket {} gives up unfinished uploads after {} days", target.bucket, engine::kAbortDays));
    }

    static int add_rules(Session& session) {
        std::vector<const engine::SetOptions*> sets = session.sets();
        std::erase_if(sets, [](const engine::SetOptions* set) { return !is_bucket(set->target); });
        if (sets.empty())
            throw UsageError("--add-lifecycle-rule is for buckets of S3, and the configuration has none",
                             "type = \"s3\" in [set.target] names one: see icecore.toml(5)");
        for (const engine::SetOptions* set : sets) add_rule(session, set->target);
        return kDone;
    }

    int print_iam(Session& session) const {
        static const std::vector<std::string> kPurposes = {"write", "restore"};
        if (std::find(kPurposes.begin(), kPurposes.end(), print_iam_) == kPurposes.end())
            throw UsageError(format("--print-iam \"{}\": expected \"write\" or \"restore\"", print_iam_),
                             did_you_mean(print_iam_, kPurposes, "\"", ""));
        engine::Environment environment = session.environment();
        std::vector<engine::IamPlace> places;
        engine::TargetOptions given;
        auto add = [&](const engine::TargetOptions& target, const std::string& set) {
            bool has_policies = is_bucket(target) || target.type == engine::TargetOptions::Type::glacier;
            if (has_policies)
                places.push_back({target, target.host.empty() ? environment.host : target.host, set,
                                  engine::named_region(environment, target.aws)});
        };
        if (!target_.empty()) {
            given = parse_target_lines(target_lines(target_, session.io().cwd), target_);
            add(given, name_.empty() ? "*" : name_);
        } else {
            for (const engine::SetOptions* set : session.sets()) add(set->target, set->name);
        }
        if (places.empty())
            throw UsageError("there are policies for S3 and vaults only, and there is no such target",
                             "icecore init --print-iam write --target s3://BUCKET/PREFIX");
        session.io().out << engine::iam_policy(
            places, print_iam_ == "write" ? engine::IamPurpose::write : engine::IamPurpose::restore);
        session.io().out.flush();
        return kDone;
    }

    InitAnswers answers_;
    std::string name_;
    std::string target_;
    std::string print_iam_;
    bool add_rule_ = false;
};

}  // namespace

std::unique_ptr<Command> make_init_command() {
    return std::make_unique<InitCommand>();
}

}  // namespace icecore::cli
