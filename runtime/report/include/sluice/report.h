#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sluice/array.h"

// A report is one HTML page that opens offline: data, pictures, style and the chart library (Chart.js) are inside of
// it, and it asks for nothing from outside. These are the things that it can show.
namespace sluice::report {

/// One line of a chart, or one color of bars. NaN and infinity leave a gap.
struct Series {
  std::string name;
  std::vector<double> values;
};

/// Curves over numbers, ascending; hovering shows the values of all of them.
struct Lines {
  std::string x_title;
  std::string y_title;
  std::vector<double> x;
  std::vector<Series> series;  ///< each with a value for each x
};

/// Bars from zero, by name.
struct Bars {
  std::string y_title;
  std::vector<std::string> names;
  std::vector<Series> series;  ///< each with a value for each name
};

/// A dot by name, on an axis that spans what there is and may not begin at zero.
struct Dots {
  std::string x_title;
  std::vector<std::string> names;
  std::vector<double> values;
  std::vector<std::string> details;  ///< shown when the mouse is there
};

struct Picture {
  Array pixels;  ///< u8[height,width]
  std::string caption;
  std::string detail;
};
struct Pictures {
  std::vector<Picture> items;
  int columns = 0;  ///< 0: as many as there is room for
  bool ink = true;  ///< bright strokes on black, which a light page shows as dark ones on white
};

/// A square of counts: how many of the class of the row were taken for the class of the column.
struct HeatMap {
  std::string row_title;
  std::string column_title;
  std::vector<std::string> names;
  std::vector<std::int64_t> counts;  ///< [names,names] in rows
};

struct Column {
  std::string name;
  bool number = false;  ///< stands to the right
};
struct Cell {
  std::string text;
  std::string detail = {};           ///< small, below the text
  std::optional<double> share = {};  ///< 0 to 1, as a bar beside the text
};
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  bool sum = false;  ///< the last row sums up the others
};

/// Names and what they are.
struct Facts {
  std::vector<std::pair<std::string, std::string>> facts;
};

using Content = std::variant<Lines, Bars, Dots, Pictures, HeatMap, Table, Facts>;

struct Section {
  std::string title;
  std::string note = {};  ///< a sentence below the title
  Content content;
  bool wide = false;  ///< across the page, not half of it
};

/// A number to see first.
struct Figure {
  std::string name;
  std::string value;
  std::string note = {};
};

/// Throws Error, as Page::write would, unless a file can be written there. Leaves no file behind.
void check_can_write(const std::filesystem::path& path);

class Page {
 public:
  explicit Page(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  void add(Figure figure) { figures_.push_back(std::move(figure)); }
  /// The sections after this stand below a heading.
  void begin_part(std::string title) { parts_.push_back({std::move(title), {}}); }
  /// Throws Error, which names the section, where lists that belong together have different lengths, and for a picture
  /// that is none.
  void add(Section section);

  /// The whole page. Text in it may hold any bytes: it is shown, never run.
  std::string html() const;
  /// Writes the page. Throws Error if that fails; then an older one is still there.
  void write(const std::filesystem::path& path) const;

 private:
  struct Part {
    std::string title;
    std::vector<Section> sections;
  };

  std::string title_;
  std::string subtitle_;
  std::vector<Figure> figures_;
  std::vector<Part> parts_;
};

}  // namespace sluice::report
