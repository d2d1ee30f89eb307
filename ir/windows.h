#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// How windows slide along one axis: position k of window o is element o * stride + k * dilation - low.
struct Window {
  std::int64_t size;
  std::int64_t stride;
  std::int64_t dilation;
  std::int64_t low;
  std::int64_t high;

  std::int64_t extent() const { return (size - 1) * dilation + 1; }
  /// Returns whether all windows lie within the axis.
  bool stays_inside() const { return low <= 0 && high <= 0; }
};

/// Returns the windows along the axes that a `windows` or `add_windows` works on, from its first axis on. Throws Error
/// unless the attributes have one number (of padding: two) for each axis, and sizes, strides and dilations are at least
/// 1.
std::vector<Window> windows_of(const Attributes& attributes);

/// Returns the attributes of a `windows` from axis `axis` on: windows_of of them is `windows`.
Attributes window_attributes(std::int64_t axis, std::span<const Window> windows);

/// Returns how many windows there are along an axis of `size`. Throws Error if a window is longer than the axis with
/// its padding, or if the number depends on a symbol in another way than as a sum of products.
Dim window_count(const Window& window, Dim size);

/// Marks the nodes of a kernel's body that compute, element by element, what an `add_windows` adds.
std::vector<bool> nodes_added(const Graph& body);

}  // namespace sluice::ir
