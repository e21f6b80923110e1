#include "archive/snar.h"

#include <charconv>

#include "base/error.h"
#include "base/format.h"

namespace icecore::archive {
namespace {

constexpr std::string_view kProgram = "GNU tar-";
constexpr std::uint32_t kNsecPerSec = 1'000'000'000;

template <typename T>
void append_number(T value, std::string& out) {
    char digits[24];
    const auto result = std::to_chars(std::begin(digits), std::end(digits), value);
    out.append(digits, result.ptr).append(1, '\0');
}

/// Undoes tar's quoting of names in formats 0 and 1: \\ \n and the other C escapes, \? for DEL, up to three
/// octal digits.
std::string unquote(std::string_view quoted) {
    constexpr std::string_view kLetters = "\\abfnrtv?";
    constexpr std::string_view kValues = "\\\a\b\f\n\r\t\v\x7f";
    std::string out;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] != '\\' || i + 1 == quoted.size()) {
            out += quoted[i];
            continue;
        }
        const char next = quoted[++i];
        const auto letter = kLetters.find(next);
        if (letter != std::string_view::npos) {
            out += kValues[letter];
        } else if (next >= '0' && next <= '7') {
            auto value = static_cast<unsigned>(next - '0');
            for (int n = 1; n < 3 && i + 1 < quoted.size() && quoted[i + 1] >= '0' && quoted[i + 1] <= '7';
                 ++n) {
                value = value * 8 + static_cast<unsigned>(quoted[++i] - '0');
            }
            out += static_cast<char>(value & 0xff);
        } else {
            out.append(1, '\\').append(1, next);
        }
    }
    return out;
}

class Parser {
  public:
    explicit Parser(std::string_view bytes) : bytes_(bytes) {}
    Snar parse();

  private:
    [[noreturn]] void corrupt(std::string_view what) const {
        throw Error(Error::Kind::corrupt, format("damaged snapshot file at byte {}: {}", at_, what));
    }
    bool done() const { return at_ == bytes_.size(); }

    /// The bytes up to `end`, which is passed over; the last line of a text file may lack it.
    std::string_view take_until(char end, bool end_optional = false) {
        const auto found = bytes_.find(end, at_);
        if (found == std::string_view::npos && !end_optional) corrupt("it ends too early");
        const auto stop = std::min(found, bytes_.size());
        const auto taken = bytes_.substr(at_, stop - at_);
        at_ = std::min(stop + 1, bytes_.size());
        return taken;
    }

    template <typename T>
    T take_number(char end, std::string_view what, bool end_optional = false) {
        const auto start = at_;
        const auto text = take_until(end, end_optional);
        T value{};
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
            at_ = start;
            corrupt(format("{} is not a number", what));
        }
        return value;
    }

    Timestamp take_time(char between, char end, bool end_optional = false) {
        Timestamp time;
        time.sec = take_number<std::int64_t>(between, "seconds");
        time.nsec = take_number<std::uint32_t>(end, "nanoseconds", end_optional);
        if (time.nsec >= kNsecPerSec) corrupt("nanoseconds are out of range");
        return time;
    }

    int take_format();
    SnarDirectory take_binary_directory();
    SnarDirectory take_text_directory(int format);

    std::string_view bytes_;
    std::size_t at_ = 0;
};

/// Format 0 has no first line that names the program.
int Parser::take_format() {
    if (done()) corrupt("it is empty");
    if (!bytes_.starts_with(kProgram)) return 0;
    const auto line = take_until('\n');
    const auto dash = line.find('-', kProgram.size());
    if (dash == std::string_view::npos) corrupt("the first line names no format");
    const auto number = line.substr(dash + 1);
    if (number == "0" || number == "1" || number == "2") return number[0] - '0';
    throw Error(Error::Kind::unsupported, format("a snapshot file of unknown format {}", number));
}

SnarDirectory Parser::take_binary_directory() {
    SnarDirectory directory;
    const auto nfs = take_number<unsigned>('\0', "the nfs flag");
    if (nfs > 1) corrupt("the nfs flag is neither 0 nor 1");
    directory.nfs = nfs == 1;
    directory.mtime = take_time('\0', '\0');
    directory.dev = take_number<std::uint64_t>('\0', "the device");
    directory.ino = take_number<std::uint64_t>('\0', "the inode");
    directory.name = take_until('\0');
    if (directory.name.empty()) corrupt("a directory has no name");
    for (;;) {
        const auto start = at_;
        const auto entry = take_until('\0');
        if (entry.empty()) break;
        if (entry.size() < 2 || std::string_view("YND").find(entry[0]) == std::string_view::npos) {
            at_ = start;
            corrupt("an entry has no valid flag and name");
        }
        directory.entries.emplace_back(entry[0], entry.substr(1));
    }
    if (!take_until('\0').empty()) corrupt("a directory's record is not ended");
    return directory;
}

SnarDirectory Parser::take_text_directory(int format) {
    SnarDirectory directory;
    directory.nfs = bytes_[at_] == '+';
    if (directory.nfs) ++at_;
    if (format == 1) directory.mtime = take_time(' ', ' ');
    directory.dev = take_number<std::uint64_t>(' ', "the device");
    directory.ino = take_number<std::uint64_t>(' ', "the inode");
    directory.name = unquote(take_until('\n', true));
    if (directory.name.empty()) corrupt("a directory has no name");
    return directory;
}

Snar Parser::parse() {
    Snar snar;
    snar.format = take_format();
    switch (snar.format) {
        case 0:
            snar.run_time.sec = take_number<std::int64_t>('\n', "the time of the run", true);
            break;
        case 1:
            snar.run_time = take_time(' ', '\n', true);
            break;
        default:
            snar.run_time = take_time('\0', '\0');
            break;
    }
    while (!done()) {
        snar.directories.push_back(snar.format == 2 ? take_binary_directory()
                                                    : take_text_directory(snar.format));
    }
    return snar;
}

}  // namespace

std::string encode_snar_header(Timestamp run_time) {
    std::string out(kProgram);
    out += "1.34-2\n";
    append_number(run_time.sec, out);
    append_number(run_time.nsec, out);
    return out;
}

void append_snar_record(const SnarRecord& record, std::string& out) {
    CHECK(!record.name.empty() && !record.encoded_dumpdir.empty());
    append_number(record.nfs ? 1 : 0, out);
    append_number(record.mtime.sec, out);
    append_number(record.mtime.nsec, out);
    append_number(record.dev, out);
    append_number(record.ino, out);
    out.append(record.name).append(1, '\0');
    out.append(record.encoded_dumpdir).append(1, '\0');
}

void append_snar_directory(const SnarDirectory& directory, std::string& out) {
    std::string entries;
    for (const auto& [flag, name] : directory.entries) {
        CHECK(!name.empty());
        entries.append(1, flag).append(name).append(1, '\0');
    }
    entries.append(1, '\0');
    append_snar_record(
        {directory.nfs, directory.mtime, directory.dev, directory.ino, directory.name, entries}, out);
}

Snar parse_snar(std::string_view bytes) {
    return Parser(bytes).parse();
}

}  // namespace icecore::archive
