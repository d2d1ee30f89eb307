#pragma once

#include <fmt/format.h>
#include <sluice/array.h>
#include <sluice/plot.h>
#include <sluice/report.h>
#include <sluice/terminal.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

// Plotting for the examples.

/// Returns the f32 elements of `array` in the type that plots take.
inline std::vector<double> numbers(const sluice::Array& array) {
  const auto elements = array.data<float>();
  return {elements.begin(), elements.end()};
}

/// Prints the curves under their title, as wide as the terminal.
inline void plot(const std::string& title, const sluice::report::Lines& lines) {
  constexpr int kRows = 18;
  fmt::print(
      "{}\n{}\n", title,
      plot_text(lines, sluice::columns_of_terminal(STDOUT_FILENO), kRows, sluice::style_of_terminal(STDOUT_FILENO)));
}

/// Prints curves over the numbers 0, 1, 2, ... of epochs or steps, called `x_title`.
inline void plot_course(const std::string& title, const std::string& x_title, const std::string& y_title,
                        std::vector<sluice::report::Series> series) {
  std::vector<double> x;
  for (std::size_t i = 0; i < series.at(0).values.size(); ++i) x.push_back(static_cast<double>(i));
  plot(title, {x_title, y_title, std::move(x), std::move(series)});
}
