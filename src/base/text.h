#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace icecore {

/// Paths are bytes. In JSON (manifest, --json) and on terminals they are text, by one reversible escape:
/// valid UTF-8 stands for itself, except control characters (U+0000 … U+001F, U+007F … U+009F) and the
/// backslash; these and every byte that is not part of valid UTF-8 are written `\xHH` (two lower-case hex
/// digits).
std::string escape_path(std::string_view path);

/// Undoes escape_path. nullopt when a backslash is not followed by `xHH`.
std::optional<std::string> unescape_path(std::string_view text);

/// Foreign text for a message: one line of valid UTF-8 without control characters, of some `bytes_max` bytes;
/// "…" ends what was cut.
std::string quotable(std::string_view text, std::size_t bytes_max = 300);

/// Length in bytes of the valid UTF-8 sequence at the front of `text` (1 to 4), or 0 if there is none.
std::size_t utf8_sequence_length(std::string_view text);

/// The first line of `text`, without its end; `text` loses both.
std::string_view take_line(std::string_view& text);

/// Without blanks and line breaks at both ends.
std::string_view trimmed(std::string_view text);

/// "dir" + "name" → "dir/name"; an empty dir (the root) gives "name".
std::string join_path(std::string_view dir, std::string_view name);

/// "a/b/c" → "a/b"; a name without slash gives "" (the root).
std::string_view parent_path(std::string_view path);

/// "a/b/c" → "c".
std::string_view base_name(std::string_view path);

/// Whether `path` is `dir` itself or below it; everything is below the root "".
bool is_below(std::string_view path, std::string_view dir);

/// Lower-case hex of `bytes`.
std::string to_hex(std::string_view bytes);
/// Undoes to_hex; nullopt for odd length or other characters.
std::optional<std::string> from_hex(std::string_view hex);

}  // namespace icecore
