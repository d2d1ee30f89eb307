// Pools: reductions over windows that are one node of ONNX.
#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "runtime/onnx/native.h"

namespace sluice::onnx_model {

using ir::Attr;
using ir::Op;
using ir::Window;

namespace {

/// Images, and windows of all their axes.
struct Pool {
  Shape images;
  ir::Value x;  ///< the images, or a reshape of them
  std::vector<Window> windows;
};

/// A reduction over the cells of `windows`.
std::optional<Pool> pool_of_windows(const ir::Graph& graph, const ir::Node& reduction) {
  const Integers& axes = reduction.attributes.integers(Attr::kAxes);
  const ir::Node& node = graph.node(reduction.operands[0]);
  if (node.op != Op::kWindows) return {};
  const std::vector<Window> windows = ir::windows_of(node.attributes);
  const std::int64_t first = node.attributes.integer(Attr::kAxis);
  const auto count = static_cast<std::int64_t>(windows.size());
  Integers cells;
  for (std::int64_t i = 0; i < count; ++i) cells.push_back(first + count + i);
  if (axes != cells) return {};
  const Shape& images = graph.type(node.operands[0]).shape;
  Pool pool{images, node.operands[0], {}};
  for (std::int64_t axis = 0; axis < images.rank(); ++axis) {
    const bool slides = axis >= first && axis < first + count;
    pool.windows.push_back(slides ? windows[static_cast<std::size_t>(axis - first)] : Window{1, 1, 1, 0, 0});
  }
  return pool;
}

/// A reduction over axes that a reshape has split off: windows next to each other.
std::optional<Pool> pool_of_tiles(const ir::Graph& graph, const ir::Node& reduction) {
  const Integers& axes = reduction.attributes.integers(Attr::kAxes);
  const ir::Value tiles = reduction.operands[0];
  if (graph.node(tiles).op != Op::kReshape) return {};
  const Shape& apart = graph.type(tiles).shape;
  Pool pool{{}, tiles, {}};
  for (int axis = 0; axis < apart.rank(); ++axis) {
    if (std::ranges::find(axes, axis) == axes.end()) {
      pool.images.push_back(apart[axis]);
      pool.windows.push_back({1, 1, 1, 0, 0});
    } else {
      if (pool.windows.empty() || pool.windows.back().size != 1 || apart[axis].batch) return {};
      const std::int64_t size = apart[axis].size;
      pool.images[pool.images.rank() - 1] = pool.images[pool.images.rank() - 1] * size;
      pool.windows.back() = {size, size, 1, 0, 0};
    }
  }
  return pool;
}

std::optional<Pool> pool_of_maximum(const ir::Graph& graph, const ir::Node& reduction) {
  std::optional<Pool> pool = pool_of_windows(graph, reduction);
  return pool ? pool : pool_of_tiles(graph, reduction);
}

bool is_whole(const Window& window) { return window.size == 1 && window.stride == 1; }

/// Adds the windows of `inner`, whose result `pool` has windows of. Returns false if both have windows of one axis.
bool add_inner(Pool& pool, const Pool& inner) {
  if (inner.images.rank() != pool.images.rank()) return false;
  for (std::size_t axis = 0; axis < pool.windows.size(); ++axis) {
    if (!is_whole(pool.windows[axis]) && !is_whole(inner.windows[axis])) return false;
  }
  for (std::size_t axis = 0; axis < pool.windows.size(); ++axis) {
    if (is_whole(pool.windows[axis])) pool.windows[axis] = inner.windows[axis];
  }
  pool.images = inner.images;
  pool.x = inner.x;
  return true;
}

/// What pads have added to an array.
struct Padding {
  ir::Value inside;
  std::vector<std::pair<std::int64_t, std::int64_t>> cells;  ///< before and behind each axis
};

std::optional<Padding> padding_of(const ir::Graph& graph, ir::Value value) {
  Padding padding{value, {}};
  padding.cells.resize(static_cast<std::size_t>(graph.type(value).shape.rank()));
  while (graph.node(padding.inside).op == Op::kPad) {
    const ir::Node& pad = graph.node(padding.inside);
    const Dim low = pad.attributes.size(Attr::kLow);
    const Dim high = pad.attributes.size(Attr::kHigh);
    if (low.batch || high.batch) return {};
    auto& [before, behind] = padding.cells[static_cast<std::size_t>(pad.attributes.integer(Attr::kAxis))];
    before += low.size;
    behind += high.size;
    padding.inside = pad.operands[0];
  }
  return padding;
}

/// Where the images of a pool are padded by minus infinity, which is select(inside, pad(x), -inf), pads the windows.
void take_padding(const ir::Graph& graph, Pool& pool) {
  const ir::Value images = without_reshapes(graph, pool.x);
  const ir::Node& select = graph.node(images);
  if (select.op != Op::kSelect || graph.type(images).shape != pool.images) return;
  const std::optional<double> outside = splat_value(graph, select.operands[2]);
  if (outside != -std::numeric_limits<double>::infinity()) return;
  const ir::Node& mask = graph.node(select.operands[0]);
  const bool is_repeated = mask.op == Op::kBroadcast && graph.type(mask.operands[0]).shape.rank() == pool.images.rank();
  const auto inside = padding_of(graph, is_repeated ? mask.operands[0] : select.operands[0]);
  const auto padded = padding_of(graph, select.operands[1]);
  if (!inside || !padded || inside->cells != padded->cells || splat_value(graph, inside->inside) != 1.0) return;
  pool.x = padded->inside;
  pool.images = graph.type(padded->inside).shape;
  for (std::size_t axis = 0; axis < pool.windows.size(); ++axis)
    std::tie(pool.windows[axis].low, pool.windows[axis].high) = padded->cells[axis];
}

/// Returns a MaxPool over all axes but the first and the last, or an AveragePool, which counts the padding and, in
/// opset 17, has no dilations.
std::optional<Name> write_pool(const Call& call, Pool pool, bool of_means) {
  Writer& w = call.w;
  const int rank = pool.images.rank();
  std::vector<Window>& windows = pool.windows;
  const bool are_images = rank >= 3 && rank <= 5 && windows.front().size == 1 && windows.back().size == 1 &&
                          pool.images.element_count().size != 0;
  if (!are_images) return {};
  windows.erase(windows.begin());
  windows.pop_back();
  const bool fits = std::ranges::all_of(windows, [&](const Window& window) {
    return (!of_means || window.dilation == 1) && window.low >= 0 && window.high >= 0 && window.low < window.size &&
           window.high < window.size;
  });
  if (!fits) return {};
  std::vector<Setting> settings = settings_of(windows);
  if (of_means) settings[2] = {"count_include_pad", std::int64_t{1}};  // in place of the dilations
  const Name x = w.transpose(under(w, pool.x, pool.images), channels_first(rank));
  return w.transpose(w.add(of_means ? "AveragePool" : "MaxPool", {x}, settings), channels_last(rank));
}

}  // namespace

std::optional<Name> write_max_pool(const Call& call) {
  const ir::Graph& graph = call.w.graph();
  if (call.dtype() != DType::kF32 || call.node.attributes.integers(Attr::kAxes).empty()) return {};
  std::optional<Pool> pool = pool_of_maximum(graph, call.node);
  if (!pool) return {};
  // A maximum over windows of maxima over windows of other axes is one over windows of both.
  for (ir::Value x = pool->x; graph.node(x).op == Op::kReduceMax; x = pool->x) {
    const std::optional<Pool> inner = pool_of_maximum(graph, graph.node(x));
    if (!inner || !add_inner(*pool, *inner)) break;
  }
  // Padding of windows is 0, and MaxPool's is no number.
  const auto is_inside = [](const Window& window) { return window.low == 0 && window.high == 0; };
  if (!std::ranges::all_of(pool->windows, is_inside)) return {};
  take_padding(graph, *pool);
  return write_pool(call, std::move(*pool), false);
}

/// The mean of all cells, padding included, times their number. Of tiles, ReduceSum is as fast.
std::optional<Name> write_sum_pool(const Call& call) {
  if (call.dtype() != DType::kF32) return {};
  std::optional<Pool> pool = pool_of_windows(call.w.graph(), call.node);
  if (!pool) return {};
  double cells = 1;
  for (const Window& window : pool->windows) cells *= static_cast<double>(window.size);
  const auto mean = write_pool(call, std::move(*pool), true);
  if (!mean) return {};
  return call.w.add("Mul", {*mean, call.w.scalar(DType::kF32, cells)});
}

}  // namespace sluice::onnx_model
