#include "cloud/aws_files.h"

#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"

namespace icecore::cloud {
namespace {

std::string trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r";
    std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

/// "value # comment": a comment needs a blank before it.
std::string without_comment(const std::string& value) {
    for (std::size_t i = 1; i < value.size(); ++i)
        if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
            return trim(std::string_view(value).substr(0, i));
    return value;
}

std::string file_name(const Variables& environment, const std::string& variable, const std::string& name) {
    if (auto path = environment(variable); path && !path->empty()) {
        if (!path->starts_with("~/")) return *path;
        return environment("HOME").value_or("") + path->substr(1);
    }
    auto home = environment("HOME");
    return home && !home->empty() ? *home + "/.aws/" + name : "";
}

}  // namespace

std::string AwsProfile::get(const std::string& key) const {
    auto found = settings.find(key);
    return found == settings.end() ? "" : found->second;
}

AwsFiles::AwsFiles(const Variables& environment) {
    std::string config = file_name(environment, "AWS_CONFIG_FILE", "config");
    std::string credentials = file_name(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    where_ = config.empty() ? "no file (HOME is not set)" : format("{} and {}", config, credentials);
    if (!config.empty()) read(config, true);
    if (!credentials.empty()) read(credentials, false);
}

/// In the config file a profile's section is called "profile NAME" (but for "default"), in the credentials
/// file NAME. Lines that are indented belong to a nested setting, which is of no concern here.
void AwsFiles::read(const std::string& path, bool config_file) {
    std::string text;
    try {
        if (!path_exists(path)) return;
        text = read_file(path);
    } catch (Error& e) {
        e.add_context("looking for AWS credentials");
        throw;
    }
    std::istringstream lines(text);
    AwsProfile* profile = nullptr;
    bool any_section = false;
    unsigned number = 0;
    for (std::string raw; std::getline(lines, raw);) {
        ++number;
        std::string line = trim(raw);
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (line[0] == '[') {
            std::size_t end = line.find(']');
            if (end == std::string::npos)
                throw Error(Error::Kind::invalid, format("{}:{}: a section needs its ']'", path, number));
            std::string name = trim(std::string_view(line).substr(1, end - 1));
            any_section = true;
            profile = nullptr;
            if (config_file && name != "default") {
                if (!name.starts_with("profile ") && !name.starts_with("profile\t"))
                    continue;  // sso-session, services
                name = trim(std::string_view(name).substr(8));
            }
            if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
                name = name.substr(1, name.size() - 2);
            profile = &profiles_[name];
            profile->name = name;
            continue;
        }
        if (!any_section)
            throw Error(Error::Kind::invalid,
                        format("{}:{}: expected a section such as [default] first", path, number));
        bool nested = raw[0] == ' ' || raw[0] == '\t';
        if (profile == nullptr || nested) continue;
        std::size_t equals = line.find('=');
        if (equals == std::string::npos)
            throw Error(Error::Kind::invalid, format("{}:{}: expected KEY = VALUE", path, number));
        profile->settings[trim(std::string_view(line).substr(0, equals))] =
            without_comment(trim(std::string_view(line).substr(equals + 1)));
    }
}

const AwsProfile* AwsFiles::find(const std::string& name) const {
    auto found = profiles_.find(name);
    return found == profiles_.end() ? nullptr : &found->second;
}

std::vector<std::string> AwsFiles::names() const {
    std::vector<std::string> names;
    for (const auto& [name, profile] : profiles_) names.push_back(name);
    return names;
}

}  // namespace icecore::cloud
