#include "cli/announcer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/format.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/mail_report.h"
#include "cli/program.h"
#include "cloud/http.h"
#include "report/hook.h"
#include "report/metrics.h"
#include "report/run_log.h"

namespace icecore::cli {
namespace {

constexpr std::size_t kPingBytesMax = 10'000;  // what Healthchecks keeps of a body
constexpr int kPingTries = 3;
constexpr std::int64_t kPingTimeoutMs = 10'000;
constexpr std::size_t kMetricsBytesMax = 4 << 20;
constexpr mode_t kMetricsMode = 0644;  // another user's program reads them

/// The end of a file; what can be read of it.
std::string tail_of(const std::string& path) {
    try {
        std::string text = read_file(path);
        return text.size() <= kPingBytesMax ? text : text.substr(text.size() - kPingBytesMax);
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
    if (facts.exit_status != kDone && !facts.log_file.empty()) text += tail_of(facts.log_file);
    return text.substr(0, kPingBytesMax);
}

/// The last lines that a hook wrote, for a message.
std::string said(const ProcessResult& result) {
    std::string text = quotable(result.err.empty() ? result.out : result.err);
    return text.empty() ? "" : ": " + text;
}

}  // namespace

int worse(int a, int b) {
    auto rank = [](int status) {
        return status == kDone ? 0 : status == kUnreported ? 1 : status == kIncomplete ? 2 : 3;
    };
    return rank(a) >= rank(b) ? a : b;
}

Announcer::Announcer(Session& session, const engine::SetOptions& set)
    : session_(session), set_(set), hooks_(session.config().hooks.at(set.name)) {}

void Announcer::begin() {
    ping(hooks_.ping_start, "");
    report::RunFacts facts;
    facts.set = set_.name;
    facts.host = session_.io().host;
    facts.data_dir = set_.data_dir;
    facts.backup_dir = set_.backup_dir;
    std::map<std::string, std::string> variables = report::hook_environment(facts);
    if (hooks_.before.empty()) return;
    for (const char* name : {"ICECORE_RESULT", "ICECORE_STATUS", "ICECORE_SECONDS", "ICECORE_ERROR"})
        variables.erase(name);
    run_hook("before", hooks_.before, variables);
}

int Announcer::end(const report::RunFacts& facts) {
    int status = facts.exit_status;
    auto must = [&](auto step) {
        try {
            step();
        } catch (const Error& e) {
            session_.messages().error(e);
            status = worse(status, kFailed);
        }
    };
    std::map<std::string, std::string> variables = report::hook_environment(facts);
    if (facts.exit_status != kDone) must([&] { run_hook("on_failure", hooks_.on_failure, variables); });
    must([&] { run_hook("after", hooks_.after, variables); });
    must([&] { write_metrics(facts); });
    status = worse(status, mail(facts));
    ping(facts.exit_status == kDone ? hooks_.ping_success : hooks_.ping_failure, ping_text(facts));
    return status;
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
    throw Error(Error::Kind::io, format("set {}: the hook \"{}\" {}{}", set_.name, key,
                                        result.text(process.limit_ms), said(result)));
}

void Announcer::ping(const std::string& url, const std::string& body) {
    if (url.empty()) return;
    std::string host = cloud::parse_url(url).host;  // the rest of the URL may be a secret
    std::string fault;
    for (int attempt = 1; attempt <= kPingTries; ++attempt) {
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
        if (attempt < kPingTries) session_.io().sleep_ns(attempt * 1'000'000'000LL);
    }
    session_.messages().warning(format("set {}: the ping to {} failed: {}", set_.name, host, fault));
}

int Announcer::mail(const report::RunFacts& facts) {
    MailOutcome outcome = mail_after_run(session_, set_, facts);
    if (outcome.sent) session_.messages().detail(format("set {}: the report is mailed", set_.name));
    if (!outcome.failure) return kDone;
    session_.messages().error(format("set {}: {}", set_.name, outcome.failure->message()),
                              outcome.failure->hint());
    return kUnreported;
}

void Announcer::write_metrics(const report::RunFacts& facts) {
    const std::string& path = session_.config().report.metrics;
    if (path.empty()) return;
    FileSystem& fs = session_.io().fs;
    std::string dir(parent_path(path));
    // Sets may be backed up at the same time, and all share the file.
    Fd lock = open_file(dir, O_RDONLY | O_DIRECTORY);
    if (flock(lock.get(), LOCK_EX) != 0) throw_errno("locking " + dir);
    std::string before = path_exists(path) ? read_file(path, kMetricsBytesMax) : "";
    std::unique_ptr<OutputFile> file = fs.create(dir, std::string(base_name(path)), true);
    file->write(report::metrics_text(before, facts));
    if (fchmod(file->fd(), kMetricsMode) != 0) throw_errno("setting the mode of " + path);
    file->seal();
}

}  // namespace icecore::cli
