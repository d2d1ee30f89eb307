#include "sluice/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "sluice/error.h"

namespace sluice {

namespace {

constexpr int kLeastColumns = 24;
constexpr int kLeastRows = 4;
constexpr std::string_view kLetters = "*o+x#";
constexpr std::array<int, 5> kColors{75, 215, 113, 176, 44};  // of xterm's 256: blue, orange, green, violet, cyan

/// From the least to the greatest of finite numbers.
struct Interval {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  /// Returns the position of `value` among `steps` positions.
  int place(double value, int steps) const {
    const double part = high > low ? (value - low) / (high - low) : 0.5;
    return static_cast<int>(std::lround(part * (steps - 1)));
  }
};

/// A raster of characters; in color each is 2 by 4 dots, in plain style a single one.
class Canvas {
 public:
  Canvas(int columns, int rows, TextStyle style)
      : style_(style), columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns * rows)) {}

  int width() const { return columns_ * across(); }
  int height() const { return rows_ * down(); }

  void dot(int x, int y, std::size_t series) {
    Cell& cell = cells_[static_cast<std::size_t>(y / down() * columns_ + x / across())];
    // The bits of the braille dots in Unicode, by row and column.
    constexpr std::array<std::array<int, 2>, 4> kBits{{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    cell.dots |= kBits[static_cast<std::size_t>(y % down())][static_cast<std::size_t>(x % across())];
    cell.series = series;
  }

  void line(int x0, int y0, int x1, int y1, std::size_t series) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double part = static_cast<double>(i) / steps;
      dot(static_cast<int>(std::lround(x0 + part * (x1 - x0))), static_cast<int>(std::lround(y0 + part * (y1 - y0))),
          series);
    }
  }

  std::string row(int y) const {
    std::string text;
    for (int x = 0; x < columns_; ++x) {
      const Cell& cell = cells_[static_cast<std::size_t>(y * columns_ + x)];
      if (cell.dots == 0) {
        text += ' ';
      } else if (style_ == TextStyle::kPlain) {
        text += kLetters[cell.series % kLetters.size()];
      } else {
        const int code = 0x2800 + cell.dots;  // three bytes of UTF-8
        const std::array<char, 3> braille{static_cast<char>(0xE0 | code >> 12),
                                          static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                                          static_cast<char>(0x80 | (code & 0x3F))};
        text += fmt::format("\033[38;5;{}m{}\033[0m", kColors[cell.series % kColors.size()],
                            std::string_view(braille.data(), braille.size()));
      }
    }
    text.resize(text.find_last_not_of(' ') + 1);
    return text;
  }

 private:
  struct Cell {
    int dots = 0;
    std::size_t series = 0;
  };

  int across() const { return style_ == TextStyle::kPlain ? 1 : 2; }
  int down() const { return style_ == TextStyle::kPlain ? 1 : 4; }

  TextStyle style_;
  int columns_;
  int rows_;
  std::vector<Cell> cells_;
};

void draw(const report::Lines& lines, const Interval& xs, const Interval& ys, Canvas& canvas) {
  for (std::size_t s = 0; s < lines.series.size(); ++s) {
    const std::vector<double>& values = lines.series[s].values;
    bool drawing = false;
    int last_x = 0;
    int last_y = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i]) || !std::isfinite(lines.x[i])) {
        drawing = false;
        continue;
      }
      const int x = xs.place(lines.x[i], canvas.width());
      const int y = canvas.height() - 1 - ys.place(values[i], canvas.height());
      canvas.line(drawing ? last_x : x, drawing ? last_y : y, x, y, s);
      drawing = true;
      last_x = x;
      last_y = y;
    }
  }
}

std::string legend(const report::Lines& lines, TextStyle style) {
  std::string text;
  for (std::size_t s = 0; s < lines.series.size(); ++s) {
    if (s > 0) text += "   ";
    if (style == TextStyle::kPlain) {
      text += fmt::format("{} {}", kLetters[s % kLetters.size()], lines.series[s].name);
    } else {
      text += fmt::format("\033[38;5;{}m━━\033[0m {}", kColors[s % kColors.size()], lines.series[s].name);
    }
  }
  return text;
}

}  // namespace

std::string plot_text(const report::Lines& lines, int columns, int rows, TextStyle style) {
  if (columns < kLeastColumns || rows < kLeastRows)
    fail("plot: expected at least {} columns and {} rows, got {} and {}", kLeastColumns, kLeastRows, columns, rows);
  Interval xs;
  Interval ys;
  for (const double x : lines.x) xs.include(x);
  for (const report::Series& series : lines.series) {
    if (series.values.size() != lines.x.size())
      fail("plot: expected {} values in series '{}', got {}", lines.x.size(), series.name, series.values.size());
    for (const double value : series.values) ys.include(value);
  }
  if (xs.empty() || ys.empty()) fail("plot: expected finite numbers, there are none");

  const std::string high = fmt::format("{:.3g}", ys.high);
  const std::string low = fmt::format("{:.3g}", ys.low);
  const auto labels = static_cast<int>(std::max(high.size(), low.size()));
  const int inner_columns = columns - labels - 2;
  const int inner_rows = rows - 3;  // legend, axis, its labels
  Canvas canvas(inner_columns, inner_rows, style);
  draw(lines, xs, ys, canvas);

  const bool plain = style == TextStyle::kPlain;
  const std::string indent(static_cast<std::size_t>(labels + 1), ' ');
  std::string text = indent + ' ' + legend(lines, style) + '\n';
  for (int y = 0; y < inner_rows; ++y) {
    const std::string& label = y == 0 ? high : y == inner_rows - 1 ? low : "";
    text += fmt::format("{:>{}} {}{}\n", label, labels, plain ? "|" : "│", canvas.row(y));
  }
  text += indent + (plain ? "+" : "└");
  for (int x = 0; x < inner_columns; ++x) text += plain ? "-" : "─";
  const std::string left = fmt::format("{:.3g}", xs.low);
  const std::string right = fmt::format("{:.3g}", xs.high);
  const int room = inner_columns - static_cast<int>(left.size() + right.size());
  return text + fmt::format("\n{} {}{:^{}}{}\n", indent, left, lines.x_title, std::max(room, 0), right);
}

}  // namespace sluice
