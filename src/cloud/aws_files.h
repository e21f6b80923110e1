#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::cloud {

using Variables = std::function<std::optional<std::string>(const std::string&)>;
using AwsSection = std::map<std::string, std::string>;

/// A profile's settings in the AWS config and credentials files.
struct AwsProfile {
    std::string name;
    AwsSection config;
    AwsSection credentials;
    /// Empty if it is not set. What stands in the credentials file wins.
    std::string get(const std::string& key) const;
};

/// The sections of a file in the format of the AWS files (AWS SDKs and Tools Reference Guide, "Shared config
/// and credentials files"; where that is silent, as Python's configparser reads it, which AWS's command line
/// uses): "[section]", "key = value" or "key: value", keys in any case, lines that begin with '#' or ';' are
/// comments. A line that is indented more than its setting goes on with it; where the setting has no value of
/// its own, such lines are nested settings and left out. Unlike there, " #" begins a comment after a value
/// too (but not in credential_process), and what is said twice is no error: the later counts. Throws
/// Error{invalid} with `path` and line, never with what the line says.
std::map<std::string, AwsSection> parse_aws_file(std::string_view text, std::string_view path);

/// The AWS files of this environment: AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE
/// (~/.aws/config). Without HOME (as services often have it) the user's home directory of the system counts.
/// Files that are not there count as empty.
class AwsFiles {
  public:
    /// Throws Error{invalid} as parse_aws_file and for one over a MiB, Error for one that cannot be read.
    explicit AwsFiles(const Variables& environment);
    /// nullptr if there is none of that name.
    const AwsProfile* find(const std::string& name) const;
    /// For messages: "~/.aws/config and ~/.aws/credentials" with their real names.
    std::string where() const;
    std::vector<std::string> names() const;

  private:
    std::map<std::string, AwsProfile> profiles_;
    std::string config_path_;
    std::string credentials_path_;
};

}  // namespace icecore::cloud
