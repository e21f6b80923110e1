#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace icecore::cloud {

using Variables = std::function<std::optional<std::string>(const std::string&)>;

/// A profile's settings in the AWS config and credentials files: what stands in the credentials file wins.
struct AwsProfile {
    std::string name;
    std::map<std::string, std::string> settings;
    /// Empty if it is not set.
    std::string get(const std::string& key) const;
};

/// The AWS files of this environment: AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE
/// (~/.aws/config). Files that are not there count as empty.
class AwsFiles {
  public:
    /// Throws Error{invalid} naming file and line for what is no such file, Error for one that cannot be
    /// read.
    explicit AwsFiles(const Variables& environment);
    /// nullptr if there is none of that name.
    const AwsProfile* find(const std::string& name) const;
    /// For messages: "~/.aws/config and ~/.aws/credentials" with their real names.
    const std::string& where() const { return where_; }
    std::vector<std::string> names() const;

  private:
    void read(const std::string& path, bool config_file);
    std::map<std::string, AwsProfile> profiles_;
    std::string where_;
};

}  // namespace icecore::cloud
