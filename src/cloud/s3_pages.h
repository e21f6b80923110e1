#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cloud/in_reply.h"
#include "cloud/s3_client.h"

namespace icecore::cloud {

/// So many entries are asked for with a page of a listing.
inline constexpr std::string_view kPageSize = "1000";

/// Asks for page after page, each with the parameters that the one before names, until `visit` returns false.
template <typename Parse, typename Visit>
void S3Client::page_through(Parameters query, const std::string& doing, std::string_view action,
                            const Parse& parse, const Visit& visit, const std::vector<HttpHeader>& headers,
                            const std::string& key) {
    Parameters next;
    do {
        Parameters all = query;
        all.insert(all.end(), next.begin(), next.end());
        AwsRequest page_request = request("GET", key, std::move(all), doing);
        page_request.headers = headers;
        HttpResponse response = call(std::move(page_request), action);
        auto page = in_reply(doing, [&] { return parse(response.body); });
        if (!page.next.empty() && page.next == next)
            throw Error(Error::Kind::corrupt, doing + ": the list goes round in circles");
        if (!visit(page)) return;
        next = std::move(page.next);
    } while (!next.empty());
}

}  // namespace icecore::cloud
