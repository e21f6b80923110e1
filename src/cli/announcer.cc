#include "cli/announcer.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>

#include "base/backoff.h"
#include "base/file.h"
#include "base/format.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/mail_report.h"
#include "cli/program.h"
#include "cli/set_status.h"
#include "cloud/http.h"
#include "report/hook.h"
#include "report/metrics.h"
#include "report/run_log.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kPingBytesMax = 10'000;  // what Healthchecks keeps of a body
constexpr unsigned kPingTries = 3;
constexpr std::int64_t kPingTimeoutMs = 10'000;
constexpr std::size_t kMetricsBytesMax = 4 << 20;
constexpr unsigned kMetricsMode = 0644;  // another user's program reads them

/// The end of a file, which may be long; what can be read of it.
std::string tail_of(const std::string& path) {
    try {
        Fd file = open_file(path, O_RDONLY);
        FileStat stat;
        if (!stat_at(file.get(), "", stat, AT_EMPTY_PATH)) return {};
        std::string text(std::min<std::uint64_t>(stat.size, kPingBytesMax), '\0');
        text.resize(pread_full(file.get(), text.data(), text.size(), stat.size - text.size()));
        return text;
    } catch (const Error&) {
        return {};
    }
}

/// What a ping says: why it failed, or what was done, and the end of the log.
std::string ping_text(const report::RunFacts& facts) {
    std::string text;
    if (!facts.error.empty()) text += printable(facts.error) + '\n';
    if (facts.header) text += report::summary_line(*facts.header, facts.trailer, facts.seconds()) + '\n';
    if (facts.upload)
        for (const std::string& problem : facts.upload->problems) text += printable(problem) + '\n';
    for (const std::string& problem : facts.problems) text += printable(problem) + '\n';
    if (facts.exit_status != kDone && !facts.log_file.empty()) text += tail_of(facts.log_file);
    return text.substr(0, kPingBytesMax);
}

}  // namespace

report::RunFacts new_facts(Session& session, const engine::SetOptions& set) {
    report::RunFacts facts;
    facts.set = set.name;
    facts.host = session.io().host;
    facts.data_dir = set.data_dir;
    facts.backup_dir = set.backup_dir;
    facts.started = session.io().clock.now();
    return facts;
}

int tell_by_mail(Session& session, const engine::SetOptions& set, report::RunFacts& facts) {
    MailOutcome outcome = mail_after_run(session, set, facts);
    if (outcome.sent) session.messages().detail(format("set {}: the report is mailed", set.name));
    if (!outcome.failure) return kDone;
    session.messages().error(format("set {}: {}", set.name, outcome.failure->message()),
                             outcome.failure->hint());
    facts.problems.push_back(outcome.failure->message());
    return kUnreported;
}

Announcer::Announcer(Session& session, const engine::SetOptions& set)
    : session_(session), set_(set), hooks_(session.config().hooks.at(set.name)) {}

void Announcer::begin(const report::RunFacts& facts) {
    ping(hooks_.ping_start, "");
    run_hook("before", hooks_.before, report::hook_environment(facts));
}

int Announcer::end(report::RunFacts facts) {
    int status = facts.exit_status;
    auto must = [&](auto step) {
        try {
            step();
        } catch (const Error& e) {
            session_.messages().error(e);
            status = worse(status, kFailed);
            facts.problems.push_back(e.message());
        }
    };
    std::map<std::string, std::string> variables = report::hook_environment(facts);
    if (facts.exit_status != kDone) must([&] { run_hook("on_failure", hooks_.on_failure, variables); });
    must([&] { run_hook("after", hooks_.after, variables); });
    must([&] { write_metrics(facts); });
    facts.exit_status = worse(status, tell_by_mail(session_, set_, facts));
    // Last, by what all this came to: whoever waits for the ping is told no other status than cron is.
    ping(facts.exit_status == kDone ? hooks_.ping_success : hooks_.ping_failure, ping_text(facts));
    return facts.exit_status;
}

void Announcer::run_hook(std::string_view key, const std::string& line,
                         const std::map<std::string, std::string>& variables) {
    if (line.empty()) return;
    session_.messages().detail(format("{}: {}", key, line));
    Process process{.words = {"/bin/sh", "-c", line},
                    .environment = variables,
                    .limit_ms = hooks_.hook_timeout_seconds * 1000};
    process.environment["ICECORE_CONFIG"] = session_.config().path;
    ProcessResult result = session_.io().run_process(process);
    if (!result.out.empty()) session_.messages().detail(format("{}: {}", key, quotable(result.out)));
    if (result.succeeded()) return;
    std::string said = result.said();
    throw Error(Error::Kind::io, format("set {}: the hook \"{}\" {}{}", set_.name, key,
                                        result.text(process.limit_ms), said.empty() ? "" : ": " + said));
}

void Announcer::ping(const std::string& url, const std::string& body) {
    if (url.empty()) return;
    std::string host = cloud::parse_url(url).host;  // the rest of the URL may be a secret
    std::string fault;
    for (unsigned attempt = 1; attempt <= kPingTries; ++attempt) {
        try {
            cloud::HttpOptions options;
            options.connect_timeout_ms = options.stall_timeout_ms = kPingTimeoutMs;
            options.user_agent = format("icecore/{}", program_version());
            std::unique_ptr<cloud::HttpClient> client = cloud::make_http_client(std::move(options));
            cloud::HttpRequest request;
            request.method = "POST";
            request.url = url;
            request.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
            request.body = body;
            cloud::HttpResponse reply = client->send(request);
            if (reply.status >= 200 && reply.status < 300) return;
            fault = format("it answered with status {}", reply.status);
            if (reply.status < 500) break;
        } catch (const Error& e) {
            fault = e.message();
            if (e.kind() != Error::Kind::transient) break;
        }
        if (attempt < kPingTries) session_.io().sleep_ns(backoff_ns({}, attempt, session_.io().random()));
    }
    session_.messages().warning(format("set {}: the ping to {} failed: {}", set_.name, host, fault));
}

void Announcer::write_metrics(report::RunFacts facts) {
    const std::string& path = session_.config().report.metrics;
    if (path.empty()) return;
    facts.offsite_snapshot = newest_offsite(session_, set_);
    FileSystem& fs = session_.io().fs;
    std::string dir(parent_path(path));
    // Sets may be backed up at the same time, and all share the file.
    Fd lock = open_file(dir, O_RDONLY | O_DIRECTORY);
    if (flock(lock.get(), LOCK_EX) != 0) throw_errno("locking " + dir);
    std::string before = path_exists(path) ? read_file(path, kMetricsBytesMax) : "";
    std::vector<std::string> sets;
    for (const engine::SetOptions& set : session_.config().sets) sets.push_back(set.name);
    write_file_durably(fs, dir, std::string(base_name(path)), report::metrics_text(before, sets, facts), true,
                       kMetricsMode);
}

}  // namespace icecore::cli
