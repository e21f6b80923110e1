#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "base/error.h"

namespace icecore::cli {

/// `text` without anything that a terminal could take for a command: control characters (C1 too) and bytes
/// that are not UTF-8 become `\xHH`. Unlike escape_path it leaves backslashes alone, so that text with
/// escaped paths in it may pass through again.
std::string printable(std::string_view text);

/// What the program says about itself, on stderr: "icecore: error: …", "icecore: warning: …", "hint: …".
class Messages {
  public:
    enum class Style : std::uint8_t {
        text,
        journal,  ///< for systemd's journal: lines with their priority in front, as in sd-daemon(3)
        events,   ///< a line of JSON for each (doc/json.md, "Events")
    };

    explicit Messages(std::ostream& err) : err_(err) {}

    void error(const Error& error);
    void error(std::string_view message, std::string_view hint = {});
    /// Not with --quiet.
    void warning(std::string_view message);
    /// A remark, not with --quiet.
    void note(std::string_view message);
    /// Only with --verbose.
    void detail(std::string_view message);

    bool quiet = false;
    bool verbose = false;
    bool color = false;
    Style style = Style::text;

  private:
    enum class Level : std::uint8_t { error, warning, note };
    void print(Level level, std::string_view message, std::string_view hint = {});
    std::ostream& err_;
};

}  // namespace icecore::cli
