#include "cli/completion.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "cli/completion_line.h"
#include "cli/config.h"
#include "cli/config_target.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/shell_line.h"
#include "cli/when.h"
#include "engine/backup_dir.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kCandidatesMax = 2'000;
/// Names of a directory that are looked at: some 0.3 s.
constexpr std::size_t kNamesMax = 200'000;

/// Values that are one of few words, by the metavar that they have in --help.
const std::map<std::string, std::vector<std::string>, std::less<>>& choices() {
    static const std::map<std::string, std::vector<std::string>, std::less<>> kChoices = {
        {"TIER", {"bulk", "standard", "expedited"}}, {"WHAT", {"never", "older", "always"}},
        {"WHERE", {"auto", "local", "remote"}},      {"PURPOSE", {"write", "restore"}},
        {"METHOD", {"zstd:3", "gzip:6", "none"}},
    };
    return kChoices;
}

/// Completes one word; each function adds what begins with `typed`, the part of the word that it is about.
class Completer {
  public:
    Completer(const CompletionLine& line, Io& io) : line_(line), io_(io) {}

    Completion complete(const std::string& word) {
        if (line_.awaiting() != nullptr) {
            value(*line_.awaiting(), word);
        } else if (!line_.only_words() && word.starts_with("--") && word.find('=') != std::string::npos) {
            std::size_t equals = word.find('=');
            const Arguments::Option* option = line_.option(word.substr(0, equals));
            result_.before = word.substr(0, equals + 1);
            if (option != nullptr && !option->metavar.empty()) value(*option, word.substr(equals + 1));
        } else if (!line_.only_words() && word.starts_with("-")) {
            options(word);
        } else if (line_.name_is_open()) {
            names(word);
        } else if (std::string metavar = line_.next_word(); !metavar.empty()) {
            operand(metavar, word);
        }
        return std::move(result_);
    }

  private:
    void add(std::string_view typed, const std::string& text, std::string description = {}) {
        if (!text.starts_with(typed) || result_.candidates.size() >= kCandidatesMax) return;
        result_.candidates.push_back({result_.before + text, std::move(description)});
    }

    void options(std::string_view typed) {
        for (const Arguments::Option* option : line_.options()) {
            std::string short_name =
                option->names.substr(0, std::min(option->names.find(','), option->names.size()));
            if (typed == short_name) add(typed, short_name, option->help);
            add(typed, option->long_name(), option->help);
        }
    }

    /// The next word of the command's name.
    void names(std::string_view typed) {
        std::string begin = line_.group().empty() ? "" : line_.group() + " ";
        std::string last;
        for (const auto& command : line_.commands()) {
            std::string_view name = command->texts().name;
            if (!name.starts_with(begin)) continue;
            std::string_view rest = name.substr(begin.size());
            std::string next(rest.substr(0, rest.find(' ')));
            bool group = next.size() < rest.size();
            if (group && next == last) continue;
            last = next;
            add(typed, next,
                group ? format("icecore {} --help says more", next) : std::string(command->texts().summary));
        }
        if (line_.name().empty()) add(typed, "help", "help on a command");
    }

    void value(const Arguments::Option& option, const std::string& typed) {
        if (option.long_name() == "--set")
            sets(typed);
        else
            operand(option.metavar, typed);
    }

    void operand(const std::string& metavar, const std::string& typed) {
        if (auto found = choices().find(metavar); found != choices().end()) {
            for (const std::string& choice : found->second) add(typed, choice);
        } else if (metavar == "FILE") {
            result_.kind = Completion::Kind::files;
        } else if (metavar == "DIR") {
            result_.kind = Completion::Kind::directories;
        } else if (metavar == "WHEN" || metavar.starts_with("RUN")) {
            runs(typed);
        } else if (metavar == "PATH") {
            paths(typed);
        } else if (metavar == "VAULT") {
            vaults(typed);
        } else if (metavar == "TARGET") {
            target(typed);
        }
    }

    const Config& config() {
        if (config_) return *config_;
        auto path = find_config(io_, line_.given("--config"));
        if (!path) throw Error(Error::Kind::not_found, "no configuration");
        config_ = load_config(*path);
        return *config_;
    }

    void sets(std::string_view typed) {
        for (const engine::SetOptions& set : config().sets) add(typed, set.name, shown_path(set.data_dir));
    }

    void vaults(std::string_view typed) {
        std::vector<std::string> seen;
        for (const engine::SetOptions& set : config().sets) {
            const std::string& vault = set.target.vault;
            if (vault.empty() || std::find(seen.begin(), seen.end(), vault) != seen.end()) continue;
            seen.push_back(vault);
            add(typed, vault, format("target of {}", set.name));
        }
    }

    const engine::SetOptions& set() {
        std::string name = line_.given("--set");
        const std::vector<engine::SetOptions>& all = config().sets;
        if (name.empty() && all.size() == 1) return all.front();
        for (const engine::SetOptions& set : all)
            if (set.name == name) return set;
        throw Error(Error::Kind::not_found, "no such set");
    }

    const catalog::Catalog& catalog() {
        if (!catalog_)
            catalog_ = catalog::Catalog::open_read_only(join_path(set().backup_dir, engine::kCatalogName));
        return *catalog_;
    }

    /// Numbers, newest first; days once somebody begins to type one.
    void runs(std::string_view typed) {
        std::vector<catalog::Run> all = catalog().runs();
        add(typed, "latest", "the newest run");
        std::string last_day;
        std::reverse(all.begin(), all.end());
        for (const catalog::Run& run : all) {
            std::string started = format_local(run.header.started);
            if (typed.find('-') == std::string_view::npos) {
                std::string_view kind = run.header.kind == catalog::RunKind::full ? "full" : "incremental";
                add(typed, format("{}", run.number()), format("{}, {}", started, kind));
            } else if (std::string day = started.substr(0, started.find(' ')); day != last_day) {
                add(typed, day, format("run {}", run.number()));
                last_day = day;
            }
        }
    }

    /// What is in the directory of the run that the typed path has got to.
    void paths(const std::string& typed) {
        const std::string& data = set().data_dir;
        std::string root = data == "/" ? data : data + "/";
        if (typed.starts_with('/') && root.starts_with(typed)) {
            if (typed != root) return add(typed, root);
        }
        std::string dir = typed.substr(0, typed.rfind('/') + 1);  // with its slash, as it was typed
        std::string path = dir.empty() ? "" : data_path(dir, data);
        std::string_view begin = std::string_view(typed).substr(dir.size());
        std::vector<catalog::Run> all = catalog().runs();
        catalog::RunNumber at = resolve_when(line_.given("--at"), all, io_.clock.now()).number();
        std::optional<catalog::Entry> entry = catalog().lookup(at, path);
        if (!entry || entry->stat.type != FileType::directory) return;
        auto children = catalog().open_children(entry->node, at);
        for (std::size_t i = 0; i < kNamesMax; ++i) {
            const catalog::Entry* child = children->next();
            if (child == nullptr) return;
            bool directory = child->stat.type == FileType::directory;
            if (child->name.starts_with(begin)) add(typed, dir + child->name + (directory ? "/" : ""));
        }
    }

    /// s3://BUCKET/PREFIX?KEY=VALUE&…, dir:DIR, glacier:VAULT?KEY=…
    void target(const std::string& typed) {
        static const std::map<std::string, std::string> kSchemes = {{"s3://", "s3"}, {"glacier:", "glacier"}};
        constexpr std::string_view kDir = "dir:";
        if (typed.starts_with(kDir)) return local_directories(typed, kDir);
        std::size_t key = typed.find_last_of("?&");
        if (typed.find('?') != std::string::npos) {
            for (const auto& [scheme, type] : kSchemes) {
                if (!typed.starts_with(scheme)) continue;
                for (const std::string& name : target_keys(type)) keys(typed, typed.substr(0, key + 1), name);
            }
            return;
        }
        add(typed, std::string(kDir), "a directory on another disk or machine");
        add(typed, "s3://", "a bucket of S3: s3://BUCKET/PREFIX");
        add(typed, "glacier:", "an Amazon Glacier vault");
    }

    /// Of [set.target], without what stands elsewhere in the argument, and what is no single value.
    void keys(std::string_view typed, const std::string& before, const std::string& name) {
        static constexpr std::array<std::string_view, 6> kElsewhere = {"type",  "bucket", "prefix",
                                                                       "vault", "path",   "object_lock"};
        if (std::find(kElsewhere.begin(), kElsewhere.end(), name) == kElsewhere.end())
            add(typed, before + name + "=");
    }

    void local_directories(const std::string& typed, std::string_view scheme) {
        std::string dir =
            typed.substr(scheme.size(), typed.rfind('/') + 1 - std::min(typed.rfind('/') + 1, scheme.size()));
        std::string place = absolute_path(dir, io_.cwd);
        for (const std::string& name : list_directory(place)) {
            struct stat stat {};
            bool directory = ::stat(join_path(place, name).c_str(), &stat) == 0 && S_ISDIR(stat.st_mode);
            if (directory) add(typed, format("{}{}{}/", scheme, dir, name));
        }
    }

    const CompletionLine& line_;
    Io& io_;
    Completion result_;
    std::optional<Config> config_;
    std::unique_ptr<catalog::Catalog> catalog_;
};

std::string_view kind_name(Completion::Kind kind) {
    switch (kind) {
        case Completion::Kind::files:
            return "files";
        case Completion::Kind::directories:
            return "directories";
        case Completion::Kind::words:
            break;
    }
    return "words";
}

/// The candidates of a line of bash, as it will put them in the place of `replaced`, the end of the line: as
/// text that is typed, without what bash leaves as it is, because it breaks words at = and :, too.
void fit_to_line(Completion& completion, const ShellWord& word, std::string_view replaced) {
    std::size_t kept = 0;
    if (word.raw.ends_with(replaced))
        kept = shell_words(word.raw.substr(0, word.raw.size() - replaced.size())).back().text.size();
    for (Completion::Candidate& candidate : completion.candidates)
        candidate.text = shell_typed(
            std::string_view(candidate.text).substr(std::min(kept, candidate.text.size())), word.open);
}

}  // namespace

Completion complete_words(const std::vector<std::string>& words, Io& io) {
    CHECK(!words.empty());
    CompletionLine line({words.begin(), words.end() - 1});
    return Completer(line, io).complete(words.back());
}

void run_complete(const std::vector<std::string>& args, Io& io) {
    try {
        Completion completion;
        if (args.size() > 1 && args[0] == "words") {
            completion = complete_words({args.begin() + 1, args.end()}, io);
        } else if (args.size() == 3 && args[0] == "line") {
            std::vector<ShellWord> typed = shell_words(args[1]);
            std::vector<std::string> words;
            for (auto word = typed.begin() + 1; word < typed.end(); ++word) words.push_back(word->text);
            if (words.empty()) return;
            completion = complete_words(words, io);
            fit_to_line(completion, typed.back(), args[2]);
        } else {
            return;
        }
        std::string out = format("{}", kind_name(completion.kind)) + '\0' + completion.before + '\0';
        for (const Completion::Candidate& candidate : completion.candidates)
            out += candidate.text + '\0' + candidate.description + '\0';
        io.out << out;
        io.out.flush();
    } catch (const std::exception&) {  // nothing to offer: whoever pressed a key wants no message in between
    }
}

}  // namespace icecore::cli
