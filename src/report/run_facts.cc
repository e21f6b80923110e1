#include "report/run_facts.h"

namespace icecore::report {

std::string_view result_name(RunFacts::Result result) {
    switch (result) {
        case RunFacts::Result::done:
            return "done";
        case RunFacts::Result::incomplete:
            return "incomplete";
        case RunFacts::Result::failed:
            break;
    }
    return "failed";
}

}  // namespace icecore::report
