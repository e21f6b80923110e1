#include "sim/s3/storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "sim/files.h"
#include "sim/random_id.h"
#include "sim/s3/intervals.h"
#include "sim/s3/state_json.h"

namespace icecore::sim::s3 {
namespace {

namespace fs = std::filesystem;

/// The journal is made short when it has more lines than this, and twice those that it would have then.
constexpr std::size_t kLinesSpare = 200'000;
constexpr std::size_t kValuesMax = 1 << 20;

void make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("making " + path);
}

Json event(const char* what, const std::string& bucket, const char* name, Json value) {
    return {{"do", what}, {"bucket", escape_path(bucket)}, {name, std::move(value)}};
}

}  // namespace

// Everything goes the same way: an event is made, recorded, and applied to what is in memory by apply(),
// which is also what a start does with the events of the journal.

Storage::Storage(std::string dir) : dir_(std::move(dir)) {
    make_directory(dir_);
    make_directory(dir_ + "/data");
    constexpr std::string_view kHex = "0123456789abcdef";
    for (char a : kHex)
        for (char b : kHex) make_directory(format("{}/data/{}{}", dir_, a, b));
    load();
    sweep();
    shorten();
}

/// What is kept stays when the process ends; nothing is to be removed with the last who holds it.
Storage::~Storage() = default;

const Bucket* Storage::find_bucket(const std::string& name) const {
    auto found = buckets_.find(name);
    return found == buckets_.end() ? nullptr : &found->second;
}

std::string Storage::new_blob_id() const {
    return to_hex(random_id(20)).substr(0, 40);
}

std::string Storage::blob_path(const std::string& id) const {
    return format("{}/data/{}/{}", dir_, id.substr(id.size() - 2), id);
}

std::shared_ptr<Blob> Storage::blob(const std::string& id, std::uint64_t size_bytes) {
    std::weak_ptr<Blob>& known = loading_[id];
    std::shared_ptr<Blob> out = known.lock();
    if (!out) known = out = std::make_shared<Blob>(id, blob_path(id), size_bytes);
    return out;
}

// The journal

void Storage::load() {
    std::string journal = read_if_there(dir_ + "/journal.jsonl").value_or("");
    std::string_view left = journal;
    try {
        for (std::size_t end = 0; (end = left.find('\n')) != std::string_view::npos;
             left.remove_prefix(end + 1))
            apply(parse_json(left.substr(0, end), kValuesMax));
    } catch (const std::exception& error) {
        throw Error(Error::Kind::corrupt, format("{}/journal.jsonl is damaged: {}", dir_, error.what()));
    }
}

/// Removes the bytes that nothing tells of.
void Storage::sweep() const {
    for (const auto& entry : fs::recursive_directory_iterator(dir_ + "/data")) {
        if (!entry.is_regular_file()) continue;
        auto known = loading_.find(entry.path().filename());
        if (known == loading_.end() || known->second.expired()) fs::remove(entry.path());
    }
}

void Storage::record(const Json& event) {
    std::string text = event.dump() + "\n";
    try {
        write_full(journal_.get(), text);
    } catch (const Error&) {
        // A disk that is full took a piece: the next line must not follow on it.
        if (::ftruncate(journal_.get(), static_cast<off_t>(journal_bytes_)) != 0)
            throw_errno("cutting " + dir_ + "/journal.jsonl");
        throw;
    }
    journal_bytes_ += text.size();
    ++lines_;
}

void Storage::shorten() {
    loading_.clear();
    std::string text = snapshot(lines_short_);
    std::string path = dir_ + "/journal.jsonl";
    write_whole(path, text);
    journal_bytes_ = text.size();
    lines_ = lines_short_;
    journal_ = open_file(path, O_WRONLY | O_APPEND);
}

std::string Storage::snapshot(std::size_t& lines) const {
    std::string out;
    lines = 0;
    auto add = [&](const Json& event) {
        out += event.dump() + "\n";
        ++lines;
    };
    for (const S3Interval& gone : gone_) add({{"do", "gone"}, {"gone", interval_to_json(gone)}});
    for (const auto& [name, bucket] : buckets_) {
        add(event("bucket", name, "settings", bucket_to_json(bucket)));
        for (const auto& [key, versions] : bucket.keys)
            for (const Version& version : versions) {
                Json line = event("put", name, "version", version_to_json(version));
                line["key"] = escape_path(key);
                add(line);
            }
        for (const auto& [id, upload] : bucket.uploads) {
            add(event("upload", name, "upload", upload_to_json(upload)));
            for (const auto& [number, part] : upload.parts) {
                Json line = event("part", name, "part", part_to_json(part));
                line["upload"] = id;
                add(line);
            }
        }
        for (const auto& [id, completed] : bucket.completed) {
            Json line = event("completed", name, "upload", id);
            line["key"] = escape_path(completed.key);
            line["id"] = completed.version_id;
            line["at"] = format_iso_utc(completed.completed);
            add(line);
        }
    }
    return out;
}

// Changes

void Storage::change(const Json& event, const std::vector<std::shared_ptr<Blob>>& blobs) {
    if (lines_ > 2 * lines_short_ + kLinesSpare) shorten();
    record(event);
    for (const std::shared_ptr<Blob>& blob : blobs) loading_[blob->id()] = blob;
    apply(event);
    loading_.clear();
}

namespace {

std::vector<std::shared_ptr<Blob>> blobs_of(const Version& version) {
    std::vector<std::shared_ptr<Blob>> out;
    for (const Part& part : version.parts) out.push_back(part.blob);
    return out;
}

}  // namespace

void Storage::save_bucket(const Bucket& bucket) {
    change(event("bucket", bucket.name, "settings", bucket_to_json(bucket)));
}

void Storage::remove_bucket(const std::string& name) {
    change(event("remove-bucket", name, "name", escape_path(name)));
}

const Version& Storage::put_version(const std::string& bucket, const std::string& key,
                                    const Version& version) {
    std::string name = bucket;
    std::string place = key;
    Json line = event("put", name, "version", version_to_json(version));
    line["key"] = escape_path(place);
    change(line, blobs_of(version));
    return buckets_.at(name).keys.at(place).back();
}

void Storage::change_version(const std::string& bucket, const std::string& key, const Version& version,
                             const std::vector<S3Interval>& ended) {
    Json line = event("change", bucket, "changes", changes_to_json(version));
    line["key"] = escape_path(key);
    line["id"] = version.id;
    for (const S3Interval& interval : ended) line["ended"].push_back(interval_to_json(interval));
    change(line);
}

void Storage::remove_version(const std::string& bucket, const std::string& key, const std::string& id,
                             Timestamp now) {
    Json line = event("remove", bucket, "id", id);
    line["key"] = escape_path(key);
    line["at"] = format_iso_utc(now);
    change(line);
}

void Storage::begin_upload(const std::string& bucket, const Upload& upload) {
    change(event("upload", bucket, "upload", upload_to_json(upload)));
}

void Storage::put_part(const std::string& bucket, const std::string& upload, const Part& part) {
    Json line = event("part", bucket, "part", part_to_json(part));
    line["upload"] = upload;
    change(line, {part.blob});
}

void Storage::end_upload(const std::string& bucket, const std::string& upload, Timestamp now) {
    Json line = event("end-upload", bucket, "upload", upload);
    line["at"] = format_iso_utc(now);
    change(line);
}

const Version& Storage::complete_upload(const std::string& bucket, const std::string& upload,
                                        const Version& version) {
    std::string name = bucket;
    Json line = event("complete", name, "upload", upload);
    line["version"] = version_to_json(version);
    std::string key = buckets_.at(name).uploads.at(upload).key;
    change(line, blobs_of(version));
    return buckets_.at(name).keys.at(key).back();
}

void Storage::forget_completed(const std::string& bucket, const std::string& upload) {
    change(event("forget-completed", bucket, "upload", upload));
}

}  // namespace icecore::sim::s3
