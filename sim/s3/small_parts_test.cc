#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "sim/api_error.h"
#include "sim/s3/byte_range.h"
#include "sim/s3/route.h"
#include "sim/s3/xml.h"

namespace icecore::sim::s3 {
namespace {

std::string range_of(std::string_view header, std::uint64_t size) {
    RangeHeader range = parse_range_header(header, size);
    if (range.kind == RangeHeader::Kind::ignored) return "whole";
    if (range.kind == RangeHeader::Kind::unsatisfiable) return "416";
    return std::to_string(range.range.first) + "+" + std::to_string(range.range.size_bytes);
}

TEST(ByteRange, IsAsHttpHasIt) {
    EXPECT_EQ(range_of("bytes=0-0", 10), "0+1");
    EXPECT_EQ(range_of("bytes=5-", 10), "5+5");
    EXPECT_EQ(range_of("bytes=-3", 10), "7+3");
    EXPECT_EQ(range_of("bytes=-30", 10), "0+10");
    EXPECT_EQ(range_of("bytes=3-99", 10), "3+7");
    for (const char* bad : {"bytes=10-", "bytes=10-12", "bytes=-0"})
        EXPECT_EQ(range_of(bad, 10), "416") << bad;
    EXPECT_EQ(range_of("bytes=0-", 0), "416");
    EXPECT_EQ(range_of("bytes=-1", 0), "416");
    for (const char* other : {"", "bytes", "bytes=", "bytes=-", "bytes=5-3", "bytes=a-b", "bytes=0-1,3-4",
                              "lines=0-1", "bytes=99999999999999999999-", "-"})
        EXPECT_EQ(range_of(other, 10), "whole") << other;
}

std::string route_of(const std::string& method, const std::string& target,
                     const std::string& host = "127.0.0.1:9", std::vector<HttpHeader> headers = {}) {
    Request request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    request.headers = std::move(headers);
    request.headers.push_back({"Host", host});
    try {
        Route route = find_route(request);
        return std::string(route.operation) + " " + route.bucket + " " + route.key;
    } catch (const ApiError& error) {
        return error.code();
    }
}

TEST(Route, BucketsStandInFrontOfPathOrHost) {
    EXPECT_EQ(route_of("GET", "/"), "ListBuckets  ");
    EXPECT_EQ(route_of("GET", "/bbb/a/b%20c%2Bd"), "GetObject bbb a/b c+d");
    EXPECT_EQ(route_of("GET", "/bbb//a/"), "GetObject bbb /a/");
    EXPECT_EQ(route_of("GET", "/bbb/"), "ListObjects bbb ");
    EXPECT_EQ(route_of("GET", "/?list-type=2", "bbb.localhost:9100"), "ListObjectsV2 bbb ");
    EXPECT_EQ(route_of("GET", "/a?list-type=2", "bbb.localhost:9100"), "GetObject bbb a");
}

TEST(Route, HostsNameBuckets) {
    EXPECT_EQ(route_of("PUT", "/k", "b.c.localhost:1"), "PutObject b.c k");
    EXPECT_EQ(route_of("PUT", "/k", "bbb.s3.localhost"), "PutObject bbb k");
    EXPECT_EQ(route_of("PUT", "/k/l", "s3.localhost"), "PutObject k l");
    EXPECT_EQ(route_of("HEAD", "/k", "bbb.s3.amazonaws.com"), "HeadObject bbb k");
    EXPECT_EQ(route_of("HEAD", "/k", "bbb.s3.eu-west-1.amazonaws.com"), "HeadObject bbb k");
    EXPECT_EQ(route_of("HEAD", "/k/l", "s3.eu-west-1.amazonaws.com"), "HeadObject k l");
}

TEST(Route, ParametersAndHeadersChoose) {
    EXPECT_EQ(route_of("POST", "/b/k?uploads"), "CreateMultipartUpload b k");
    EXPECT_EQ(route_of("PUT", "/b/k?partNumber=1&uploadId=x"), "UploadPart b k");
    EXPECT_EQ(route_of("PUT", "/b/k", "h", {{"X-Amz-Copy-Source", "a/b"}}), "CopyObject b k");
    EXPECT_EQ(route_of("POST", "/b/k?restore&versionId=7"), "RestoreObject b k");
    EXPECT_EQ(route_of("GET", "/b/k?acl"), " b k");
    EXPECT_EQ(route_of("PATCH", "/b/k"), " b k");
}

TEST(Route, KeysAreUtf8OfAtMost1024Bytes) {
    EXPECT_EQ(route_of("GET", "/b/%e2%82%ac"), "GetObject b \xe2\x82\xac");
    EXPECT_EQ(route_of("GET", "/b/%ff"), "InvalidURI");
    EXPECT_EQ(route_of("GET", "/b/%zz"), "InvalidURI");
    EXPECT_EQ(route_of("GET", "/b/" + std::string(1024, 'k')), "GetObject b " + std::string(1024, 'k'));
    EXPECT_EQ(route_of("GET", "/b/" + std::string(1025, 'k')), "KeyTooLongError");
}

std::string read_days(const std::string& text) {
    try {
        XmlRequest request(text, "RestoreRequest");
        std::optional<std::uint64_t> days = child_number(request.root(), "Days");
        return days ? std::to_string(*days) : "none";
    } catch (const ApiError& error) {
        return error.code();
    }
}

TEST(Xml, ReadsWithAndWithoutNamespaces) {
    EXPECT_EQ(read_days("<RestoreRequest><Days> 3\n</Days></RestoreRequest>"), "3");
    EXPECT_EQ(
        read_days(
            "<?xml version=\"1.0\"?><a:RestoreRequest xmlns:a=\"u\"><a:Days>3</a:Days></a:RestoreRequest>"),
        "3");
    EXPECT_EQ(read_days("<RestoreRequest/>"), "none");
}

TEST(Xml, RefusesWhatIsHostile) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<a>";
    std::string closed = deep;
    for (int i = 0; i < 100'000; ++i) closed += "</a>";
    for (const std::string& bad : std::vector<std::string>{
             "", "x", "<RestoreRequest>", "<Other/>", "<RestoreRequest/><RestoreRequest/>",
             "<RestoreRequest><Days>many</Days></RestoreRequest>",
             "<RestoreRequest><Days>-1</Days></RestoreRequest>",
             "<!DOCTYPE x [<!ENTITY a \"3\">]><RestoreRequest><Days>&a;</Days></RestoreRequest>",
             "<RestoreRequest>" + deep, "<RestoreRequest>" + closed + "</RestoreRequest>", std::string("<RestoreRequest>\0</RestoreRequest>", 34)})
        EXPECT_EQ(read_days(bad), "MalformedXML") << bad.substr(0, 80);
}

TEST(Xml, WritesAnyText) {
    XmlWriter xml("R", false);
    xml.text("a", "<&>\"\x01\n").truth("b", true).number("c", 7);
    EXPECT_EQ(xml.finish(),
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><a>&lt;&amp;&gt;&quot;&#x1;&#xa;</a>"
              "<b>true</b><c>7</c></R>");
}

}  // namespace
}  // namespace icecore::sim::s3
