#include "sluice/plot.h"

#include <doctest/doctest.h>

#include <limits>

#include "sluice/error.h"

using namespace sluice;

namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("a plot in plain text") {
  const report::Lines lines{"x", "y", {0, 1, 2}, {{"up", {0, 1, 2}}, {"flat", {0.5, 0.5, 0.5}}}};
  CHECK(plot_text(lines, 24, 7, TextStyle::kPlain) == R"(   * up   o flat
2 |                *****
  |        ********
  |ooooooooooooooooooooo
0 |***
  +---------------------
   0         x         2
)");
}

TEST_CASE("non-finite values leave a gap, and a single point is a point") {
  const report::Lines gap{"x", "y", {0, 1, 2, 3}, {{"y", {1, kNan, 1, 1}}}};
  CHECK(plot_text(gap, 24, 4, TextStyle::kPlain) == R"(   * y
1 |*            ********
  +---------------------
   0         x         3
)");
  const report::Lines point{"epoch", "y", {4}, {{"y", {7}}}};
  CHECK(plot_text(point, 24, 4, TextStyle::kPlain) == R"(   * y
7 |          *
  +---------------------
   4       epoch       4
)");
}

TEST_CASE("a plot in color uses braille dots") {
  const report::Lines lines{"x", "y", {0, 1}, {{"y", {0, 1}}}};
  const std::string text = plot_text(lines, 24, 4, TextStyle::kColor);
  // The first two columns of dots are in the lowest of the four rows, the last two in the highest.
  CHECK(text.find("│\033[38;5;75m\xE2\xA3\x80\033[0m") != std::string::npos);
  CHECK(text.find("\033[38;5;75m\xE2\xA0\x89\033[0m\n") != std::string::npos);
}

TEST_CASE("invalid plots are rejected") {
  const report::Lines lines{"x", "y", {0, 1}, {{"y", {0, 1}}}};
  CHECK_THROWS_WITH(plot_text(lines, 23, 10, TextStyle::kPlain),
                    "plot: expected at least 24 columns and 4 rows, got 23 and 10");
  CHECK_THROWS_WITH(plot_text({"x", "y", {0, 1}, {{"y", {0}}}}, 80, 10, TextStyle::kPlain),
                    "plot: expected 2 values in series 'y', got 1");
  CHECK_THROWS_WITH(plot_text({"x", "y", {0}, {{"y", {kNan}}}}, 80, 10, TextStyle::kPlain),
                    "plot: expected finite numbers, there are none");
}
