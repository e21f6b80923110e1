// icecore-manual DOC_MAN OUT: writes the pages of section 1 to the directory OUT, for scdoc. A tool of the
// build.

#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "cli/manual_page.h"

namespace {

using namespace icecore;

void write(const std::string& dir, const cli::ManualPage& page) {
    std::ofstream out(dir + "/" + page.name + ".1.scd", std::ios::binary);
    out << page.text;
    out.flush();
    if (!out) throw Error(Error::Kind::io, "cannot write " + dir + "/" + page.name + ".1.scd");
}

void write_pages(const std::string& additions, const std::string& out) {
    auto commands = cli::make_commands();
    write(out, cli::program_page(commands, read_file(additions + "/icecore.1.scd")));
    for (const auto& command : commands) {
        std::string addition = additions + "/" + cli::hyphenated(command->texts().name) + ".scd";
        write(out, cli::command_page(*command, path_exists(addition) ? read_file(addition) : ""));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) throw Error(Error::Kind::invalid, "icecore-manual DOC_MAN OUT");
        write_pages(argv[1], argv[2]);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "icecore-manual: " << error.what() << '\n';
        return 1;
    }
}
