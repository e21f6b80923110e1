#include "sim/s3/xml.h"

#include <cstring>

#include "base/format.h"
#include "sim/http_message.h"
#include "sim/s3/call.h"

namespace icecore::sim::s3 {
namespace {

/// Control characters as references, as S3 writes them.
void append_escaped(std::string& out, std::string_view text) {
    for (char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    out += format("&#x{:x};", static_cast<unsigned>(c));
                else
                    out += c;
        }
    }
}

const char* local_name(const char* name) {
    const char* colon = std::strrchr(name, ':');
    return colon == nullptr ? name : colon + 1;
}

bool too_deep(const pugi::xml_node& node, int levels) {
    if (levels == 0) return true;
    for (const pugi::xml_node& child : node.children())
        if (too_deep(child, levels - 1)) return true;
    return false;
}

}  // namespace

XmlWriter::XmlWriter(std::string_view root, bool with_namespace) : root_(root) {
    out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + root_;
    if (with_namespace) out_ += format(" xmlns=\"{}\"", kXmlNamespace);
    out_ += ">";
}

XmlWriter& XmlWriter::open(std::string_view name) {
    out_ += format("<{}>", name);
    return *this;
}

XmlWriter& XmlWriter::close(std::string_view name) {
    out_ += format("</{}>", name);
    return *this;
}

XmlWriter& XmlWriter::text(std::string_view name, std::string_view value) {
    open(name);
    append_escaped(out_, value);
    return close(name);
}

XmlWriter& XmlWriter::number(std::string_view name, std::uint64_t value) {
    return text(name, std::to_string(value));
}

XmlWriter& XmlWriter::truth(std::string_view name, bool value) {
    return text(name, value ? "true" : "false");
}

std::string XmlWriter::finish() {
    close(root_);
    return std::move(out_);
}

XmlRequest::XmlRequest(std::string_view text, std::string_view root) {
    // Entities that a DTD declares are never expanded by pugixml; a request has no use for a DTD at all.
    constexpr unsigned kParse = pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single;
    if (!document_.load_buffer(text.data(), text.size(), kParse, pugi::encoding_utf8)) malformed_xml();
    for (const pugi::xml_node& node : document_.children()) {
        if (node.type() == pugi::node_doctype) malformed_xml();
        if (node.type() != pugi::node_element) continue;
        if (root_ || local_name(node.name()) != root || too_deep(node, kDepthMax)) malformed_xml();
        root_ = node;
    }
    if (!root_) malformed_xml();
}

std::vector<pugi::xml_node> children(const pugi::xml_node& node, const char* name) {
    std::vector<pugi::xml_node> out;
    for (const pugi::xml_node& child : node.children())
        if (std::strcmp(local_name(child.name()), name) == 0) out.push_back(child);
    return out;
}

std::optional<std::string> child_text(const pugi::xml_node& node, const char* name, Blanks blanks) {
    std::vector<pugi::xml_node> found = children(node, name);
    if (found.empty()) return std::nullopt;
    std::string_view text = found.front().text().get();
    if (blanks == Blanks::keep) return std::string(text);
    constexpr std::string_view kBlanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    return std::string(text.substr(0, text.find_last_not_of(kBlanks) + 1));
}

std::optional<std::uint64_t> child_number(const pugi::xml_node& node, const char* name) {
    std::optional<std::string> text = child_text(node, name);
    if (!text) return std::nullopt;
    std::optional<std::uint64_t> number = parse_decimal(*text);
    if (!number) malformed_xml();
    return number;
}

}  // namespace icecore::sim::s3
