// The manual says what the program does: the same commands, options and configuration keys.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/file.h"
#include "cli/command.h"
#include "cli/config_template.h"

namespace icecore::cli {
namespace {

using Words = std::set<std::string>;

std::string manual() {
    return read_file(ICECORE_DOC_DIR "/icecore.1.scd");
}

/// All first groups of `pattern` in `text`.
Words matches(const std::string& text, const std::string& pattern) {
    std::regex regex(pattern);
    Words words;
    for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
        words.insert((*it)[1]);
    return words;
}

/// The lines from `begin` to the next line that starts with `end`.
std::string section(const std::string& text, const std::string& begin, const std::string& end) {
    std::size_t from = text.find(begin);
    EXPECT_NE(from, std::string::npos) << begin;
    if (from == std::string::npos) return {};
    std::size_t to = text.find("\n" + end, from + begin.size());
    return text.substr(from + begin.size(), to - from - begin.size());
}

Words long_names(const Arguments& arguments) {
    Words names;
    for (const Arguments::Option& option : arguments.options()) names.insert(option.long_name());
    return names;
}

/// Options are defined on lines that begin with them.
const std::string kDefinition = "\n\t?(?:\\*-[a-zA-Z]\\*, )?\\*(--[a-z-]+)\\*";

TEST(Manual, NamesTheOptionsOfEveryCommand) {
    std::string commands = section(manual(), "# COMMANDS\n", "# ");
    Words known;
    for (const auto& command : make_commands()) {
        std::string name(command->texts().name);
        known.insert(name);
        Arguments arguments;
        command->declare(arguments);
        EXPECT_EQ(matches(section(commands, "\n*icecore " + name + "*", "*icecore "), kDefinition),
                  long_names(arguments))
            << name;
    }
    known.insert("help");
    EXPECT_EQ(matches(commands, "\n\\*icecore ([a-z]+(?: [a-z]+)?)\\*"), known);
}

TEST(Manual, NamesTheGlobalOptions) {
    GlobalOptions options;
    Arguments arguments;
    options.declare(arguments);
    Words expected = long_names(arguments);
    expected.insert("--version");
    EXPECT_EQ(matches(section(manual(), "# OPTIONS\n", "# "), kDefinition), expected);
}

TEST(Manual, NamesTheConfigurationKeysOfTheTemplate) {
    Words keys = matches(config_template({}), "\n(?:# )?([a-z_]+) = ");
    InitAnswers bucket;
    bucket.target = "type = \"s3\"\nbucket = \"b\"\nprefix = \"p\"\n";
    keys.merge(matches(config_template(bucket), "\n(?:# )?([a-z_]+) = "));
    EXPECT_TRUE(keys.contains("storage_class") && keys.contains("thaw_days"));
    std::string text = section(manual(), "# CONFIGURATION\n", "# ");
    EXPECT_GE(keys.size(), 13U);
    for (const std::string& key : keys) EXPECT_THAT(text, ::testing::HasSubstr("*" + key + "*"));
}

}  // namespace
}  // namespace icecore::cli
