#include "base/format.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/path_argument.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/when.h"

namespace icecore::cli {
namespace {

using catalog::Entry;

bool is_directory(const Entry& entry) {
    return entry.stat.type == FileType::directory;
}

/// Prints the entries of a listing one by one, as text or as objects of one JSON array.
class Listing {
  public:
    Listing(std::ostream& out, bool as_json) : out_(out), as_json_(as_json), json_(out) {}

    void begin(const std::string& set, catalog::RunNumber run) {
        if (!as_json_) return;
        json_.writer().begin_object().field("set", set).field("run", run).key("entries").begin_array();
    }

    /// The heading of a directory in a recursive listing.
    void directory(const std::string& path) {
        if (as_json_) return;
        out_ << (first_ ? "" : "\n") << shown_path(path) << ":\n";
        first_ = false;
    }

    /// `name` is what text shows, `path` what JSON has.
    void entry(const std::string& name, const std::string& path, const Entry& entry) {
        if (!as_json_) {
            print_line(name, entry);
            return;
        }
        json_.writer().begin_object().key("path").path(path);
        write_entry_fields(json_.writer(), entry);
        json_.writer().field("added", entry.added).end_object();
        json_.flush_some();
    }

    void end() {
        if (!as_json_) return;
        json_.writer().end_array().end_object();
        json_.finish();
    }

  private:
    /// Widths are fixed so that nothing is held back, however many lines there are.
    void print_line(const std::string& name, const Entry& entry) {
        const FileStat& stat = entry.stat;
        bool device = stat.type == FileType::char_device || stat.type == FileType::block_device;
        std::string size =
            device ? format("{}, {}", stat.rdev_major, stat.rdev_minor) : format("{}", stat.size);
        out_ << format("{} {:>5} {:>5} {:>12} {} {}", mode_text(stat), stat.uid, stat.gid, size,
                       format_local(stat.mtime), shown_path(name));
        if (stat.type == FileType::symlink) out_ << " -> " << shown_path(entry.link_target);
        out_ << '\n';
    }

    std::ostream& out_;
    bool as_json_;
    bool first_ = true;
    JsonOutput json_;
};

/// A directory's children; with `recursive`, below a heading each, also those of all directories below. What
/// waits are the names of the subdirectories on the way.
void list_directory_tree(const catalog::Catalog& catalog, catalog::RunNumber at, const std::string& start,
                         catalog::NodeId start_node, bool recursive, Listing& listing) {
    struct Pending {
        std::string path;
        catalog::NodeId node;
    };
    std::vector<Pending> stack{{start, start_node}};
    while (!stack.empty()) {
        Pending here = std::move(stack.back());
        stack.pop_back();
        if (recursive) listing.directory(here.path);
        std::vector<Pending> below;
        catalog.children(here.node, at, [&](const Entry& entry) {
            std::string path = join_path(here.path, entry.name);
            listing.entry(entry.name, path, entry);
            if (recursive && is_directory(entry)) below.push_back({std::move(path), entry.node});
        });
        stack.insert(stack.end(), std::make_move_iterator(below.rbegin()),
                     std::make_move_iterator(below.rend()));
    }
}

class LsCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "ls",
            .summary = "list the files of a run",
            .description =
                "Lists a directory as it was at a run, or names a file: mode, owner, group, size\n"
                "in bytes, time of the last change, name.",
            .example =
                "icecore ls\nicecore ls --at 3d projects/thesis\nicecore ls -R --at 2026-11-20 /srv/data/etc",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.value("--at", "WHEN", when_,
                        "a run number, a date or time, latest (default), or a span such as 3d");
        arguments.flag("-R,--recursive", recursive_, "list all directories below, too");
        arguments.word("PATH", path_, "relative to the data directory, or absolute inside it", false);
    }
    int run(Session& session) override {
        const engine::SetOptions& set = session.set();
        std::string path = path_.empty() ? "" : data_path(path_, set.data_dir);
        OpenedSet opened = open_set(session, set);
        catalog::RunNumber at = resolve_when(when_, opened.runs, session.io().clock.now()).number();
        auto entry = opened.catalog->lookup(at, path);
        if (!entry) {
            throw Error(Error::Kind::not_found, format("{} is not in run {}", shown_path(path), at),
                        "icecore find NAME shows which runs hold a file");
        }
        Listing listing(session.io().out, session.options().json);
        listing.begin(set.name, at);
        if (is_directory(*entry)) {
            list_directory_tree(*opened.catalog, at, path, entry->node, recursive_, listing);
        } else {
            listing.entry(path, path, *entry);
        }
        listing.end();
        return kDone;
    }

  private:
    std::string when_;
    std::string path_;
    bool recursive_ = false;
};

}  // namespace

std::unique_ptr<Command> make_ls_command() {
    return std::make_unique<LsCommand>();
}

}  // namespace icecore::cli
