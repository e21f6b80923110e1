#pragma once

#include <string>
#include <vector>

#include "engine_fixture.h"
#include "support/command.h"
#include "support/tree_compare.h"

namespace icecore::testing {

/// The shell script that icecore grew out of: `tar --listed-incremental=archive.snar` into a directory, time
/// after time. Beside it, what bare tar makes of the archives.
class OldScript {
  public:
    struct Options {
        std::string format = "gnu";
        std::string suffix = ".tar.gz";
        bool attributes = false;  ///< --xattrs --acls
        bool sparse = true;
    };

    OldScript(const EngineFixture& fixture, Options options)
        : fixture_(fixture),
          options_(std::move(options)),
          dir_(fixture.temp().make_dir("old")),
          bare_(fixture.temp().make_dir("bare")) {}

    const std::string& dir() const { return dir_; }
    const std::string& bare() const { return bare_; }
    std::string path(const std::string& name) const { return join_path(dir_, name); }
    const std::vector<std::string>& names() const { return names_; }

    /// Makes the next archive of `data` ("." in it, or other names in another directory). Returns its name.
    std::string run(std::string name = {}, const std::string& in = {},
                    const std::vector<std::string>& what = {"."}) {
        if (name.empty()) name = "backup-" + std::to_string(names_.size() + 1) + options_.suffix;
        Argv argv = {"tar",
                     "--format=" + options_.format,
                     "--listed-incremental=" + path("archive.snar"),
                     "-c",
                     "-f",
                     path(name),
                     "-C",
                     in.empty() ? fixture_.set.data_dir : in};
        if (name.ends_with("gz")) argv.insert(argv.begin() + 1, "-z");
        if (name.ends_with(".zst")) argv.insert(argv.begin() + 1, "--zstd");
        if (options_.sparse) argv.insert(argv.begin() + 1, "--sparse");
        if (options_.attributes) argv.insert(argv.begin() + 1, {"--xattrs", "--xattrs-include=*", "--acls"});
        argv.insert(argv.end(), what.begin(), what.end());
        CommandOptions options;
        options.env = {"LC_ALL=C"};
        last_ = run_command(argv, options);
        names_.push_back(name);
        wait_for_next_tick(fixture_.temp().path());
        return name;
    }

    /// What tar does with an archive, given what it did with those before. Its complaints are part of the
    /// game. In the directory itself, not with -C: there tar 1.34 cannot make the temporary directory through
    /// which it lets directories change places.
    void extract(const std::string& file) {
        std::vector<Argv> programs;
        if (file.ends_with("gz")) programs = {{"gzip", "-dc", file}};
        if (file.ends_with(".zst")) programs = {{"zstd", "-dc", file}};
        if (programs.empty()) programs = {{"cat", file}};
        programs.push_back({"tar", "--incremental", "--xattrs", "--xattrs-include=*", "--acls", "-xpf", "-"});
        CommandOptions options;
        options.cwd = bare_;
        options.env = {"LC_ALL=C"};
        last_ = run_pipeline(programs, options);
    }
    const CommandResult& last() const { return last_; }

  private:
    const EngineFixture& fixture_;
    Options options_;
    std::string dir_;
    std::string bare_;
    std::vector<std::string> names_;
    CommandResult last_;
};

/// Without fractions of seconds, as archives of other formats than pax tell times.
inline TreeSnapshot in_whole_seconds(TreeSnapshot tree) {
    for (auto& [path, entry] : tree.entries) entry.mtime.nsec = 0;
    return tree;
}

}  // namespace icecore::testing
