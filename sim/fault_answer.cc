#include "sim/fault_answer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "sim/api_error.h"

namespace icecore::sim {
namespace {

void replace_body(Response& response, std::string body, std::string type) {
    response.stream.reset();
    response.body = std::move(body);
    std::erase_if(response.headers, [](const HttpHeader& header) { return header.name == "Content-Type"; });
    response.set("Content-Type", std::move(type));
}

/// Another digest of the same form.
void change_tree_hash(Response& response) {
    for (HttpHeader& header : response.headers)
        if (header.name == "x-amz-sha256-tree-hash" && !header.value.empty())
            header.value[0] = header.value[0] == '0' ? '1' : '0';
}

/// Other ones of the same form.
void change_checksums(Response& response) {
    for (HttpHeader& header : response.headers) {
        bool checksum = header.name.starts_with("x-amz-checksum-") && header.name != "x-amz-checksum-type" &&
                        header.name != "x-amz-checksum-algorithm";
        std::size_t at = header.name == "ETag" ? 1 : 0;
        if ((checksum || at == 1) && header.value.size() > at)
            header.value[at] = header.value[at] == '0' ? '1' : '0';
    }
}

/// Each entity stands for ten of the one before: a gigabyte where they are expanded.
std::string hostile_xml() {
    std::string out = "<?xml version=\"1.0\"?>\n<!DOCTYPE x [<!ENTITY a0 \"0123456789\">\n";
    for (int level = 1; level <= 8; ++level) {
        out += "<!ENTITY a" + std::to_string(level) + " \"";
        for (int i = 0; i < 10; ++i) out += "&a" + std::to_string(level - 1) + ";";
        out += "\">\n";
    }
    return out + "]>\n<Error><Code>&a8;</Code><Message>&a8;</Message></Error>\n";
}

}  // namespace

std::optional<Answer> answer_instead(const Fault& fault, std::string_view code) {
    std::string use = fault.code.empty() ? std::string(code) : fault.code;
    Answer answer;
    switch (fault.kind) {
        case Fault::Kind::error:
            throw ApiError(fault.status, use, fault.message);
        case Fault::Kind::error_body:
            throw ApiError(200, use, fault.message);
        case Fault::Kind::drop_before:
            answer.drop = true;
            answer.response.status = 503;  // nobody sees it, but the bill: it failed
            return answer;
        case Fault::Kind::html:
            answer.response.status = fault.status;
            replace_body(
                answer.response,
                "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>The proxy could not "
                "reach the server</h1></body></html>\n",
                "text/html");
            return answer;
        default:
            return std::nullopt;
    }
}

void spoil(const Fault& fault, Answer& answer) {
    switch (fault.kind) {
        case Fault::Kind::drop_after:
            answer.drop = true;
            break;
        case Fault::Kind::stall:
            answer.hang_ms = fault.milliseconds;
            break;
        case Fault::Kind::trickle:
            answer.delivery.bytes_per_sec = std::max<std::uint64_t>(fault.bytes_per_second, 1);
            break;
        case Fault::Kind::corrupt:
            answer.delivery.corrupt_byte_at = fault.offset;
            break;
        case Fault::Kind::truncate:
            answer.delivery.cut_after_bytes = answer.response.body_bytes() / 2;
            break;
        case Fault::Kind::endless:
            answer.delivery.endless = true;
            break;
        case Fault::Kind::wrong_tree_hash:
            change_tree_hash(answer.response);
            break;
        case Fault::Kind::wrong_checksum:
            change_checksums(answer.response);
            break;
        case Fault::Kind::no_encryption:
            std::erase_if(answer.response.headers, [](const HttpHeader& header) {
                return header.name.starts_with("x-amz-server-side-encryption");
            });
            break;
        case Fault::Kind::malformed_xml:
            replace_body(answer.response, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Na",
                         "application/xml");
            break;
        case Fault::Kind::hostile_xml:
            replace_body(answer.response, hostile_xml(), "application/xml");
            break;
        case Fault::Kind::malformed_json:
            replace_body(answer.response, "{\"VaultARN\": \"arn:aws:gla", "application/json");
            break;
        default:
            break;  // without effect on the answer
    }
}

}  // namespace icecore::sim
