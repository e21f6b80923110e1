#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random_access_source.h"
#include "base/stream_hash.h"

namespace icecore::store {

/// What a target knows a stored object by. Both are needed: some services find objects by name (a directory,
/// S3), some only by the id that they gave (a Glacier vault).
struct ObjectRef {
    std::string name;  ///< file name in the backup directory, such as "home-000001-full-….tar.zst"
    std::string id;    ///< the service's, opaque; empty where the name is enough
    bool operator==(const ObjectRef&) const = default;
};

/// How soon an object must be readable.
enum class Temperature : std::uint8_t {
    hot,   ///< at once: manifests, logs, README
    cold,  ///< after a thaw, where that is cheaper: volumes
};

/// A sealed file on its way to a target.
struct Upload {
    std::string name;
    Digest sha256;     ///< of the whole file
    Digest tree_hash;  ///< of the whole file
    /// Where they are known: with those of the size that the target sends (Capabilities::part_bytes) it
    /// reads the file once; without them it computes its own. Never believed without a check.
    PartDigests parts = {};
    Temperature temperature = Temperature::cold;
    bool replace =
        false;  ///< an object of this name may be replaced (README.restore.txt); else that is an error
    /// Until then nobody may delete or change it, not even we; also one that is there already. Only for a
    /// target that locks.
    std::optional<Timestamp> locked_until = std::nullopt;
};

/// Where a put keeps what it needs to go on after it was stopped (an upload id, parts done). The outbox
/// implements it.
class ResumeState {
  public:
    virtual ~ResumeState() = default;
    /// What was saved last; empty at first.
    virtual std::string load() = 0;
    /// Durable when it returns.
    virtual void save(std::string_view state) = 0;
};

/// What a target says of an object.
struct ObjectInfo {
    ObjectRef ref = {};
    std::uint64_t size_bytes = 0;
    /// As the service keeps it; none if it keeps no such checksum, or tells it by stat() only
    /// (Capabilities::lists_digests).
    Digest sha256 = {};
    Digest tree_hash = {};  ///< likewise
    bool readable = true;   ///< false: a thaw is needed first
    std::string host = {};  ///< whose it is; told by list()
    std::string set = {};
    std::optional<Timestamp> stored_at = std::nullopt;  ///< where the service says
    std::string storage_class = {};                     ///< in the service's words; empty where it has none
    /// Told by stat(); none: not locked, or the target cannot.
    std::optional<Timestamp> locked_until = std::nullopt;
    /// Somebody deleted it, but the service keeps old versions: it is still there, under `ref.id`.
    bool deleted = false;
};

/// A put that was begun and not brought to its end: what has arrived of it may cost money.
struct UnfinishedUpload {
    std::string host = {};
    std::string set = {};
    std::string name = {};  ///< the object's
    std::string id = {};    ///< the service's
    std::optional<Timestamp> begun = std::nullopt;
};

/// Something about a target that may harm what is stored there, for people.
struct TargetRemark {
    std::string message;
    std::string hint;
};

/// What list() is to visit.
enum class ListScope : std::uint8_t {
    this_set,
    all_sets,  ///< the objects of every host and set that store here
};

/// A part of an object that is to be read.
struct ObjectRange {
    ObjectRef object;
    std::uint64_t offset = 0;
    std::uint64_t length_bytes = 0;
    std::string ticket;  ///< of the thaw that made it readable (ThawState); empty: the target finds out
};

/// How fast, and how dear, a thaw is.
enum class ThawTier : std::uint8_t { bulk, standard, expedited };

struct ThawRequest {
    ObjectRef object;
    std::uint64_t offset =
        0;  ///< what is wanted of it; a target that thaws whole objects only ignores the range
    std::uint64_t length_bytes = 0;
    ThawTier tier = ThawTier::bulk;
    unsigned days = 7;  ///< how long it should stay readable, where that can be chosen
};

/// A thaw that was asked for.
struct AskedThaw {
    ThawRequest request;
    std::string ticket;  ///< that request_thaw() gave
};

struct ThawState {
    enum class Phase : std::uint8_t { pending, ready, failed };
    Phase phase = Phase::ready;
    std::string ticket;              ///< what `poll` wants back; empty where the object itself tells
    std::string message;             ///< failed: why
    std::optional<Timestamp> until;  ///< ready: when it can no longer be read, if ever
};

/// What a kind of target can do.
struct Capabilities {
    bool thaw_needed = false;    ///< cold objects must be thawed before they are read
    bool thaws_ranges = false;   ///< a range can be thawed alone
    bool hastens_thaws = false;  ///< asking again by a faster tier makes a thaw that is under way faster
    /// To read a cold object costs by the byte, beyond what bringing it here costs, though no thaw is needed.
    bool reading_costs = false;
    /// By ThawTier: how long a thaw takes, such as "usually 5 to 12 hours"; empty: there is no such tier.
    std::array<std::string_view, 3> thaw_times = {"usually 5 to 12 hours", "usually 3 to 5 hours",
                                                  "usually 1 to 5 minutes"};
    bool replaces = true;          ///< an object can be replaced under its name
    bool lists_at_once = true;     ///< list() answers now; else it needs a job of hours
    std::uint64_t part_bytes = 0;  ///< put() wants to know the digests of parts of that size; 0: of none
    bool lists_digests = true;  ///< list() tells what digests the service keeps; else stat() does, one by one
    /// Where hot and cold objects (by Temperature) are put, in the words of ObjectInfo::storage_class; empty:
    /// it has no such classes, or the place decides.
    std::array<std::string, 2> storage_classes = {};
    bool locks = false;  ///< an object can be locked until a moment
    unsigned thaw_threads =
        4;  ///< requests for thaws that may go out at a time, each from a target of its own
    /// How many thaws one poll_thaws() looks at for about the price of one.
    std::size_t polls_at_once = 1;
    /// Of reads and thaws of ranges: they begin at a multiple and end at one or at the object's end.
    std::uint64_t range_alignment_bytes = 1;
    /// Two ranges of an object that are no further apart than this are cheaper thawed as one, and where whole
    /// objects are thawed, cheaper read as one; by ThawTier.
    std::array<std::uint64_t, 3> thaw_gap_bytes = {};
    std::uint64_t object_bytes_min = 0;  ///< put throws Error{unsupported} for other sizes
    std::uint64_t object_bytes_max = UINT64_MAX;
};

/// An offsite store of one set's files: a directory, S3, a Glacier vault. Wrappers (retry.h, throttle.h) are
/// targets, too; every target and every wrapper passes the same suite (target_conformance.h).
///
/// Errors of all calls: Error{transient} may work when tried again (a wrapper does); {denied} credentials,
/// permissions, read-only; {not_found} no such object, or the target itself is not there; {corrupt} what is
/// stored or sent is not what it should be; {exists}; {not_ready} a thaw is needed first; {io};
/// {unsupported}. Messages name the object; hints say what the user can do.
///
/// One thread at a time; each thread opens its own.
class Target {
  public:
    virtual ~Target() = default;

    virtual Capabilities capabilities() const = 0;
    /// What it is and where, without secrets: the same for the same place in every run, different for
    /// different places ("dir:/mnt/usb/backups/host/home"). The outbox keeps it.
    virtual std::string identity() const = 0;

    /// Throws what put() would if the target is not there or does not let us in. Costs nothing, changes
    /// nothing.
    virtual void check() = 0;

    /// Stores `source` as `upload.name` and returns when the target has confirmed that it has these bytes, by
    /// a checksum of them that we computed (promise "offsite means proven"). Only then the object appears
    /// under its name: a put that was stopped leaves no object, or the old one.
    ///
    /// An object of this name and content that is there already is confirmed and left. One of other content:
    /// Error{exists}, unless `upload.replace`. What was sent before a stop is not sent again, as far as
    /// `resume` tells and the target still has it; state that does not fit is ignored. `sent` is called with
    /// each number of bytes that went out (or were skipped as sent before). Throws Error{corrupt} if `source`
    /// does not have the digests of `upload`.
    virtual ObjectRef put(const Upload& upload, RandomAccessSource& source, ResumeState& resume,
                          const std::function<void(std::uint64_t)>& sent) = 0;

    /// Proves, without retrieval from cold storage, that the object is there with this size and these
    /// digests, as well as the target can: by its own checksum, or by reading where that is free. Throws
    /// Error{not_found} or Error{corrupt}. Where listing takes a job, verify() and stat() answer from the
    /// newest list and throw as list() does: what was stored after it was made is not found.
    virtual void verify(const ObjectRef& object, std::uint64_t size_bytes, const Digest& sha256,
                        const Digest& tree_hash) = 0;

    /// nullopt if there is no such object.
    virtual std::optional<ObjectInfo> stat(const ObjectRef& object) = 0;

    /// All objects of the set or of all sets, in name order where the service has one. Where nothing forbids
    /// two objects of one name (a vault) both are listed. Objects of unfinished puts and what is not ours is
    /// not. Returns the moment whose state was listed; nullopt: now. Throws Error{not_ready} while a job is
    /// needed and runs; the first call asks for it.
    virtual std::optional<Timestamp> list(ListScope scope,
                                          const std::function<void(const ObjectInfo&)>& visit) = 0;

    /// Asks for an object (or a part) to be made readable; asking again for what was asked for is no error
    /// and costs nothing, unless by a faster tier: then it is made faster, where the target can. `ready` at
    /// once where no thaw is needed. Throws Error{not_found}.
    virtual ThawState request_thaw(const ThawRequest& request) = 0;
    /// How far each of them is, in their order.
    virtual std::vector<ThawState> poll_thaws(const std::vector<AskedThaw>& thaws) = 0;
    ThawState poll_thaw(const ThawRequest& request, const std::string& ticket) {
        return poll_thaws({{request, ticket}}).at(0);
    }

    /// Reads a range, in pieces, in order. Throws Error{not_ready} if it must be thawed
    /// first, Error{corrupt} if the object ends before. `sink` may have had some bytes when an Error comes.
    virtual void read(const ObjectRange& range, const std::function<void(std::string_view)>& sink) = 0;

    /// Removes the object. One that is not there is no error. Throws Error{denied} for one that is locked.
    virtual void remove(const ObjectRef& object) = 0;

    /// Locks an object until `until` at least, as Upload::locked_until does; a lock is never shortened.
    /// Throws Error{unsupported} where the target, or the place there, has no locks.
    virtual void lock(const ObjectRef& object, Timestamp until) = 0;

    /// Until when it is locked; none: it is not, or the target has no locks. Told to a key, too, that stores
    /// and may not stat().
    virtual std::optional<Timestamp> locked_until(const ObjectRef& object) = 0;

    /// Puts of ours that were not brought to their end, of all sets. One that another process is at
    /// now looks the same.
    virtual void list_unfinished(const std::function<void(const UnfinishedUpload&)>& visit) = 0;
    /// How much of one has arrived, where a few requests tell (ten, for the largest); none: they do not.
    virtual std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& upload) = 0;
    /// Gives one up: what has arrived of it is removed. One that is not there is no error.
    virtual void abort_unfinished(const UnfinishedUpload& upload) = 0;

    /// What may harm what is stored: rules that will delete it, missing protections that were asked for.
    /// Costs next to nothing. What we may not look at is left out.
    virtual std::vector<TargetRemark> remarks() = 0;
};

/// A target that has no locks, no unfinished puts that anybody could see, and nothing to remark, as far as
/// the rest is concerned. What kinds of targets that have some of these override.
class PlainTarget : public Target {
  public:
    void lock(const ObjectRef& object, Timestamp /*until*/) override {
        throw Error(Error::Kind::unsupported, object.name + " cannot be locked: the target has no locks");
    }
    std::optional<Timestamp> locked_until(const ObjectRef& /*object*/) override { return std::nullopt; }
    void list_unfinished(const std::function<void(const UnfinishedUpload&)>& /*visit*/) override {}
    std::optional<std::uint64_t> unfinished_bytes(const UnfinishedUpload& /*upload*/) override {
        return std::nullopt;
    }
    void abort_unfinished(const UnfinishedUpload& /*upload*/) override {}
    std::vector<TargetRemark> remarks() override { return {}; }
};

}  // namespace icecore::store
