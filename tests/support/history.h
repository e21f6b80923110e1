#pragma once

// Random histories of a directory tree, for tests that compare what a restore gives back with what was there.
//
// A history is a list of runs, a run a list of steps. A step names its victims by index into the sorted list
// of what exists when it is applied, so that it means something in any tree: removing or shrinking other
// steps never makes it invalid, at worst it does nothing. The generator for RapidCheck is in history_gen.h.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace icecore::testing {

/// What a step does. Order matters for shrinking only: a counterexample shrinks towards the first.
enum class Action : std::uint8_t {
    create_file,      ///< in directory `first`; size class by `value`, 0 to 100 KiB
    make_directory,   ///< in directory `first`
    append,           ///< to file `first`
    overwrite,        ///< same size, other bytes, in place
    overwrite_quiet,  ///< the same, and the old mtime set again: only ctime tells
    truncate,         ///< to a size by `value`, shorter or longer
    remove_file,      ///< any one name that is no directory
    touch,  ///< mtime: 1 ns on, far past, before 1970, far future, whole second, that of `second`; the root
            ///< too
    change_mode,   ///< all 12 bits; files, directories, the root
    change_owner,  ///< root only; symbolic links too
    set_xattr,     ///< user.*, and security.capability on a file by root
    remove_file_xattr,
    remove_directory_xattr,  ///< GNU tar's extractor cannot do this to a directory that stays
    set_acl,                 ///< access ACL with a named user and group; default ACL on some directories
    remove_acl,
    create_sparse,  ///< up to 4 MiB: hole only, hole first, hole last, many extents
    make_symlink,   ///< relative, absolute, dangling, with "..", long, to itself
    make_fifo,
    make_device,  ///< root only
    remove_tree,  ///< rm -rf a directory
    rename,       ///< `first` to another name in its directory
    move,         ///< `first` to directory `second`, to a new name or keeping its own
    swap_files,   ///< `first` and `second` exchange their names; neither is a directory
    swap_directories,
    swap_any,
    rotate_directories,  ///< a → b → c → a
    rotate_any,
    move_onto_file,       ///< `first` replaces the existing `second`; neither is a directory
    move_onto_directory,  ///< directory `first` replaces the empty directory `second`
    rescue_file,          ///< mv d/f elsewhere; rm -rf d
    shift_directory,      ///< mv a z; mkdir a (sometimes with a file of a name that was there)
    nest_directory,       ///< mv a t; mkdir a; mv t a/name
    hoist_directory,      ///< mv a/b t; rm -rf a; mv t a
    invert_directories,   ///< a/b becomes a, a becomes its child
    change_type,          ///< `first` is removed and something else takes its name
    recreate,             ///< `first` is removed and a new thing of its type takes its name
    copy_file,            ///< cp -p: same bytes, mode, owner and mtime
    link,            ///< a new name for `first` (file, symbolic link, fifo, device) in directory `second`
    link_over,       ///< ln -f: `first` gets the name of the existing `second` too
    break_link,      ///< one name of a link group becomes a cp -p of its own
    move_linked,     ///< one name of a link group goes to directory `second`
    replace_linked,  ///< a new file takes one name of a link group
    write_linked,    ///< append to a file with several names
};

struct Step {
    Action action = Action::create_file;
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    std::uint32_t name = 0;   ///< index of a new name; the next free one is taken
    std::uint32_t value = 0;  ///< size class, mode, seed of the bytes …
    bool operator==(const Step&) const = default;
};

using Steps = std::vector<Step>;
using History = std::vector<Steps>;

/// Which steps a history may have. The default is all of them.
struct Mix {
    bool moves = true;
    bool hard_links = true;
    bool type_changes = true;
    bool directory_removal = true;
    bool directory_xattr_removal = true;  ///< see Action::remove_directory_xattr
};

/// Creations, changes of content and metadata, deletions of files: what GNU tar's own --listed-incremental
/// gets right.
inline constexpr Mix kPlainMix{.moves = false,
                               .hard_links = false,
                               .type_changes = false,
                               .directory_removal = false,
                               .directory_xattr_removal = false};

/// A tree that steps made never holds more names, nor names in deeper directories (the root is 0).
inline constexpr std::size_t kEntriesMax = 80;
inline constexpr std::size_t kDepthMax = 6;

/// Does `step` in the directory `root` and says what it did ("rename a/b -> a/c", paths by escape_path); ""
/// if there was no legal victim and nothing happened. Works by *at calls relative to `root` and never follows
/// a link. As an ordinary user, what only root can do is a no-op and modes keep the owner's access. Throws
/// Error if the system fails.
std::string apply_step(const Step& step, const std::string& root);

/// Applies all steps of a run; what each that did something did, a line each.
std::vector<std::string> apply_steps(const Steps& run, const std::string& root);

/// A history by `seed` alone: the same on every machine. The first run has three times `steps_per_run` steps,
/// mostly creations; later runs favour renames, moves and hard links. Every run has exactly its number of
/// steps.
History random_history(std::uint64_t seed, std::size_t runs, std::size_t steps_per_run, const Mix& mix = {});

/// "rename(3, 0, 0, name 2, value 17)".
std::string to_string(const Step& step);
std::ostream& operator<<(std::ostream& out, const Step& step);
/// How RapidCheck prints a step of a counterexample.
void showValue(const Step& step, std::ostream& out);

}  // namespace icecore::testing
