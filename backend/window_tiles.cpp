#include "backend/window_tiles.h"

#include <algorithm>

#include "ir/windows.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;
using ir::Window;

namespace {

bool has_windows(const Node& node) { return node.op == Op::kWindows || node.op == Op::kAddWindows; }

int first_axis(const Node& node) { return static_cast<int>(node.attributes.integer(ir::Attr::kAxis)); }

/// Windows over an axis of `size`: o * stride - low >= 0, and the last cell o * stride - low + extent - 1 < size, which
/// holds for as many windows as fit before the end of the axis itself.
InnerRange range_of_windows(const Window& window, int axis, Dim size) {
  const std::int64_t begin = std::max<std::int64_t>((window.low + window.stride - 1) / window.stride, 0);
  const Dim free = size + window.low - window.extent();
  const bool fits = free.ever_at_least(0);
  return {axis, begin, fits ? ir::window_count({window.size, window.stride, window.dilation, window.low, 0}, size) : 0};
}

/// An element p may be in the windows (p + low - k * dilation) / stride, of which there are `count`.
InnerRange range_of_elements(const Window& window, int axis, Dim count) {
  const std::int64_t begin = std::max<std::int64_t>(window.extent() - 1 - window.low, 0);
  return {axis, begin, count * window.stride - window.low};
}

}  // namespace

const Shape& shape_of_work(const ir::Graph& body) {
  const Node& node = body.node(body.results()[0]);
  return ir::info(node.op).has(ir::kReduction) ? body.type(node.operands[0]).shape : body.type(body.results()[0]).shape;
}

bool has_windows_of_rows(const ir::Graph& body) {
  const std::vector<bool> added = ir::nodes_added(body);
  const int last = shape_of_work(body).rank() - 1;
  bool found = false;
  for (std::size_t i = 0; i < body.nodes().size(); ++i) {
    const Node& node = body.nodes()[i];
    if (!has_windows(node)) continue;
    const auto count = static_cast<int>(ir::windows_of(node.attributes).size());
    const int end = first_axis(node) + (node.op == Op::kWindows ? 2 * count : count);
    if (added[i] || end > last) return false;
    found = true;
  }
  return found;
}

std::vector<InnerRange> inner_ranges(const ir::Graph& body) {
  std::vector<InnerRange> ranges;
  const auto add = [&](const InnerRange& range) {
    if (std::ranges::find(ranges, range) == ranges.end()) ranges.push_back(range);
  };
  for (const Node& node : body.nodes()) {
    if (!has_windows(node)) continue;
    const std::vector<Window> windows = ir::windows_of(node.attributes);
    const Shape& read = body.type(node.operands[0]).shape;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const int axis = first_axis(node) + static_cast<int>(i);
      if (node.op == Op::kAddWindows) add(range_of_elements(windows[i], axis, read[axis]));
      if (node.op == Op::kWindows && !windows[i].stays_inside()) add(range_of_windows(windows[i], axis, read[axis]));
    }
  }
  return ranges;
}

std::vector<int> cell_axes(const ir::Graph& body) {
  std::vector<int> axes;
  for (const Node& node : body.nodes()) {
    if (node.op != Op::kWindows) continue;
    const auto count = static_cast<int>(ir::windows_of(node.attributes).size());
    for (int i = 0; i < count; ++i) axes.push_back(first_axis(node) + count + i);
  }
  std::ranges::sort(axes);
  axes.erase(std::ranges::unique(axes).begin(), axes.end());
  return axes;
}

}  // namespace sluice::backend
