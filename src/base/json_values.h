#pragma once

#include <cstdint>
#include <string>

#include "base/json_document.h"

namespace icecore {

/// The value of `key` in a document that people wrote: of the type that is meant, or Error{invalid} that
/// names the key. A number that does not fit is refused too.
std::uint64_t whole_number(const std::string& key, const Json& value, std::uint64_t max = INT64_MAX);
double number(const std::string& key, const Json& value, double min, double max);
bool truth(const std::string& key, const Json& value);
std::string text(const std::string& key, const Json& value);

}  // namespace icecore
