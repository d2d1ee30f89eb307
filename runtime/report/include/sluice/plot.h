#pragma once

#include <string>

#include "sluice/report.h"
#include "sluice/terminal.h"

namespace sluice {

/// `lines` as a picture of text, `columns` characters wide and `rows` high, with axes and a legend: in color, by dots
/// of braille, eight a character; plain, by a letter of ASCII for each series. Throws Error for less than 24 columns or
/// 4 rows, where the values are not one for each x, and where none is finite.
std::string plot_text(const report::Lines& lines, int columns, int rows, TextStyle style);

}  // namespace sluice
