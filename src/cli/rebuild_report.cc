#include "cli/rebuild_report.h"

#include "base/format.h"
#include "base/text.h"

namespace icecore::cli {

void warn_of_superseded(Messages& messages, const engine::RebuildResult& result) {
    if (result.superseded.empty()) return;
    std::string more;
    if (result.superseded.size() > 1) more = format(" and {} more", result.superseded.size() - 1);
    messages.warning(format(
        "newer runs have the numbers of {}{}, of an older history of this set: kept, but not in the "
        "catalogue; "
        "to restore from them, copy their files into another directory and run `icecore rebuild` there",
        escape_path(result.superseded.front()), more));
}

}  // namespace icecore::cli
