#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sluice/array.h"

// A report is one self-contained HTML page that works offline: data, pictures, style and the chart library (Chart.js)
// are embedded in it. These are the items that it can show.
namespace sluice::report {

/// One line of a chart, or one color of bars. NaN and infinity leave a gap.
struct Series {
  std::string name;
  std::vector<double> values;
};

/// Curves over ascending x; hovering shows the values of all of them.
struct Lines {
  std::string x_title;
  std::string y_title;
  std::vector<double> x;
  std::vector<Series> series;  ///< each with one value per x
};

/// Bars from zero, by name.
struct Bars {
  std::string y_title;
  std::vector<std::string> names;
  std::vector<Series> series;  ///< each with one value per name
};

/// A dot for each name, on an axis that spans the values and need not start at zero.
struct Dots {
  std::string x_title;
  std::vector<std::string> names;
  std::vector<double> values;
  std::vector<std::string> details;  ///< shown on hover
};

struct Picture {
  Array pixels;  ///< u8[height,width]
  std::string caption;
  std::string detail;
};
struct Pictures {
  std::vector<Picture> items;
  int columns = 0;  ///< 0: as many as fit
  bool ink = true;  ///< bright strokes on black, which a light page shows as dark ones on white
};

/// A square of counts: how many examples of the row's class were predicted as the column's class.
struct HeatMap {
  std::string row_title;
  std::string column_title;
  std::vector<std::string> names;
  std::vector<std::int64_t> counts;  ///< [names,names] row by row
};

struct Column {
  std::string name;
  bool number = false;  ///< right-aligned
};
struct Cell {
  std::string text;
  std::string detail = {};           ///< small, below the text
  std::optional<double> share = {};  ///< 0 to 1, as a bar next to the text
};
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  bool sum = false;  ///< the last row is the total of the others
};

/// Names and their values.
struct Facts {
  std::vector<std::pair<std::string, std::string>> facts;
};

using Content = std::variant<Lines, Bars, Dots, Pictures, HeatMap, Table, Facts>;

struct Section {
  std::string title;
  std::string note = {};  ///< a sentence below the title
  Content content;
  bool wide = false;  ///< across the page instead of half of it
};

/// A headline number.
struct Figure {
  std::string name;
  std::string value;
  std::string note = {};
};

/// Throws Error, as Page::write would, if a file cannot be written there. Leaves no file behind.
void check_can_write(const std::filesystem::path& path);

class Page {
 public:
  explicit Page(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  void add(Figure figure) { figures_.push_back(std::move(figure)); }
  /// Starts a heading for the sections after it.
  void begin_part(std::string title) { parts_.push_back({std::move(title), {}}); }
  /// Throws Error, naming the section, if lists that belong together have different lengths, and for an invalid
  /// picture.
  void add(Section section);

  /// Returns the whole page. Text in it may contain any bytes: it is displayed, never executed.
  std::string html() const;
  /// Writes the page. Throws Error if that fails; an older page is then unchanged.
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
