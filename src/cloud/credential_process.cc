#include "cloud/credential_process.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/process.h"
#include "base/text.h"
#include "cloud/credential_reply.h"
#include "cloud/shell_words.h"

namespace icecore::cloud {
namespace {

constexpr std::size_t kOutputBytesMax = 64 << 10;

/// What a program said on stderr, for a message. Long runs of letters and digits that look drawn by lot are
/// left out: some programs print credentials there.
std::string said(const std::string& text) {
    constexpr std::size_t kSecretBytesMin = 32;
    auto in_secret = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '+';
    };
    auto any = [](std::string_view run, char from, char to) {
        return std::any_of(run.begin(), run.end(), [&](char c) { return c >= from && c <= to; });
    };
    std::string shown;
    for (auto at = text.begin(); at != text.end();) {
        auto end = std::find_if_not(at, text.end(), in_secret);
        std::string_view run(at, end);
        bool random = any(run, '0', '9') && any(run, 'a', 'z') && any(run, 'A', 'Z');
        shown += run.size() >= kSecretBytesMin && random ? "(left out)" : run;
        if (end != text.end()) shown += *end++;
        at = end;
    }
    std::string quoted = quotable(shown);
    return quoted.empty() ? "it said nothing" : quoted;
}

}  // namespace

Credentials run_credential_process(const std::string& command, std::int64_t limit_ms) {
    std::vector<std::string> words = split_words(command);
    if (words.empty()) throw Error(Error::Kind::invalid, "credential_process is empty");
    auto fail = [&](std::string_view why) {
        throw Error(Error::Kind::denied, format("credential_process: {} {}", words[0], why));
    };
    ProcessResult result;
    try {
        result = run_process({.words = words,
                              .limit_ms = limit_ms,
                              .output_bytes_max = kOutputBytesMax,
                              .kill_if_more = true});
    } catch (const Error& e) {
        throw Error(Error::Kind::denied, "credential_process: " + e.message(), e.hint());
    }
    if (result.end == ProcessResult::End::exited && result.status != 0)
        fail(format("failed with status {}: {}", result.status, said(result.err)));
    if (!result.succeeded()) fail(result.text(limit_ms));
    Json json;
    try {
        json = parse_json(result.out);
    } catch (const Error&) {
        json = {};
    }
    if (!json.is_object() || json.value("Version", Json()) != 1) fail("did not print JSON of \"Version\": 1");
    return parse_credentials_json(result.out, words[0]);
}

}  // namespace icecore::cloud
