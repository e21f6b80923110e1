#include "store/s3_features.h"

#include <exception>
#include <utility>

#include "base/json.h"
#include "base/json_document.h"

namespace icecore::store {
namespace {

using Answer = S3Features::Answer;

void write(JsonWriter& json, std::string_view name, Answer answer) {
    if (answer != Answer::unknown) json.field(name, answer == Answer::yes);
}

Answer read(const Json& json, const char* name) {
    auto found = json.find(name);
    if (found == json.end()) return Answer::unknown;
    return found->get<bool>() ? Answer::yes : Answer::no;
}

}  // namespace

S3Features S3Features::amazon() {
    return {.conditional = Answer::yes,
            .checksums = Answer::yes,
            .restores = Answer::yes,
            .lists_restores = Answer::yes};
}

std::string S3Features::text() const {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write(json, "conditional", conditional);
    write(json, "checksums", checksums);
    write(json, "restores", restores);
    write(json, "lists_restores", lists_restores);
    if (has_cold) json.field("has_cold", true);
    json.field("parts_max", parts_max).end_object();
    return out;
}

S3Features S3Features::parse(const std::string& text) {
    try {
        Json json = parse_json(text);
        S3Features out;
        out.conditional = read(json, "conditional");
        out.checksums = read(json, "checksums");
        out.restores = read(json, "restores");
        out.lists_restores = read(json, "lists_restores");
        out.has_cold = read(json, "has_cold") == Answer::yes;
        out.parts_max = json.at("parts_max").get<unsigned>();
        if (out.parts_max >= 1 && out.parts_max <= 10'000) return out;
    } catch (const std::exception&) {
    }
    return {};
}

S3FeatureMemory::S3FeatureMemory(S3Features at_first, const std::function<std::string()>& load,
                                 std::function<void(const std::string&)> save)
    : features_(at_first), save_(std::move(save)) {
    std::string text = load ? load() : "";
    if (!text.empty()) features_ = S3Features::parse(text);
}

void S3FeatureMemory::learn(const std::function<void(S3Features&)>& change) {
    S3Features changed = features_;
    change(changed);
    if (std::exchange(features_, changed) != changed && save_) save_(features_.text());
}

}  // namespace icecore::store
