#include "schedule/job.h"

namespace icecore::schedule {

std::vector<std::string> Job::command() const {
    std::vector<std::string> words = {program, "--config", config};
    if (!set.empty()) words.insert(words.end(), {"--set", set});
    words.insert(words.end(), {"backup", "--quiet"});
    return words;
}

}  // namespace icecore::schedule
