#include "sim/bill_counts.h"

#include "base/error.h"
#include "base/format.h"
#include "base/json_values.h"

namespace icecore::sim {

/// All counts that are kept by name.
template <typename Self, typename Visit>
void BillCounts::each(Self& self, Visit visit) {
    visit("requests", self.requests);
    visit("retrieval_jobs", self.retrieval_jobs);
    visit("retrieved_bytes", self.retrieved_bytes);
    visit("s3_requests", self.s3_requests);
    visit("s3_put_requests", self.s3_put_requests);
    visit("s3_get_requests", self.s3_get_requests);
    visit("s3_retrieved_bytes", self.s3_retrieved_bytes);
    visit("s3_restores", self.s3_restores);
    visit("s3_restored_bytes", self.s3_restored_bytes);
    visit("egress_bytes", self.egress_bytes);
}

void BillCounts::add(const Json& line) {
    if (!line.is_object()) throw Error(Error::Kind::corrupt, "counts are a JSON object");
    for (const auto& [key, value] : line.items()) {
        if (key == "bytes_in") {
            bytes_in += whole_number(key, value);
            continue;
        }
        bool known = false;
        each(*this, [&, &key = key, &value = value](const char* name, ByName& counts) {
            if (key != name) return;
            known = true;
            if (!value.is_object()) throw Error(Error::Kind::corrupt, "counts are a JSON object");
            for (const auto& [what, count] : value.items()) counts[what] += whole_number(what, count);
        });
        if (!known) throw Error(Error::Kind::corrupt, format("it has no \"{}\"", key));
    }
}

Json BillCounts::json() const {
    Json out = {{"bytes_in", bytes_in}};
    each(*this, [&](const char* name, const ByName& counts) { out[name] = counts; });
    return out;
}

}  // namespace icecore::sim
