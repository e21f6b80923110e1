#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/json_document.h"
#include "base/process.h"

namespace icecore::testing {

/// What Python's email package finds in a mail (read_mail.py). Fails if the mail has defects, lines that are
/// too long or do not end in CRLF, or anything but ASCII.
inline Json read_mail(const std::string& path) {
    ProcessResult result =
        run_process({.words = {"/usr/bin/python3", ICECORE_READ_MAIL, path}, .output_bytes_max = 64 << 20});
    EXPECT_TRUE(result.succeeded()) << result.err;
    Json mail = parse_json(result.out);
    EXPECT_EQ(mail["defects"], Json::array());
    EXPECT_LE(mail["longest"], 78);
    EXPECT_EQ(mail["bare"], false);
    EXPECT_EQ(mail["ascii"], true);
    return mail;
}

/// The header field `name`; fails if there is not exactly one.
inline std::string header_of(const Json& mail, const std::string& name) {
    std::string value;
    int count = 0;
    for (const Json& field : mail["headers"])
        if (field[0] == name) value = field[1], ++count;
    EXPECT_EQ(count, 1) << name;
    return value;
}

}  // namespace icecore::testing
