#pragma once

#include <array>
#include <span>
#include <vector>

namespace sluice {

/// A point of a glyph: x to the right and y down, both from 0 to 1.
struct Point {
  float x = 0;
  float y = 0;
};

/// A curve through its points (Catmull-Rom); two points form a straight line.
using Stroke = std::vector<Point>;
/// One way to write a digit.
using Glyph = std::vector<Stroke>;

/// Returns the ways to write `digit`, 0 to 9.
std::span<const Glyph> glyphs_of(int digit);

}  // namespace sluice
