#include "cloud/credential_reply.h"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/text.h"

namespace icecore::cloud {
namespace {

constexpr std::size_t kReplyBytesMax = 64 << 10;

/// The text of the first element `name` at any depth, whatever its namespace.
std::string element_text(const pugi::xml_document& document, std::string_view name) {
    return document.select_node(format("//*[local-name()='{}']", name).c_str()).node().child_value();
}

}  // namespace

std::optional<Timestamp> parse_expiration(std::string_view text) {
    if (text.size() > 6 && text[text.size() - 3] == ':' && (text.end()[-6] == '+' || text.end()[-6] == '-')) {
        std::string_view offset = text.substr(text.size() - 6);
        auto digit = [&](std::size_t at) { return offset[at] - '0'; };
        for (std::size_t at : {1U, 2U, 4U, 5U})
            if (digit(at) < 0 || digit(at) > 9) return std::nullopt;
        std::int64_t seconds = (digit(1) * 10 + digit(2)) * 3600 + (digit(4) * 10 + digit(5)) * 60;
        auto local = parse_utc(std::string(text.substr(0, text.size() - 6)) + "Z");
        if (local) local->sec -= offset[0] == '-' ? -seconds : seconds;
        return local;
    }
    return parse_utc(text);
}

void check_header_value(std::string_view value, std::string_view what) {
    if (std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; }))
        throw Error(Error::Kind::denied, format("{} holds a character that cannot be in one", what));
}

Credentials parse_credentials_json(std::string_view text, std::string_view what) {
    auto fail = [&](std::string_view why) {
        throw Error(Error::Kind::denied, format("the credentials of {} cannot be used: {}", what, why));
    };
    if (text.size() > kReplyBytesMax) fail("they are too long");
    Json json;
    try {
        json = parse_json(text);
    } catch (const Error&) {
        fail("they are not JSON");
    }
    if (!json.is_object()) fail("they are not a JSON object");
    auto text_of = [&](const char* key) {
        auto found = json.find(key);
        return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    Credentials out;
    out.access_key_id = text_of("AccessKeyId");
    out.secret_access_key = text_of("SecretAccessKey");
    out.session_token = text_of("SessionToken");
    if (out.session_token.empty()) out.session_token = text_of("Token");
    if (out.access_key_id.empty() || out.secret_access_key.empty()) {
        if (std::string code = text_of("Code"); !code.empty() && code != "Success")
            fail(format("{}: {}", quotable(code), quotable(text_of("Message"))));
        fail("AccessKeyId or SecretAccessKey is missing");
    }
    if (auto expires = json.find("Expiration"); expires != json.end() && !expires->is_null()) {
        out.expires = parse_expiration(text_of("Expiration"));
        if (!out.expires) fail("Expiration is not a time");
    }
    return out;
}

Credentials parse_sts_reply(const HttpResponse& response, std::string_view role_arn) {
    constexpr std::array<std::string_view, 3> kTransientCodes = {"IDPCommunicationError", "Throttling",
                                                                 "ThrottlingException"};
    pugi::xml_document document;
    bool parsed = response.body.size() <= kReplyBytesMax &&
                  document.load_buffer(response.body.data(), response.body.size());
    if (response.status != 200) {
        std::string code = parsed ? element_text(document, "Code") : "";
        bool transient =
            response.status >= 500 || response.status == 429 ||
            std::find(kTransientCodes.begin(), kTransientCodes.end(), code) != kTransientCodes.end();
        throw Error(transient ? Error::Kind::transient : Error::Kind::denied,
                    format("STS gives no credentials for {} (status {}): {}", role_arn, response.status,
                           parsed ? quotable(code + ": " + element_text(document, "Message"))
                                  : "the answer is not of STS"));
    }
    Credentials out;
    if (parsed)
        out = {element_text(document, "AccessKeyId"), element_text(document, "SecretAccessKey"),
               element_text(document, "SessionToken"),
               parse_expiration(element_text(document, "Expiration"))};
    if (out.access_key_id.empty() || out.secret_access_key.empty() || out.session_token.empty() ||
        !out.expires)
        throw Error(Error::Kind::denied, format("the answer of STS for {} holds no credentials", role_arn));
    return out;
}

}  // namespace icecore::cloud
