#include "engine/verify_log.h"

#include <utility>

#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {

VerifyLog::VerifyLog(Observer& observer, const std::function<void(const Finding&)>& on_finding)
    : observer_(observer), on_finding_(on_finding) {
    progress_.phase = Progress::Phase::verifying;
}

void VerifyLog::report(Finding finding) {
    std::lock_guard lock(mutex_);
    ++(finding.severity == Finding::Severity::problem ? problems_ : remarks_);
    on_finding_(finding);
}

void VerifyLog::problem(catalog::RunNumber run, const std::string& file, std::string message,
                        std::string hint) {
    report({Finding::Severity::problem, run, file, std::nullopt, std::move(message), std::move(hint)});
}

void VerifyLog::problem_at(catalog::RunNumber run, const std::string& path, std::string message) {
    report({Finding::Severity::problem, run, "", path, std::move(message), ""});
}

void VerifyLog::remark(catalog::RunNumber run, const std::string& file, std::string message,
                       std::string hint) {
    report({Finding::Severity::remark, run, file, std::nullopt, std::move(message), std::move(hint)});
}

void VerifyLog::expect(std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    progress_.bytes_total += bytes;
}

void VerifyLog::advance(std::uint64_t files, std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    progress_.files += files;
    progress_.bytes += bytes;
    observer_.progress(progress_);
}

std::uint64_t VerifyLog::problems() const {
    std::lock_guard lock(mutex_);
    return problems_;
}

std::uint64_t VerifyLog::remarks() const {
    std::lock_guard lock(mutex_);
    return remarks_;
}

std::string finding_text(const Finding& finding) {
    std::string text = finding.message;
    if (finding.path)
        text = format("run {}: {}: {}", finding.run, finding.path->empty() ? "." : escape_path(*finding.path),
                      finding.message);
    else if (!finding.file.empty())
        text = format("{}: {}", escape_path(finding.file), finding.message);
    return text;
}

}  // namespace icecore::engine
