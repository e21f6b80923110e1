#include "engine/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

Fd open_unnamed(const std::string& dir) {
    Fd fd(open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd) return fd;
    // File systems without O_TMPFILE (NFS, some FUSE): a name that is removed at once.
    std::string path = join_path(dir, ".icecore-spool-XXXXXX");
    fd = Fd(mkostemp(path.data(), O_CLOEXEC));
    if (!fd) throw_errno("making a temporary file in " + dir);
    unlink(path.c_str());
    return fd;
}

}  // namespace

Spool::Spool(const std::string& dir) : fd_(open_unnamed(dir)) {}

std::uint64_t Spool::append(std::string_view record) {
    std::uint64_t where = written_bytes_ + buffer_.size();
    auto length = static_cast<std::uint32_t>(record.size());
    buffer_.append(reinterpret_cast<const char*>(&length), sizeof length);
    buffer_ += record;
    ++count_;
    if (buffer_.size() >= kBufferBytes) flush();
    return where;
}

std::string Spool::read_at(std::uint64_t where) {
    flush();
    std::uint32_t length = 0;
    CHECK(pread_full(fd_.get(), reinterpret_cast<char*>(&length), sizeof length, where) == sizeof length);
    std::string record(length, '\0');
    CHECK(pread_full(fd_.get(), record.data(), length, where + sizeof length) == length);
    return record;
}

void Spool::flush() {
    try {
        write_full(fd_.get(), buffer_);
    } catch (Error& e) {
        e.add_context("writing the plan to a temporary file");
        throw;
    }
    written_bytes_ += buffer_.size();
    buffer_.clear();
}

void Spool::clear() {
    if (ftruncate(fd_.get(), 0) != 0 || lseek(fd_.get(), 0, SEEK_SET) != 0)
        throw_errno("truncating a temporary file");
    buffer_.clear();
    count_ = 0;
    written_bytes_ = 0;
}

Spool::Reader::Reader(Spool& spool) : spool_(spool), left_(spool.count_) {
    spool_.flush();
}

void Spool::Reader::fill(std::size_t wanted) {
    if (buffer_.size() - begin_ >= wanted) return;
    buffer_.erase(0, begin_);
    begin_ = 0;
    std::size_t have = buffer_.size();
    std::size_t grow = std::max(wanted - have, kBufferBytes);
    buffer_.resize(have + grow);
    std::size_t n = pread_full(spool_.fd_.get(), buffer_.data() + have, grow, file_offset_);
    buffer_.resize(have + n);
    file_offset_ += n;
    CHECK(buffer_.size() >= wanted);
}

bool Spool::Reader::next(std::string_view& record) {
    if (left_ == 0) return false;
    --left_;
    std::uint32_t length = 0;
    fill(sizeof length);
    std::memcpy(&length, buffer_.data() + begin_, sizeof length);
    fill(sizeof length + length);
    record = std::string_view(buffer_).substr(begin_ + sizeof length, length);
    begin_ += sizeof length + length;
    next_offset_ += sizeof length + length;
    return true;
}

RecordWriter& RecordWriter::number(std::uint64_t value) {
    while (value >= 0x80) {
        out_ += static_cast<char>(value | 0x80);
        value >>= 7;
    }
    out_ += static_cast<char>(value);
    return *this;
}

RecordWriter& RecordWriter::text(std::string_view value) {
    number(value.size());
    out_ += value;
    return *this;
}

RecordWriter& RecordWriter::time(Timestamp value) {
    return number(static_cast<std::uint64_t>(value.sec)).number(value.nsec);
}

RecordWriter& RecordWriter::stat(const FileStat& s) {
    number(static_cast<std::uint64_t>(s.type)).number(s.mode).number(s.uid).number(s.gid).number(s.size);
    time(s.mtime).time(s.ctime);
    return number(s.dev)
        .number(s.ino)
        .number(s.nlink)
        .number(s.rdev_major)
        .number(s.rdev_minor)
        .number(s.allocated_bytes);
}

RecordWriter& RecordWriter::digest(const Digest& value) {
    return text(value.view());
}

RecordWriter& RecordWriter::location(const archive::Location& value) {
    return number(value.run).number(value.volume).number(value.offset).number(value.length_bytes);
}

std::uint64_t RecordReader::number() {
    std::uint64_t value = 0;
    unsigned shift = 0;
    while (true) {
        CHECK(!in_.empty() && shift < 64);
        auto byte = static_cast<std::uint8_t>(in_[0]);
        in_.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
        shift += 7;
    }
}

std::string_view RecordReader::text() {
    std::uint64_t size = number();
    CHECK(size <= in_.size());
    std::string_view value = in_.substr(0, size);
    in_.remove_prefix(size);
    return value;
}

Timestamp RecordReader::time() {
    auto sec = static_cast<std::int64_t>(number());
    return {sec, static_cast<std::uint32_t>(number())};
}

FileStat RecordReader::stat() {
    FileStat s;
    s.type = static_cast<FileType>(number());
    s.mode = static_cast<std::uint32_t>(number());
    s.uid = static_cast<std::uint32_t>(number());
    s.gid = static_cast<std::uint32_t>(number());
    s.size = number();
    s.mtime = time();
    s.ctime = time();
    s.dev = number();
    s.ino = number();
    s.nlink = static_cast<std::uint32_t>(number());
    s.rdev_major = static_cast<std::uint32_t>(number());
    s.rdev_minor = static_cast<std::uint32_t>(number());
    s.allocated_bytes = number();
    return s;
}

Digest RecordReader::digest() {
    return Digest::from_bytes(text());
}

archive::Location RecordReader::location() {
    archive::Location l;
    l.run = static_cast<std::uint32_t>(number());
    l.volume = static_cast<std::uint32_t>(number());
    l.offset = number();
    l.length_bytes = number();
    return l;
}

}  // namespace icecore::engine
