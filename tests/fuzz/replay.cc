// Runs a fuzz target over the files of its corpus, without libFuzzer: replay_NAME CORPUS_DIR.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/file.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::size_t count = 0;
    for (const std::string& name : icecore::list_directory(argv[1])) {
        std::printf("%s\n", name.c_str());  // the last one printed is the one that crashes
        std::fflush(stdout);
        std::string bytes = icecore::read_file(icecore::join_path(argv[1], name));
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++count;
    }
    return count > 0 ? 0 : 1;
}
