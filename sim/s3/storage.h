#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json_document.h"
#include "sim/bill_lines.h"
#include "sim/s3/state.h"
#include "sim/s3/state_json.h"

namespace icecore::sim::s3 {

/// All that is kept, in memory and on disk:
///
///     journal.jsonl     a line a change (state_json.h), appended before the call that makes it returns
///     data/XX/ID        the bytes of a part or of an object that came in one piece
///
/// Killed at any time, the process finds on its next start what was answered, and nothing half: a line
/// without its line feed did not happen, and bytes that no line tells of are removed. The journal is made
/// short again at the start, and when it has become much longer than what it tells of.
///
/// All but new_blob(): one thread at a time. References that are passed in may be to what is kept here.
/// Throws Error where the disk fails; nothing has changed then.
class Storage {
  public:
    /// Loads what is in `dir`, which is made if it is not there.
    explicit Storage(std::string dir);
    ~Storage();

    const std::map<std::string, Bucket>& buckets() const { return buckets_; }
    /// nullptr if it is not there.
    const Bucket* find_bucket(const std::string& name) const;
    /// Of all that is no more, for the bill.
    const std::vector<S3Interval>& gone() const { return gone_; }

    /// Makes a bucket, or changes all of it but its keys and uploads.
    void save_bucket(const Bucket& bucket);
    void remove_bucket(const std::string& name);

    /// Becomes the current version of the key, in the place of one that has its id. Returns what is kept.
    const Version& put_version(const std::string& bucket, const std::string& key, const Version& version);
    /// Changes the version of that id: its restore, storage class (with in_class_since and moved), tags,
    /// retention, legal hold. What ended by that is to be billed.
    void change_version(const std::string& bucket, const std::string& key, const Version& version,
                        const std::vector<S3Interval>& ended = {});
    void remove_version(const std::string& bucket, const std::string& key, const std::string& id,
                        Timestamp now);

    void begin_upload(const std::string& bucket, const Upload& upload);
    /// Replaces one of its number.
    void put_part(const std::string& bucket, const std::string& upload, const Part& part);
    void end_upload(const std::string& bucket, const std::string& upload, Timestamp now);
    /// The upload ends and becomes the current version of its key, in one step.
    const Version& complete_upload(const std::string& bucket, const std::string& upload,
                                   const Version& version);
    /// Forgets that it was completed.
    void forget_completed(const std::string& bucket, const std::string& upload);

    /// An id for new bytes, and where those of an id lie. Any thread.
    std::string new_blob_id() const;
    std::string blob_path(const std::string& id) const;

  private:
    void load();
    void sweep() const;
    struct Event;
    void apply(const Json& event);
    static void apply_settings(Bucket& bucket, const Json& event);
    void apply_put(Bucket& bucket, const Json& event);
    void apply_change(Bucket& bucket, const Json& event);
    void apply_remove(Bucket& bucket, const Json& event);
    void apply_upload(Bucket& bucket, const Json& event);
    void apply_part(Bucket& bucket, const Json& event);
    void apply_end_upload(Bucket& bucket, const Json& event);
    void apply_complete(Bucket& bucket, const Json& event);
    void apply_completed(Bucket& bucket, const Json& event);
    void apply_forget_completed(Bucket& bucket, const Json& event);
    BlobFinder blob_finder();
    void record(const Json& event);
    /// Records and applies an event; `blobs` are those that it speaks of.
    void change(const Json& event, const std::vector<std::shared_ptr<Blob>>& blobs = {});
    void shorten();
    std::string snapshot(std::size_t& lines) const;
    std::shared_ptr<Blob> blob(const std::string& id, std::uint64_t size_bytes);
    void remove_parts(Upload& upload, Timestamp now);
    const Version& place_version(Bucket& bucket, const std::string& key, Version version);
    void take_version(Bucket& bucket, std::map<std::string, Versions>::iterator key, std::size_t index,
                      Timestamp now);

    std::string dir_;
    std::map<std::string, Bucket> buckets_;
    std::vector<S3Interval> gone_;
    std::map<std::string, std::weak_ptr<Blob>> loading_;  ///< by id; those that apply() may meet
    Fd journal_;
    std::uint64_t journal_bytes_ = 0;
    std::size_t lines_ = 0;
    std::size_t lines_short_ = 0;  ///< when it was made short
};

}  // namespace icecore::sim::s3
