#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/config_table.h"

namespace icecore::cli {

/// The `[report]` table: who gets the reports by mail, and how; who else is told of every set. Either `smtp` or `sendmail` is set, if `to`
/// is.
struct ReportConfig {
    std::vector<std::string> to;  ///< empty: no mail
    std::string from;             ///< empty: icecore@HOST
    unsigned every = 7;           ///< runs
    std::string smtp;             ///< URL
    bool starttls_required = false;
    std::string user;
    std::string password_file;
    std::string password_command;
    std::string ca_bundle;
    std::string sendmail;  ///< path
    std::int64_t timeout_seconds = 120;
    std::string metrics;  ///< a file for Prometheus' node_exporter, absolute; empty: none
};

constexpr std::string_view kSendmailDefault = "/usr/sbin/sendmail";

/// Reads and checks it. Throws UsageError.
ReportConfig read_report(ConfigTable& table);

}  // namespace icecore::cli
