#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "archive/manifest.h"
#include "base/json.h"
#include "catalog/catalog.h"

namespace icecore::cli {

/// One JSON document on a stream, written piece by piece: `flush_some` keeps memory small however long it
/// gets.
class JsonOutput {
  public:
    explicit JsonOutput(std::ostream& out) : out_(out), writer_(buffer_) {}
    JsonWriter& writer() { return writer_; }
    void flush_some();
    /// The end of the document.
    void finish();

  private:
    std::ostream& out_;
    std::string buffer_;
    JsonWriter writer_;
};

/// The fields of a run (doc/json.md, "run") into an open object.
void write_run_fields(JsonWriter& json, const archive::ManifestHeader& header,
                      const archive::ManifestTrailer& trailer);

/// The fields of a file (doc/json.md, "file") into an open object, without its path.
void write_entry_fields(JsonWriter& json, const catalog::Entry& entry);

/// "drwxr-xr-x", with s, S, t and T as ls(1) has them.
std::string mode_text(const FileStat& stat);

/// "regular", "directory", … as in doc/json.md.
std::string_view type_name(FileType type);

/// "full", "incremental".
std::string_view kind_name(archive::RunKind kind);

/// escape_path without C1 controls (still reversible), "." for the data directory itself.
std::string shown_path(std::string_view path);

}  // namespace icecore::cli
