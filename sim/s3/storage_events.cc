// What each event of the journal changes in memory.

#include <array>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "sim/s3/intervals.h"
#include "sim/s3/state_json.h"
#include "sim/s3/storage.h"

namespace icecore::sim::s3 {
namespace {

std::string text_of(const Json& json, const char* key) {
    return unescape_path(json.at(key).get<std::string>()).value_or("");
}

Timestamp time_of(const Json& json, const char* key) {
    return parse_utc(json.at(key).get<std::string>()).value_or(Timestamp{});
}

void use_parts(const Version& version) {
    for (const Part& part : version.parts) part.blob->use();
}

std::string id_of(const Json& event, const char* key) {
    return event.at(key).get<std::string>();
}

}  // namespace

/// Of an event on what is in a bucket: it is there.
struct Storage::Event {
    std::string_view name;
    void (Storage::*apply)(Bucket& bucket, const Json& event);
};

void Storage::apply(const Json& event) {
    static constexpr std::array kEvents = {
        Event{"put", &Storage::apply_put},
        Event{"change", &Storage::apply_change},
        Event{"remove", &Storage::apply_remove},
        Event{"upload", &Storage::apply_upload},
        Event{"part", &Storage::apply_part},
        Event{"end-upload", &Storage::apply_end_upload},
        Event{"complete", &Storage::apply_complete},
        Event{"completed", &Storage::apply_completed},
        Event{"forget-completed", &Storage::apply_forget_completed},
    };
    std::string what = event.at("do").get<std::string>();
    if (what == "gone") {
        gone_.push_back(interval_from_json(event.at("gone")));
        return;
    }
    std::string name = text_of(event, "bucket");
    if (what == "bucket") return apply_settings(buckets_[name], event);
    Bucket& bucket = buckets_.at(name);
    if (what == "remove-bucket") {
        buckets_.erase(name);
        return;
    }
    for (const Event& known : kEvents)
        if (known.name == what) return (this->*known.apply)(bucket, event);
    throw Error(Error::Kind::corrupt, "there is no \"" + what + "\"");
}

/// All but its keys and uploads.
void Storage::apply_settings(Bucket& bucket, const Json& event) {
    Bucket settings = bucket_from_json(event.at("settings"));
    settings.keys.swap(bucket.keys);
    settings.uploads.swap(bucket.uploads);
    settings.completed.swap(bucket.completed);
    bucket = std::move(settings);
}

void Storage::apply_put(Bucket& bucket, const Json& event) {
    place_version(bucket, text_of(event, "key"), version_from_json(event.at("version"), blob_finder()));
}

void Storage::apply_change(Bucket& bucket, const Json& event) {
    for (Version& version : bucket.keys.at(text_of(event, "key")))
        if (version.id == event.at("id")) take_changes(event.at("changes"), version);
    for (const Json& ended : event.value("ended", Json::array())) gone_.push_back(interval_from_json(ended));
}

void Storage::apply_remove(Bucket& bucket, const Json& event) {
    auto key = bucket.keys.find(text_of(event, "key"));
    if (key == bucket.keys.end()) return;
    for (std::size_t i = 0; i < key->second.size(); ++i)
        if (key->second[i].id == event.at("id")) return take_version(bucket, key, i, time_of(event, "at"));
}

void Storage::apply_upload(Bucket& bucket, const Json& event) {
    Upload upload = upload_from_json(event.at("upload"));
    bucket.uploads.emplace(upload.id, std::move(upload));
}

void Storage::apply_part(Bucket& bucket, const Json& event) {
    Upload& upload = bucket.uploads.at(id_of(event, "upload"));
    Part part = part_from_json(event.at("part"), blob_finder());
    part.blob->use();
    Part& place = upload.parts[part.number];
    if (place.blob) place.blob->unuse();
    place = std::move(part);
}

void Storage::apply_end_upload(Bucket& bucket, const Json& event) {
    auto upload = bucket.uploads.find(id_of(event, "upload"));
    remove_parts(upload->second, time_of(event, "at"));
    bucket.uploads.erase(upload);
}

void Storage::apply_complete(Bucket& bucket, const Json& event) {
    auto upload = bucket.uploads.find(id_of(event, "upload"));
    Version version = version_from_json(event.at("version"), blob_finder());
    std::string key = upload->second.key;
    Timestamp created = version.created;
    bucket.completed[upload->first] = {key, version.id, version.created};
    place_version(bucket, key, std::move(version));
    remove_parts(upload->second, created);
    bucket.uploads.erase(upload);
}

void Storage::apply_completed(Bucket& bucket, const Json& event) {
    bucket.completed[id_of(event, "upload")] = {text_of(event, "key"), id_of(event, "id"),
                                                time_of(event, "at")};
}

void Storage::apply_forget_completed(Bucket& bucket, const Json& event) {
    bucket.completed.erase(id_of(event, "upload"));
}

BlobFinder Storage::blob_finder() {
    return [this](const std::string& id, std::uint64_t size_bytes) { return blob(id, size_bytes); };
}

void Storage::remove_parts(Upload& upload, Timestamp now) {
    add_intervals(upload, now, gone_);
    for (auto& [number, part] : upload.parts) part.blob->unuse();
    upload.parts.clear();
}

const Version& Storage::place_version(Bucket& bucket, const std::string& key, Version version) {
    use_parts(version);
    auto place = bucket.keys.try_emplace(key).first;
    for (std::size_t i = 0; i < place->second.size(); ++i)
        if (place->second[i].id == version.id) {
            take_version(bucket, place, i, version.created);
            place = bucket.keys.try_emplace(key).first;
            break;
        }
    return place->second.emplace_back(std::move(version));
}

void Storage::take_version(Bucket& bucket, std::map<std::string, Versions>::iterator key, std::size_t index,
                           Timestamp now) {
    Versions& versions = key->second;
    const Version& version = versions[index];
    for (const Part& part : version.parts) part.blob->unuse();
    add_intervals(version, now, true, gone_);
    versions.erase(versions.begin() + static_cast<std::ptrdiff_t>(index));
    if (versions.empty()) bucket.keys.erase(key);
}

}  // namespace icecore::sim::s3
