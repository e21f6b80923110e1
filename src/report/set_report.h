#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "base/clock.h"
#include "report/log_digest.h"

namespace icecore::report {

/// What went wrong and is in no manifest.
struct Failure {
    enum class Kind : std::uint8_t {
        no_run,       ///< no run came to exist
        not_offsite,  ///< what there is could not be stored offsite
        besides,      ///< a hook, the metrics: the run is what it is
    };
    Kind kind = Kind::no_run;
    Timestamp at;
    std::uint32_t run = 0;  ///< 0: of none
    std::string error;      ///< for people
    std::string hint;
    bool operator==(const Failure&) const = default;
};

/// "failed", "not offsite", "problem".
std::string_view failure_kind_name(Failure::Kind kind);

/// How a set stands and what became of some of its runs: what mails, pages and `icecore report` are made of.
struct SetReport {
    static constexpr std::size_t kDetailedMax = 60;

    struct Run {
        archive::ManifestHeader header;
        archive::ManifestTrailer trailer;
        double monthly_usd = 0;  ///< what keeping it offsite costs; 0 also where that is not known
    };
    struct Offsite {
        std::string target;
        std::uint64_t stored_files = 0;
        std::uint64_t stored_bytes = 0;
        std::uint64_t waiting_files = 0;
        std::uint64_t waiting_bytes = 0;
        std::optional<Timestamp> snapshot;  ///< when the newest run began that is there with its chain
        std::string monthly_cost;           ///< what keeping it costs, for people; empty: not known
    };

    std::string set;
    std::string host;
    std::string program;  ///< version
    std::string data_dir;
    std::string backup_dir;
    Timestamp now;
    std::vector<Run> history;  ///< all runs, ascending
    std::size_t first = 0;     ///< index of the first one that is told of; history.size(): none is
    /// Of the last of those that are told of, at most kDetailedMax.
    std::vector<LogDigest> digests;
    std::vector<Failure> failures;        ///< oldest first
    std::uint64_t failures_left_out = 0;  ///< they were too many to keep
    std::uint64_t backup_dir_bytes = 0;
    std::optional<Offsite> offsite;     ///< if the set has a target
    bool offsite_unknown = false;       ///< it has one that could not be looked at
    std::string next_full;              ///< "never by itself", "in 12 runs", …
    std::vector<std::string> warnings;  ///< as `icecore status` has them

    std::size_t told() const { return history.size() - first; }
    /// Sum over the runs that are told of.
    std::uint64_t stored_bytes() const;
    std::uint64_t errors() const;
};

/// Something about runs that a person should look at.
struct Unusual {
    std::string text;    ///< one sentence
    bool alarm = false;  ///< not to be put off: is somebody destroying the files?
};

/// What is unusual about the runs of `report` that are told of, and about the time between runs, for people;
/// the worst first. Looks like ransomware: most files changed, or what is stored cannot be compressed any
/// more while it used to be; a large share deleted; nothing changed for weeks; a long time without a run.
std::vector<Unusual> find_unusual(const SetReport& report);

/// "icecore nas1/home: 7 runs ok, 1.21 GiB added"; the worst first: "… FAILED: data directory: …".
std::string subject_of(const SetReport& report);

/// The same for a terminal and as a mail's text, at most some hundred lines.
std::string report_text(const SetReport& report);
/// As a mail's HTML: inline styles and tables only, nothing that is fetched, no scripts.
std::string report_mail_html(const SetReport& report);
/// A page of its own, with charts (inline SVG), for a browser and for paper.
std::string report_page(const SetReport& report);

}  // namespace icecore::report
