#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/messages.h"
#include "engine/upload.h"
#include "report/run_facts.h"

namespace icecore::cli {

/// "stored 5 files (1.20 GiB) in 3.4 s; 2 files (10.0 MiB) wait", "nothing to store: all 7 files are
/// offsite".
std::string upload_line(const engine::UploadResult& result);

/// The fields of an upload (doc/json.md, "upload") into an open object.
void write_upload_fields(JsonWriter& json, const engine::UploadResult& result);

/// For hooks, mails and the like.
report::RunFacts::Upload upload_facts(const engine::UploadResult& result);

/// Prints what went wrong as errors, each after `context` ("set home", or empty); `advice` is what the user
/// can do besides, or empty. Returns the exit status: done, or failed if anything is not offsite.
int report_upload_problems(Messages& messages, const engine::UploadResult& result, std::string_view context,
                           std::string_view advice);

}  // namespace icecore::cli
