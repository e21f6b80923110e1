#include "cloud/aws_files.h"

#include <pwd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/shell_words.h"

namespace icecore::cloud {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trim(std::string_view text) {
    std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// "value # comment": a comment needs a blank before it.
std::string_view without_comment(std::string_view value) {
    for (std::size_t i = 1; i < value.size(); ++i)
        if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
            return trim(value.substr(0, i));
    return value;
}

std::string home_of_user() {
    passwd entry{};
    passwd* found = nullptr;
    std::string buffer(16 << 10, '\0');
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return {};
    return entry.pw_dir;
}

std::string file_name(const Variables& environment, const std::string& variable, const std::string& name) {
    std::string path = environment(variable).value_or("");
    if (path.empty()) path = "~/.aws/" + name;
    if (!path.starts_with("~/")) return path;
    std::string home = environment("HOME").value_or("");
    if (home.empty()) home = home_of_user();
    return home.empty() ? "" : home + path.substr(1);
}

std::map<std::string, AwsSection> read_aws_file(const std::string& path) {
    if (path.empty() || !path_exists(path)) return {};
    try {
        return parse_aws_file(read_file(path, kFileBytesMax), path);
    } catch (Error& e) {
        e.add_context("looking for AWS credentials");
        throw;
    }
}

/// "default", or `profile NAME`, where NAME may be quoted. Others (sso-session, services) are no profiles.
std::optional<std::string> profile_of_config_section(const std::string& section) {
    if (section == "default") return section;
    try {
        std::vector<std::string> words = split_words(section);
        if (words.size() == 2 && words[0] == "profile") return words[1];
    } catch (const Error&) {
        // a quote that is not closed: not a name
    }
    return std::nullopt;
}

/// Reads line after line into the sections.
class Parser {
  public:
    explicit Parser(std::string_view path) : path_(path) {}

    void line(std::string_view raw) {
        ++number_;
        std::string_view text = trim(raw);
        if (text.empty() || text[0] == '#' || text[0] == ';') return;
        std::size_t indent = raw.find_first_not_of(kBlanks);
        if (value_ != nullptr && indent > indent_) {
            if (!value_->empty()) value_->append("\n").append(text);
            return;
        }
        indent_ = indent;
        if (text[0] == '[')
            begin_section(text);
        else
            setting(text);
    }

    std::map<std::string, AwsSection> sections;

  private:
    [[noreturn]] void fail(std::string_view why) const {
        throw Error(Error::Kind::invalid, format("{}:{}: {}", path_, number_, why));
    }

    void begin_section(std::string_view text) {
        std::size_t end = text.find(']');
        if (end == std::string_view::npos) fail("a section needs its ']'");
        section_ = &sections[std::string(trim(text.substr(1, end - 1)))];
        value_ = nullptr;
    }

    void setting(std::string_view text) {
        if (section_ == nullptr) fail("expected a section such as [default] first");
        std::size_t delimiter = text.find_first_of("=:");
        if (delimiter == std::string_view::npos || delimiter == 0) fail("expected KEY = VALUE");
        std::string key(trim(text.substr(0, delimiter)));
        for (char& c : key)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        std::string_view value = trim(text.substr(delimiter + 1));
        value_ = &(*section_)[key];
        *value_ = key == "credential_process" ? value : without_comment(value);
    }

    std::string path_;
    unsigned number_ = 0;
    std::size_t indent_ = 0;         ///< of the setting or section before
    AwsSection* section_ = nullptr;  ///< where settings go
    std::string* value_ = nullptr;   ///< the setting that an indented line goes on with
};

}  // namespace

std::string AwsProfile::get(const std::string& key) const {
    for (const AwsSection* section : {&credentials, &config})
        if (auto found = section->find(key); found != section->end()) return found->second;
    return {};
}

std::map<std::string, AwsSection> parse_aws_file(std::string_view text, std::string_view path) {
    Parser parser(path);
    while (!text.empty()) parser.line(take_line(text));
    return std::move(parser.sections);
}

AwsFiles::AwsFiles(const Variables& environment)
    : config_path_(file_name(environment, "AWS_CONFIG_FILE", "config")),
      credentials_path_(file_name(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials")) {
    for (auto& [section, settings] : read_aws_file(config_path_))
        if (auto name = profile_of_config_section(section))
            profiles_[*name].config.insert(settings.begin(), settings.end());
    for (auto& [name, settings] : read_aws_file(credentials_path_))
        profiles_[name].credentials = std::move(settings);
    for (auto& [name, profile] : profiles_) profile.name = name;
}

const AwsProfile* AwsFiles::find(const std::string& name) const {
    auto found = profiles_.find(name);
    return found == profiles_.end() ? nullptr : &found->second;
}

std::string AwsFiles::where() const {
    if (config_path_.empty() && credentials_path_.empty()) return "any file (HOME is not set)";
    if (config_path_.empty() || credentials_path_.empty()) return config_path_ + credentials_path_;
    return format("{} and {}", config_path_, credentials_path_);
}

std::vector<std::string> AwsFiles::names() const {
    std::vector<std::string> names;
    for (const auto& [name, profile] : profiles_) names.push_back(name);
    return names;
}

}  // namespace icecore::cloud
