#include "base/json_values.h"

#include "base/error.h"
#include "base/format.h"

namespace icecore {
namespace {

[[noreturn]] void wanted(const std::string& key, const std::string& what) {
    throw Error(Error::Kind::invalid, format("\"{}\" must be {}", key, what));
}

}  // namespace

std::uint64_t whole_number(const std::string& key, const Json& value, std::uint64_t max) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max)
        wanted(key, format("a whole number from 0 to {}", max));
    return value.get<std::uint64_t>();
}

double number(const std::string& key, const Json& value, double min, double max) {
    if (!value.is_number() || !(value.get<double>() >= min && value.get<double>() <= max))
        wanted(key, format("a number from {} to {}", min, max));
    return value.get<double>();
}

bool truth(const std::string& key, const Json& value) {
    if (!value.is_boolean()) wanted(key, "true or false");
    return value.get<bool>();
}

std::string text(const std::string& key, const Json& value) {
    if (!value.is_string()) wanted(key, "a string");
    return value.get<std::string>();
}

}  // namespace icecore
