#include "cli/table.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace icecore::cli {

std::size_t text_columns(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        text.remove_prefix(std::max<std::size_t>(1, utf8_sequence_length(text)));
        ++columns;
    }
    return columns;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::row(std::vector<std::string> cells) {
    CHECK(cells.size() == columns_.size());
    rows_.push_back(std::move(cells));
}

void Table::gap() {
    rows_.emplace_back();
}

std::string Table::text() const {
    std::vector<std::string> titles;
    titles.reserve(columns_.size());
    for (const Column& column : columns_) titles.push_back(column.title);
    std::vector<std::size_t> widths(columns_.size(), 0);
    auto widen = [&](const std::vector<std::string>& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], text_columns(cells[i]));
    };
    widen(titles);
    for (const auto& cells : rows_) widen(cells);
    std::string out;
    append_row(out, titles, widths);
    for (const auto& cells : rows_) append_row(out, cells, widths);
    return out;
}

void Table::append_row(std::string& out, const std::vector<std::string>& cells,
                       const std::vector<std::size_t>& widths) const {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) line += "  ";
        std::string padding(widths[i] - text_columns(cells[i]), ' ');
        line += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
}

}  // namespace icecore::cli
