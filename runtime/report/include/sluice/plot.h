#pragma once

#include <string>

#include "sluice/report.h"
#include "sluice/terminal.h"

namespace sluice {

/// Plots `lines` as text, `columns` characters wide and `rows` high, with axes and a legend: in color, with braille
/// dots, eight per character; plain, with an ASCII letter for each series. Throws Error for less than 24 columns or 4
/// rows, if a series does not have one value for each x, and if no value is finite.
std::string plot_text(const report::Lines& lines, int columns, int rows, TextStyle style);

}  // namespace sluice
