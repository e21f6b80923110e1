#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icecore::cli {

/// Terminal columns of `text`: one a UTF-8 sequence (combining and wide characters are counted as one, too).
std::size_t text_columns(std::string_view text);

/// Aligned columns, two spaces apart. Small tables only: all cells are held until `text`.
class Table {
  public:
    enum class Align : unsigned char { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns);
    /// One cell a column.
    void row(std::vector<std::string> cells);
    /// An empty line.
    void gap();
    /// Titles and rows, lines without trailing spaces.
    std::string text() const;

  private:
    void append_row(std::string& out, const std::vector<std::string>& cells,
                    const std::vector<std::size_t>& widths) const;
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;  ///< an empty row is a gap
};

}  // namespace icecore::cli
