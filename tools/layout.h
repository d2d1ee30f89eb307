#pragma once

#include <cstddef>
#include <vector>

namespace sluice::tools {

struct Point {
  double x = 0;
  double y = 0;
};

struct Size {
  double width = 0;
  double height = 0;
};

struct Link {
  std::size_t from;
  std::size_t to;  ///< a later box than `from`
};

/// The positions of boxes and of the lines between them.
struct Layout {
  std::vector<Point> corners;             ///< of each box, top left
  std::vector<std::vector<Point>> lines;  ///< of each link, from the bottom of one box to the top of the other
  Size size;
};

/// Computes a layered drawing, top to bottom (Sugiyama, Tagawa, Toda 1981): a box is below everything that it reads,
/// links pass between the boxes of layers that they cross, and boxes never overlap. Deterministic. An internal error if
/// a link does not lead from a box to a later one.
Layout lay_out(const std::vector<Size>& boxes, const std::vector<Link>& links);

}  // namespace sluice::tools
