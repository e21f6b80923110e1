#include "support/tar_oracle.h"

namespace icecore::testing {

CommandResult extract_with_gnu_tar(const std::vector<std::string>& volumes, Method method,
                                   const std::string& into_dir) {
    Argv cat{"cat", "--"};
    cat.insert(cat.end(), volumes.begin(), volumes.end());
    std::vector<Argv> programs{cat};
    if (method == Method::zstd) programs.push_back({"zstd", "-dc"});
    if (method == Method::gzip) programs.push_back({"gzip", "-dc"});
    programs.push_back(
        {"tar", "--incremental", "--xattrs", "--xattrs-include=*", "--acls", "-xpf", "-", "-C", into_dir});
    CommandOptions options;
    options.env = {"LC_ALL=C"};
    return run_pipeline(programs, options);
}

}  // namespace icecore::testing
