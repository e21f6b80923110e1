#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/manifest.h"
#include "base/file.h"
#include "base/file_stat.h"
#include "base/hash.h"

namespace icecore::engine {

/// An append-only list of records in an unlinked temporary file, so that a plan of millions of files takes no
/// memory. Written first, then read back in order (any number of times). One thread at a time.
class Spool {
  public:
    /// The file is made in `dir`, without a name.
    explicit Spool(const std::string& dir);

    /// Returns where the record stands, for read_at.
    std::uint64_t append(std::string_view record);
    std::string read_at(std::uint64_t where);
    std::uint64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }
    void clear();

    /// Reads the records from the first on. Nothing may be appended meanwhile.
    class Reader {
      public:
        explicit Reader(Spool& spool);
        /// False at the end. `record` is valid until the next call.
        bool next(std::string_view& record);
        /// Where the record that next() gives next stands (as append returned it).
        std::uint64_t offset() const { return next_offset_; }

      private:
        void fill(std::size_t wanted);
        Spool& spool_;
        std::uint64_t left_;
        std::uint64_t file_offset_ = 0;
        std::uint64_t next_offset_ = 0;
        std::string buffer_;
        std::size_t begin_ = 0;
    };

  private:
    void flush();
    Fd fd_;
    std::string buffer_;
    std::uint64_t count_ = 0;
    std::uint64_t written_bytes_ = 0;
};

/// Packs values into a record.
class RecordWriter {
  public:
    void clear() { out_.clear(); }
    std::string_view view() const { return out_; }
    RecordWriter& number(std::uint64_t value);
    RecordWriter& text(std::string_view value);
    RecordWriter& time(Timestamp value);
    RecordWriter& stat(const FileStat& value);
    RecordWriter& digest(const Digest& value);
    RecordWriter& location(const archive::Location& value);

  private:
    std::string out_;
};

/// Unpacks them in the same order. Records are our own: a mismatch is a bug (CHECK).
class RecordReader {
  public:
    explicit RecordReader(std::string_view record) : in_(record) {}
    std::uint64_t number();
    std::string_view text();
    Timestamp time();
    FileStat stat();
    Digest digest();
    archive::Location location();

  private:
    std::string_view in_;
};

}  // namespace icecore::engine
