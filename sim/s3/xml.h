#pragma once

#include <cstdint>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace icecore::sim::s3 {

inline constexpr std::string_view kXmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Writes an XML document. Names are ours, texts may hold anything.
class XmlWriter {
  public:
    /// Begins with the root, in S3's namespace unless told otherwise.
    explicit XmlWriter(std::string_view root, bool with_namespace = true);
    XmlWriter& open(std::string_view name);
    XmlWriter& close(std::string_view name);
    XmlWriter& text(std::string_view name, std::string_view value);
    XmlWriter& number(std::string_view name, std::uint64_t value);
    XmlWriter& truth(std::string_view name, bool value);
    /// Ends the root; the document.
    std::string finish();

  private:
    std::string root_;
    std::string out_;
};

/// A request's body with the root `root`. Elements may have a namespace prefix or none. Throws ApiError{400
/// MalformedXML} for what is no such document, for DTDs, and for more than `kDepthMax` levels.
class XmlRequest {
  public:
    static constexpr int kDepthMax = 16;

    XmlRequest(std::string_view text, std::string_view root);
    pugi::xml_node root() const { return root_; }

  private:
    pugi::xml_document document_;
    pugi::xml_node root_;
};

/// The children of that name, whatever their prefix.
std::vector<pugi::xml_node> children(const pugi::xml_node& node, const char* name);
/// What becomes of the blanks around a text.
enum class Blanks : std::uint8_t { strip, keep };
/// The text of the first child of that name, or nullopt where there is none.
std::optional<std::string> child_text(const pugi::xml_node& node, const char* name,
                                      Blanks blanks = Blanks::strip);
/// A whole number in decimal. Throws ApiError{MalformedXML} for another text.
std::optional<std::uint64_t> child_number(const pugi::xml_node& node, const char* name);

}  // namespace icecore::sim::s3
