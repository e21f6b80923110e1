#include "engine/archive_order.h"

#include <algorithm>
#include <tuple>

#include "base/format.h"

namespace icecore::engine {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Reads fixed numbers of digits with separators between from a text.
class Scanner {
  public:
    Scanner(std::string_view text, std::size_t at) : text_(text), at_(at) {}

    std::optional<int> digits(std::size_t count, int min, int max) {
        if (at_ + count > text_.size()) return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_digit(text_[at_ + i])) return std::nullopt;
            value = value * 10 + (text_[at_ + i] - '0');
        }
        if (value < min || value > max) return std::nullopt;
        at_ += count;
        return value;
    }
    /// Takes one of `characters` if it comes next; 0: none of them did.
    char one_of(std::string_view characters) {
        if (at_ == text_.size() || characters.find(text_[at_]) == std::string_view::npos) return '\0';
        return text_[at_++];
    }
    bool at_digit() const { return at_ < text_.size() && is_digit(text_[at_]); }

  private:
    std::string_view text_;
    std::size_t at_;
};

std::optional<NameTime> time_at(std::string_view name, std::size_t at) {
    Scanner in(name, at);
    std::optional<int> year = in.digits(4, 1980, 2199);
    char between = year ? in.one_of("-_.") : '\0';
    std::optional<int> month = year ? in.digits(2, 1, 12) : std::nullopt;
    if (!month || (between != '\0' && in.one_of({&between, 1}) == '\0')) return std::nullopt;
    std::optional<int> day = in.digits(2, 1, 31);
    if (!day) return std::nullopt;
    std::string date = format("{:04}-{:02}-{:02}", *year, *month, *day);

    Scanner after_date = in;
    in.one_of("T_-. @");
    std::optional<int> hour = in.digits(2, 0, 23);
    if (hour) in.one_of(":-_.h");
    std::optional<int> minute = hour ? in.digits(2, 0, 59) : std::nullopt;
    std::optional<int> second;
    if (minute) {
        Scanner before = in;
        in.one_of(":-_.m");
        second = in.digits(2, 0, 60);
        if (!second) in = before;
    }
    std::optional<Timestamp> time;
    bool has_time = minute && !in.at_digit();
    if (has_time) {
        bool utc = in.one_of("Zz") != '\0';
        time = parse_local(
            format("{}T{:02}:{:02}:{:02}{}", date, *hour, *minute, second.value_or(0), utc ? "Z" : ""));
    } else if (!after_date.at_digit()) {
        time = parse_local(date + " 00:00:00");
    }
    if (!time) return std::nullopt;
    return NameTime{*time, has_time};
}

}  // namespace

std::optional<NameTime> time_in_name(std::string_view name) {
    for (std::size_t at = 0; at < name.size(); ++at) {
        if (!is_digit(name[at]) || (at > 0 && is_digit(name[at - 1]))) continue;
        if (auto found = time_at(name, at)) return found;
    }
    return std::nullopt;
}

bool natural_less(std::string_view a, std::string_view b) {
    std::size_t i = 0;
    std::size_t j = 0;
    auto number = [](std::string_view text, std::size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        std::size_t begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(begin, at - begin);
    };
    while (i < a.size() && j < b.size()) {
        if (is_digit(a[i]) && is_digit(b[j])) {
            std::string_view x = number(a, i);
            std::string_view y = number(b, j);
            if (x != y) return std::pair(x.size(), x) < std::pair(y.size(), y);
        } else if (a[i] != b[j]) {
            return a[i] < b[j];
        } else {
            ++i;
            ++j;
        }
    }
    return a.size() - i < b.size() - j;
}

void order_by_time(std::vector<DatedName>& archives) {
    bool all_named = std::all_of(archives.begin(), archives.end(), [](const DatedName& archive) {
        return time_in_name(archive.name).has_value();
    });
    for (DatedName& archive : archives) {
        archive.time = archive.mtime;
        archive.time_from_name = all_named;
        if (!all_named) continue;
        NameTime named = *time_in_name(archive.name);
        bool same_day = format_local(named.time).substr(0, 10) == format_local(archive.mtime).substr(0, 10);
        if (named.has_time || !same_day) archive.time = named.time;
    }
    std::sort(archives.begin(), archives.end(), [](const DatedName& a, const DatedName& b) {
        if (a.time != b.time) return a.time < b.time;
        return natural_less(a.name, b.name);
    });
}

}  // namespace icecore::engine
