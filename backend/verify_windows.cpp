#include "backend/verify_windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/windows.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;
using ir::Window;

namespace {

/// Returns whether all cells of a window o, begin <= o < end, are elements of an axis of `size`.
bool windows_lie_inside(const Window& window, Dim size, const InnerRange& range) {
  if (range.begin * window.stride < window.low) return false;
  if (range.end == Dim(0)) return true;  // none
  const Dim last = range.end * window.stride - window.stride + window.extent() - 1 - window.low;
  return (size - 1 - last).always_at_least(0);
}

/// Returns whether element p, begin <= p < end, is cell k of none but one of the `count` windows: (p + low -
/// k * dilation) / stride, rounded down where no window begins, is at least 0 and below the count for each k.
bool elements_have_windows(const Window& window, Dim count, const InnerRange& range) {
  if (range.begin + window.low < (window.size - 1) * window.dilation) return false;
  return (count * window.stride - window.low - range.end).always_at_least(0);
}

}  // namespace

std::string wrong_inner_ranges(const ir::Graph& body, const std::vector<InnerRange>& ranges) {
  const int rank = shape_of_work(body).rank();
  for (const Node& node : body.nodes()) {
    if (node.op != Op::kWindows && node.op != Op::kAddWindows) continue;
    if (node.types[0].shape != shape_of_work(body)) return "tests no bounds of windows that it does not go along";
    const std::vector<Window> windows = ir::windows_of(node.attributes);
    const Shape& read = body.type(node.operands[0]).shape;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const int axis = static_cast<int>(node.attributes.integer(ir::Attr::kAxis)) + static_cast<int>(i);
      const bool of_windows = node.op == Op::kWindows;
      if (of_windows && windows[i].low <= 0 && windows[i].high <= 0) continue;
      const bool is_safe = std::ranges::any_of(ranges, [&](const InnerRange& range) {
        if (range.axis != axis || axis + 1 >= rank) return false;
        return of_windows ? windows_lie_inside(windows[i], read[axis], range)
                          : elements_have_windows(windows[i], read[axis], range);
      });
      if (!is_safe)
        return fmt::format("tests no bounds of {} along axis {} where they are outside", ir::to_string(node.op), axis);
    }
  }
  return "";
}

}  // namespace sluice::backend
