#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

// The way in which kernels with `windows` or `add_windows` go through their elements: by rows of positions, in most of
// which all windows lie within their images, so that no bound need be tested there.
namespace sluice::backend {

/// The positions begin <= p < end along one axis of what a kernel works over, at which the windows of one node lie
/// within their images along that axis; of add_windows, at which all windows that an element may be in exist. The end
/// may be beyond the axis, or before the beginning.
struct InnerRange {
  int axis = 0;
  std::int64_t begin = 0;
  Dim end = 0;

  bool operator==(const InnerRange&) const = default;
};

/// Returns the shape that a loop or a reduction works over.
const Shape& shape_of_work(const ir::Graph& body);

/// Returns whether a body has windows or add_windows, and its last axis has neither windows nor their cells, so that
/// vectors of it are at one position of each window.
bool has_windows_of_rows(const ir::Graph& body);

std::vector<InnerRange> inner_ranges(const ir::Graph& body);

/// Returns the axes that have the cells of windows, ascending.
std::vector<int> cell_axes(const ir::Graph& body);

/// A unit of a kernel that goes by rows of positions has at most so many of one row, and so many of its last axis.
inline constexpr std::int64_t kTilePositions = 64;
inline constexpr std::int64_t kTileColumns = 256;
/// A reduction over so few elements is one chain, and its code has each of them.
inline constexpr std::int64_t kMostUnrolledCells = 32;
/// The sums for so many cells of a window are made at once.
inline constexpr std::int64_t kMostSumsAtOnce = 16;

}  // namespace sluice::backend
