#include "sim/s3/aws_chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/format.h"
#include "cloud/sigv4.h"
#include "sim/api_error.h"

namespace icecore::sim::s3 {
namespace {

/// A body that comes in pieces of `step` bytes.
class Pieces final : public RequestBody {
  public:
    Pieces(std::string text, std::size_t step) : text_(std::move(text)), step_(step) {}
    std::uint64_t left_bytes() const override { return text_.size() - at_; }
    void next(Buffer& piece) override {
        piece.clear();
        std::string_view part = std::string_view(text_).substr(at_, step_);
        piece.append(part);
        at_ += part.size();
    }

  private:
    std::string text_;
    std::size_t step_;
    std::size_t at_ = 0;
};

// The example of "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
// Chunks" in the Amazon S3 API reference: 65 KiB of 'a'.
const std::string kSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
ChunkSigner example_signer() {
    std::string date = "20130524T000000Z";
    cloud::SigningScope scope{"us-east-1", "s3"};
    return {cloud::signing_key(date, scope, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), date,
            cloud::credential_scope(date, scope), kSeed};
}
std::string example_body() {
    return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
           std::string(65536, 'a') +
           "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
           std::string(1024, 'a') +
           "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

/// What was in `framed`, or the code of the error that it met.
std::string decode(const std::string& framed, std::uint64_t size, std::optional<ChunkSigner> signer,
                   std::size_t step = 1 << 20, std::map<std::string, std::string>* trailers = nullptr) {
    Pieces raw(framed, step);
    ChunkedBody body(raw, size, std::move(signer));
    std::string out;
    try {
        for (Buffer piece;; out += piece.view()) {
            body.next(piece);
            if (piece.empty()) break;
        }
    } catch (const ApiError& error) {
        return error.code();
    }
    if (trailers != nullptr) *trailers = body.trailers();
    return out;
}

TEST(AwsChunked, TakesTheExampleInPiecesOfAnySize) {
    for (std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{8192}, std::size_t{1} << 20})
        EXPECT_EQ(decode(example_body(), 66560, example_signer(), step), std::string(66560, 'a'));
}

TEST(AwsChunked, RefusesAByteThatIsAnother) {
    for (std::size_t at : {90U, 65630U, 65700U, 66600U, 66660U, 66700U}) {
        std::string framed = example_body();
        ASSERT_LT(at, framed.size());
        framed[at] = framed[at] == 'b' ? 'c' : 'b';
        EXPECT_NE(decode(framed, 66560, example_signer()), std::string(66560, 'a')) << at;
    }
}

TEST(AwsChunked, RefusesWhatIsNotFramedWell) {
    std::string good = "5\r\nhello\r\n0\r\n\r\n";
    EXPECT_EQ(decode(good, 5, std::nullopt), "hello");
    EXPECT_EQ(decode(good, 6, std::nullopt), "IncompleteBody");
    EXPECT_EQ(decode(good, 4, std::nullopt), "IncompleteBody");
    for (const char* bad :
         {"", "5\r\nhel", "5\r\nhelloX\r\n0\r\n\r\n", "x\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n",
          "-5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"})
        EXPECT_EQ(decode(bad, 5, std::nullopt), "IncompleteBody") << bad;
    EXPECT_EQ(decode(std::string(100'000, '1'), 5, std::nullopt), "IncompleteBody");
}

TEST(AwsChunked, FindsTrailers) {
    std::map<std::string, std::string> trailers;
    for (const char* end : {"\r\n\r\n", "\n\r\n\r\n", "\r\n"}) {
        std::string framed = std::string("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg==") + end;
        EXPECT_EQ(decode(framed, 5, std::nullopt, 3, &trailers), "hello");
        EXPECT_EQ(trailers, (std::map<std::string, std::string>{{"x-amz-checksum-crc32", "NhCmhg=="}}));
    }
}

TEST(AwsChunked, ASignedTrailerMustHoldWhatWasSigned) {
    // The API reference's example of a signed trailer: the same body, and its CRC32C.
    const std::string seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    std::string date = "20130524T000000Z";
    cloud::SigningScope scope{"us-east-1", "s3"};
    ChunkSigner signer(cloud::signing_key(date, scope, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), date,
                       cloud::credential_scope(date, scope), seed);
    std::string framed =
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
        std::string(65536, 'a') +
        "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
        std::string(1024, 'a') +
        "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
        "x-amz-checksum-crc32c:sOO8/Q==\n"
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
    EXPECT_EQ(decode(framed, 66560, signer), std::string(66560, 'a'));
    std::string other = framed;
    other.replace(other.find("sOO8"), 4, "sOO9");
    EXPECT_EQ(decode(other, 66560, signer), "SignatureDoesNotMatch");
    other = framed.substr(0, framed.find("x-amz-trailer-signature"));
    EXPECT_EQ(decode(other, 66560, signer), "SignatureDoesNotMatch");
}

}  // namespace
}  // namespace icecore::sim::s3
