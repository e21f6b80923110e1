#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::cli {

/// What `init` knows of a set.
struct InitAnswers {
    std::string name;
    std::string data_dir;
    std::string backup_dir;
    std::vector<std::string> exclude;
    std::string compression = "zstd:3";
    std::string volume_size = "1GiB";
    std::string target;                   ///< lines of the table [set.target]; empty: none
    std::string report = {};              ///< lines of the table [report]; empty: none
    std::string mail_password_file = {};  ///< what `init` made for them; empty: none
};

/// `text` (valid UTF-8) as a TOML basic string, quotes included.
std::string toml_string(std::string_view text);

/// A configuration file with one set, every key explained.
std::string config_template(const InitAnswers& answers);

}  // namespace icecore::cli
