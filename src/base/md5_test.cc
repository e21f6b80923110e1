#include "base/md5.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace icecore {
namespace {

TEST(Md5, VectorsOfTheRfc) {
    EXPECT_EQ(to_hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(to_hex(md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
    Md5 hash;
    for (int i = 0; i < 8; ++i) hash.update("1234567890");
    EXPECT_EQ(to_hex(hash.finish()), "57edf4a22be3c955ac49da2e2107b67a");
    hash.update("abc");
    EXPECT_EQ(to_hex(hash.finish()), "900150983cd24fb0d6963f7d28e17f72");
}

}  // namespace
}  // namespace icecore
