#include "cloud/s3_reply.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "base/base64.h"
#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::cloud {
namespace {

constexpr int kDepthMax = 16;
constexpr std::ptrdiff_t kTagsMax = 100'000;  // a page of 1,000 versions has some 30,000

[[noreturn]] void corrupt(const std::string& what) {
    throw Error(Error::Kind::corrupt, what);
}

/// Ends where an element is nested too deep.
class DepthLimit final : public pugi::xml_tree_walker {
  public:
    bool for_each(pugi::xml_node& /*node*/) override { return depth() < kDepthMax; }
};

/// Parses `xml` in memory of its own. What is parsed takes some 20 times the memory of the text, so it is
/// counted first.
void load(pugi::xml_document& document, std::string_view xml) {
    if (std::count(xml.begin(), xml.end(), '<') > kTagsMax) corrupt("the answer has too many elements");
    if (xml.find("<!DOCTYPE") != std::string_view::npos)
        corrupt("the answer has a document type, which S3's have not");
    constexpr unsigned kOptions = pugi::parse_default | pugi::parse_declaration;
    pugi::xml_parse_result result =
        document.load_buffer(xml.data(), xml.size(), kOptions, pugi::encoding_utf8);
    if (!result) corrupt(format("the answer is no whole XML ({})", result.description()));
    DepthLimit limit;
    if (!document.traverse(limit)) corrupt("the answer is nested too deep");
}

/// The root element, which must be called `name`. Some servers (moto) call it after the operation instead, as
/// in the days of SOAP: "CompleteMultipartUploadResponse".
pugi::xml_node root(const pugi::xml_document& document, std::string_view name) {
    pugi::xml_node element = document.document_element();
    std::string_view found = element.name();
    bool of_operation = found.ends_with("Response") && found != "ErrorResponse";
    if (name != found && !of_operation)
        corrupt(format("the answer is a {} and not a {}", quotable(element.name(), 60), name));
    return element;
}

std::string text_of(const pugi::xml_node& parent, const char* name) {
    return parent.child(name).text().get();
}

std::string require_text(const pugi::xml_node& parent, const char* name) {
    std::string text = text_of(parent, name);
    if (text.empty()) corrupt(format("{} is missing", name));
    return text;
}

std::uint64_t require_number(const pugi::xml_node& parent, const char* name) {
    std::string text = require_text(parent, name);
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        corrupt(format("{} is \"{}\" and no number", name, quotable(text, 60)));
    return value;
}

bool is_true(const pugi::xml_node& parent, const char* name) {
    return text_of(parent, name) == "true";
}

std::optional<Timestamp> optional_time(const pugi::xml_node& parent, const char* name) {
    std::string text = text_of(parent, name);
    if (text.empty()) return std::nullopt;
    std::optional<Timestamp> time = parse_utc(text);
    if (!time) corrupt(format("{} is \"{}\" and no time", name, quotable(text, 60)));
    return time;
}

Timestamp require_time(const pugi::xml_node& parent, const char* name) {
    std::optional<Timestamp> time = optional_time(parent, name);
    if (!time) corrupt(format("{} is missing", name));
    return *time;
}

/// A key of a listing with encoding-type=url, which encodes blanks as '+'.
std::string decoded(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            std::optional<std::string> byte = from_hex(std::string_view(text).substr(i + 1, 2));
            if (!byte || byte->size() != 1) corrupt(format("\"{}\" is no encoded key", quotable(text)));
            out += *byte;
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

/// Keys of a service that was asked to encode them, and says whether it did.
std::string key_of(const pugi::xml_node& page, const pugi::xml_node& parent, const char* name) {
    std::string text = text_of(parent, name);
    return text_of(page, "EncodingType") == "url" ? decoded(text) : text;
}

S3Object parse_object(const pugi::xml_node& page, const pugi::xml_node& element) {
    S3Object object;
    object.key = key_of(page, element, "Key");
    if (object.key.empty()) corrupt("Key is missing");
    object.modified = require_time(element, "LastModified");
    object.version_id = text_of(element, "VersionId");
    if (object.version_id == "null") object.version_id.clear();
    object.latest = !element.child("IsLatest") || is_true(element, "IsLatest");
    object.delete_marker = std::strcmp(element.name(), "DeleteMarker") == 0;
    if (object.delete_marker) return object;
    object.size_bytes = require_number(element, "Size");
    object.etag = unquoted_etag(text_of(element, "ETag"));
    object.storage_class = text_of(element, "StorageClass");
    if (object.storage_class.empty()) object.storage_class = "STANDARD";
    if (pugi::xml_node restore = element.child("RestoreStatus"))
        object.restore =
            S3Restore{is_true(restore, "IsRestoreInProgress"), optional_time(restore, "RestoreExpiryDate")};
    return object;
}

/// Fills in `next` if the page says that there is more: each pair is a request's parameter and the element
/// that has its value.
void set_next(S3Page& page, const pugi::xml_node& root,
              std::initializer_list<std::pair<const char*, const char*>> parameters, const char* encoded) {
    if (!is_true(root, "IsTruncated")) return;
    for (const auto& [parameter, element] : parameters) {
        std::string value =
            element == std::string_view(encoded) ? key_of(root, root, element) : text_of(root, element);
        if (!value.empty()) page.next.emplace_back(parameter, std::move(value));
    }
    if (page.next.empty()) corrupt("the list goes on, but the answer does not say where");
}

}  // namespace

S3Restore parse_restore_header(std::string_view text) {
    S3Restore restore;
    restore.in_progress = text.find("ongoing-request=\"true\"") != std::string_view::npos;
    constexpr std::string_view kExpiry = "expiry-date=\"";
    std::size_t at = text.find(kExpiry);
    if (at == std::string_view::npos) return restore;
    std::string_view date = text.substr(at + kExpiry.size());
    restore.until = parse_http_date(std::string(date.substr(0, date.find('"'))));
    if (!restore.until) corrupt(format("\"{}\" names no date", quotable(text)));
    return restore;
}

std::optional<S3Checksum> S3Checksum::parse(std::string_view text) {
    S3Checksum out;
    std::size_t dash = text.find('-');
    if (dash != std::string_view::npos) {
        std::string_view count = text.substr(dash + 1);
        auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), out.parts);
        if (error != std::errc() || end != count.data() + count.size() || out.parts == 0) return std::nullopt;
    }
    std::optional<std::string> raw = from_base64(text.substr(0, dash));
    if (!raw || raw->size() != 32) return std::nullopt;
    out.sha256 = Digest::from_bytes(*raw);
    return out;
}

std::string S3Checksum::text() const {
    return to_base64(sha256.view()) + (parts > 0 ? format("-{}", parts) : "");
}

std::string_view tier_name(S3Tier tier) {
    switch (tier) {
        case S3Tier::bulk:
            return "Bulk";
        case S3Tier::standard:
            return "Standard";
        default:
            return "Expedited";
    }
}

std::string unquoted_etag(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
    return std::string(etag);
}

S3ErrorReply parse_s3_error(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node error = document.document_element();
    if (std::strcmp(error.name(), "Error") != 0) return {};
    return {{text_of(error, "Code"), text_of(error, "Message")},
            text_of(error, "Region"),
            text_of(error, "Endpoint")};
}

S3ObjectsPage parse_objects(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node list = root(document, "ListBucketResult");
    S3ObjectsPage page;
    for (const pugi::xml_node& element : list.children("Contents"))
        page.objects.push_back(parse_object(list, element));
    set_next(page, list, {{"continuation-token", "NextContinuationToken"}}, "");
    return page;
}

S3ObjectsPage parse_versions(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node list = root(document, "ListVersionsResult");
    S3ObjectsPage page;
    for (const pugi::xml_node& element : list.children()) {
        std::string_view name = element.name();
        if (name == "Version" || name == "DeleteMarker") page.objects.push_back(parse_object(list, element));
    }
    set_next(page, list, {{"key-marker", "NextKeyMarker"}, {"version-id-marker", "NextVersionIdMarker"}},
             "NextKeyMarker");
    return page;
}

S3PartsPage parse_parts(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node list = root(document, "ListPartsResult");
    S3PartsPage page;
    for (const pugi::xml_node& element : list.children("Part")) {
        S3Part part;
        std::uint64_t number = require_number(element, "PartNumber");
        if (number == 0 || number > 10'000) corrupt(format("a part has the number {}", number));
        part.number = static_cast<unsigned>(number);
        part.size_bytes = require_number(element, "Size");
        part.etag = unquoted_etag(require_text(element, "ETag"));
        if (std::string text = text_of(element, "ChecksumSHA256"); !text.empty())
            part.sha256 = S3Checksum::parse(text).value_or(S3Checksum{}).sha256;
        page.parts.push_back(std::move(part));
    }
    set_next(page, list, {{"part-number-marker", "NextPartNumberMarker"}}, "");
    return page;
}

S3UploadsPage parse_uploads(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node list = root(document, "ListMultipartUploadsResult");
    S3UploadsPage page;
    for (const pugi::xml_node& element : list.children("Upload"))
        page.uploads.push_back({key_of(list, element, "Key"), require_text(element, "UploadId"),
                                optional_time(element, "Initiated")});
    set_next(page, list, {{"key-marker", "NextKeyMarker"}, {"upload-id-marker", "NextUploadIdMarker"}},
             "NextKeyMarker");
    return page;
}

std::string parse_upload_id(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    return require_text(root(document, "InitiateMultipartUploadResult"), "UploadId");
}

S3Stored parse_completed(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node result = root(document, "CompleteMultipartUploadResult");
    S3Stored stored;
    stored.etag = unquoted_etag(text_of(result, "ETag"));
    if (std::string text = text_of(result, "ChecksumSHA256"); !text.empty())
        stored.checksum = S3Checksum::parse(text).value_or(S3Checksum{});
    return stored;
}

std::string parse_location(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    std::string region = root(document, "LocationConstraint").text().get();
    return region.empty() ? "us-east-1" : region == "EU" ? "eu-west-1" : region;
}

bool parse_versioning(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    // Versions of the time before it was suspended are there still.
    return !text_of(root(document, "VersioningConfiguration"), "Status").empty();
}

S3LockConfiguration parse_lock(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    pugi::xml_node lock = root(document, "ObjectLockConfiguration");
    return {text_of(lock, "ObjectLockEnabled") == "Enabled",
            text_of(lock.child("Rule").child("DefaultRetention"), "Mode")};
}

std::optional<Timestamp> parse_retention(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    return optional_time(root(document, "Retention"), "RetainUntilDate");
}

std::vector<S3LifecycleRule> parse_lifecycle(std::string_view xml) {
    pugi::xml_document document;
    load(document, xml);
    std::vector<S3LifecycleRule> rules;
    for (const pugi::xml_node& element : root(document, "LifecycleConfiguration").children("Rule")) {
        S3LifecycleRule rule;
        rule.id = text_of(element, "ID");
        rule.enabled = text_of(element, "Status") == "Enabled";
        pugi::xml_node filter = element.child("Filter");
        pugi::xml_node all_of = filter.child("And");
        rule.prefix = text_of(all_of ? all_of : filter, "Prefix");
        if (rule.prefix.empty()) rule.prefix = text_of(element, "Prefix");  // before there were filters
        rule.tagged = filter.child("Tag") || all_of.child("Tag");
        auto size = [&](const char* name) -> std::optional<std::uint64_t> {
            pugi::xml_node found = all_of ? all_of.child(name) : filter.child(name);
            return found ? std::optional<std::uint64_t>(found.text().as_ullong()) : std::nullopt;
        };
        rule.larger_than_bytes = size("ObjectSizeGreaterThan");
        rule.smaller_than_bytes = size("ObjectSizeLessThan");
        pugi::xml_node expiration = element.child("Expiration");
        rule.expires = expiration.child("Days") || expiration.child("Date");
        if (pugi::xml_node noncurrent = element.child("NoncurrentVersionExpiration"))
            rule.noncurrent_days = noncurrent.child("NoncurrentDays").text().as_uint();
        for (const pugi::xml_node& move : element.children("Transition"))
            rule.moves_to.push_back(text_of(move, "StorageClass"));
        rule.abort_days =
            element.child("AbortIncompleteMultipartUpload").child("DaysAfterInitiation").text().as_uint();
        rules.push_back(std::move(rule));
    }
    return rules;
}

std::string with_abort_rule(std::string_view xml, std::string_view id, std::string_view prefix,
                            unsigned days) {
    pugi::xml_document document;
    load(document,
         xml.empty() ? "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>" : xml);
    pugi::xml_node rules = root(document, "LifecycleConfiguration");
    for (pugi::xml_node rule = rules.child("Rule"); rule;) {
        pugi::xml_node next = rule.next_sibling("Rule");
        if (text_of(rule, "ID") == id) rules.remove_child(rule);
        rule = next;
    }
    pugi::xml_node rule = rules.append_child("Rule");
    rule.append_child("ID").text().set(std::string(id).c_str());
    rule.append_child("Filter").append_child("Prefix").text().set(std::string(prefix).c_str());
    rule.append_child("Status").text().set("Enabled");
    rule.append_child("AbortIncompleteMultipartUpload").append_child("DaysAfterInitiation").text().set(days);
    std::ostringstream out;
    document.document_element().print(out, "", pugi::format_raw);
    return out.str();
}

std::string xml_escape(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else
            out += c;
    }
    return out;
}

}  // namespace icecore::cloud
