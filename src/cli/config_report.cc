#include "cli/config_report.h"

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "cloud/shell_words.h"
#include "cloud/smtp_client.h"
#include "report/mail_message.h"

namespace icecore::cli {
namespace {

constexpr std::int64_t kEveryMax = 1'000'000;
constexpr std::int64_t kTimeoutSecondsMax = 3600;

/// "ann@example.org, bob@example.org"
std::vector<std::string> read_addresses(ConfigTable& table, std::string_view key) {
    std::vector<std::string> addresses;
    auto text = table.text(key);
    if (!text) return addresses;
    std::string_view rest = *text;
    while (true) {
        std::size_t comma = rest.find(',');
        std::string_view one = trimmed(rest.substr(0, comma));
        if (std::string fault = report::mail_address_fault(one); !fault.empty()) table.fail(key, fault);
        addresses.emplace_back(one);
        if (comma == std::string_view::npos) return addresses;
        rest.remove_prefix(comma + 1);
    }
}

std::string read_path(ConfigTable& table, std::string_view key) {
    return table.has(key) ? table.required_path(key) : std::string();
}

void read_smtp(ConfigTable& table, ReportConfig& report) {
    report.smtp = table.text("smtp").value_or("");
    if (!report.smtp.empty()) {
        try {
            cloud::parse_smtp_url(report.smtp);
        } catch (const Error& error) {
            table.fail("smtp", error.message());
        }
    }
    std::string starttls = table.text("starttls").value_or("auto");
    if (starttls != "auto" && starttls != "required")
        table.fail("starttls", "expected \"auto\" or \"required\"");
    report.starttls_required = starttls == "required";
    report.ca_bundle = read_path(table, "ca_bundle");
}

void read_login(ConfigTable& table, ReportConfig& report) {
    report.user = table.text("user").value_or("");
    report.password_file = read_path(table, "password_file");
    report.password_command = table.text("password_command").value_or("");
    bool file = !report.password_file.empty();
    bool command = !report.password_command.empty();
    if (file && command)
        table.fail("password_command", "expected password_file or password_command, not both");
    if (!report.user.empty() && !file && !command)
        table.fail("user", "a login needs password_file or password_command, too");
    if (report.user.empty() && (file || command))
        table.fail(file ? "password_file" : "password_command", "a password needs user, too");
    if (!report.user.empty() && report.smtp.empty()) table.fail("user", "a login is for smtp only");
    if (!command) return;
    try {
        if (cloud::split_words(report.password_command).empty())
            table.fail("password_command", "expected a program and its arguments");
    } catch (const Error& error) {
        table.fail("password_command", error.message());
    }
}

}  // namespace

ReportConfig read_report(ConfigTable& table) {
    ReportConfig report;
    report.to = read_addresses(table, "email");
    std::vector<std::string> from = read_addresses(table, "from");
    if (from.size() > 1) table.fail("from", "expected one address");
    if (!from.empty()) report.from = from.front();
    report.every = static_cast<unsigned>(table.number("every", 1, kEveryMax).value_or(report.every));
    read_smtp(table, report);
    read_login(table, report);
    report.sendmail = read_path(table, "sendmail");
    if (!report.smtp.empty() && !report.sendmail.empty())
        table.fail("sendmail", "expected smtp or sendmail, not both");
    if (report.smtp.empty() && report.sendmail.empty()) report.sendmail = kSendmailDefault;
    report.timeout_seconds =
        table.span_seconds("timeout", kTimeoutSecondsMax, "a span of at most an hour, such as \"2m\"")
            .value_or(report.timeout_seconds);
    report.metrics = read_path(table, "metrics");
    table.finish();
    return report;
}

}  // namespace icecore::cli
