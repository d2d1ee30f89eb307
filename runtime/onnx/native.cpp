// Several nodes here that are one node of ONNX, which has channels second. Runtimes cancel the transpositions between
// such nodes.
#include "runtime/onnx/native.h"

#include <algorithm>

namespace sluice::onnx_model {

using ir::Attr;
using ir::Op;
using ir::Window;

/// Channels from the last axis to the second, or back.
Integers channels_first(int rank) {
  Integers order{0, rank - 1};
  for (int axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return order;
}

Integers channels_last(int rank) {
  Integers order{0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}

/// Filters [kernel..., in, out] as [out, in, kernel...].
Integers filters_first(int rank) {
  Integers order{rank - 1, rank - 2};
  for (int axis = 0; axis + 2 < rank; ++axis) order.push_back(axis);
  return order;
}

/// Windows over all axes of images but the first and the last.
bool are_over_images(const ir::Node& node, const Shape& images, const std::vector<Window>& windows) {
  return node.attributes.integer(Attr::kAxis) == 1 && images.rank() == static_cast<int>(windows.size()) + 2 &&
         windows.size() <= 3 && images.element_count().size != 0 &&
         std::ranges::all_of(windows, [](const Window& window) { return window.low >= 0 && window.high >= 0; });
}

std::vector<Setting> settings_of(const std::vector<Window>& windows) {
  Integers sizes;
  Integers strides;
  Integers dilations;
  Integers pads(2 * windows.size());
  for (std::size_t i = 0; i < windows.size(); ++i) {
    sizes.push_back(windows[i].size);
    strides.push_back(windows[i].stride);
    dilations.push_back(windows[i].dilation);
    pads[i] = windows[i].low;
    pads[windows.size() + i] = windows[i].high;
  }
  return {{"kernel_shape", sizes}, {"strides", strides}, {"dilations", dilations}, {"pads", pads}};
}

/// Returns `x`, a value or a reshape of one, under `shape`.
Name under(Writer& w, ir::Value x, const Shape& shape) {
  const Source source = w.source(x);
  return w.reshape(source.name, source.shape, shape);
}

std::optional<Name> write_conv(const Call& call) {
  Writer& w = call.w;
  const ir::Graph& graph = w.graph();
  const ir::Node& windows_node = graph.node(without_reshapes(graph, call.operand()));
  const bool is_plain = call.shape().rank() == 2 && call.dtype() == DType::kF32 && windows_node.op == Op::kWindows &&
                        !call.node.attributes.flag(Attr::kTransposeA) && !call.node.attributes.flag(Attr::kTransposeB);
  if (!is_plain) return {};
  const ir::Value images = windows_node.operands[0];
  const Shape& shape = w.type(images).shape;
  const std::vector<Window> windows = ir::windows_of(windows_node.attributes);
  if (!are_over_images(windows_node, shape, windows)) return {};
  const Shape& of_windows = windows_node.types[0].shape;
  const int rank = shape.rank();
  const Dim in = shape[rank - 1];
  const Dim out = call.shape()[1];
  // Each row of the product is of one window: [images, windows...] by [kernel..., in].
  Shape result;
  Shape filters;
  Dim pixels = 1;
  Dim cells = in;
  for (int axis = 0; axis + 1 < rank; ++axis) {
    result.push_back(of_windows[axis]);
    pixels = pixels * of_windows[axis];
  }
  for (const Window& window : windows) {
    filters.push_back(window.size);
    cells = cells * window.size;
  }
  if (call.type().shape != Shape{pixels, cells} || out == Dim(0)) return {};
  result.push_back(out);
  filters.push_back(in);
  filters.push_back(out);
  const Name x = w.transpose(w[images], channels_first(rank));
  const Name f = w.transpose(under(w, call.operand(1), filters), filters_first(filters.rank()));
  const Name y = w.transpose(w.add("Conv", {x, f}, settings_of(windows)), channels_last(rank));
  w.set_source(call.result, {y, result, true});
  return w.reshape(y, result, call.shape());
}

std::optional<Name> write_conv_transpose(const Call& call) {
  Writer& w = call.w;
  const ir::Graph& graph = w.graph();
  const ir::Value product = without_reshapes(graph, call.operand());
  const ir::Node& matmul = graph.node(product);
  const std::vector<Window> windows = ir::windows_of(call.node.attributes);
  const Shape& shape = call.shape();
  const bool is_plain = matmul.op == Op::kMatmul && call.dtype() == DType::kF32 && w.type(product).shape.rank() == 2 &&
                        !matmul.attributes.flag(Attr::kTransposeA) && matmul.attributes.flag(Attr::kTransposeB);
  if (!is_plain || !are_over_images(call.node, shape, windows)) return {};
  const Shape& of_windows = call.type().shape;
  const int rank = shape.rank();
  const Dim in = shape[rank - 1];
  const Dim out = w.type(matmul.operands[0]).shape[1];
  Shape images;
  Shape filters;
  Dim pixels = 1;
  Dim cells = in;
  Integers output_padding;
  for (int axis = 0; axis + 1 < rank; ++axis) {
    images.push_back(of_windows[axis]);
    pixels = pixels * of_windows[axis];
    if (axis == 0) continue;
    const Window& window = windows[static_cast<std::size_t>(axis) - 1];
    filters.push_back(window.size);
    cells = cells * window.size;
    // The cells behind the last window, of which there are fewer than a stride.
    const Dim rest = shape[axis] + window.low + window.high - window.extent() - (of_windows[axis] - 1) * window.stride;
    if (rest.batch || rest.size < 0) return {};
    output_padding.push_back(rest.size);
  }
  if (w.type(product).shape != Shape{pixels, cells} || out == Dim(0)) return {};
  images.push_back(out);
  filters.push_back(in);
  filters.push_back(out);
  std::vector<Setting> settings = settings_of(windows);
  settings.push_back({"output_padding", output_padding});
  const Name x = w.transpose(under(w, matmul.operands[0], images), channels_first(rank));
  const Name f = w.transpose(under(w, matmul.operands[1], filters), filters_first(filters.rank()));
  return w.transpose(w.add("ConvTranspose", {x, f}, settings), channels_last(rank));
}

namespace {

/// Images, and windows of all their axes.
struct Pool {
  Shape images;
  ir::Value x;  ///< the images, or a reshape of them
  std::vector<Window> windows;
};

/// A reduction over the cells of `windows`.
std::optional<Pool> pool_of_windows(const Call& call, const Integers& axes) {
  const ir::Node& node = call.w.graph().node(call.operand());
  if (node.op != Op::kWindows) return {};
  const std::vector<Window> windows = ir::windows_of(node.attributes);
  const std::int64_t first = node.attributes.integer(Attr::kAxis);
  const auto count = static_cast<std::int64_t>(windows.size());
  Integers cells;
  for (std::int64_t i = 0; i < count; ++i) cells.push_back(first + count + i);
  if (axes != cells) return {};
  const Shape& images = call.w.type(node.operands[0]).shape;
  Pool pool{images, node.operands[0], {}};
  for (std::int64_t axis = 0; axis < images.rank(); ++axis) {
    const bool slides = axis >= first && axis < first + count;
    pool.windows.push_back(slides ? windows[static_cast<std::size_t>(axis - first)] : Window{1, 1, 1, 0, 0});
  }
  return pool;
}

/// A reduction over axes that a reshape has split off: windows next to each other.
std::optional<Pool> pool_of_tiles(const Call& call, const Integers& axes) {
  if (call.w.graph().node(call.operand()).op != Op::kReshape) return {};
  const Shape& apart = call.type().shape;
  Pool pool{{}, call.operand(), {}};
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

}  // namespace

namespace {

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
  const Integers& axes = call.node.attributes.integers(Attr::kAxes);
  if (call.dtype() != DType::kF32 || axes.empty()) return {};
  std::optional<Pool> pool = pool_of_windows(call, axes);
  if (!pool) pool = pool_of_tiles(call, axes);
  // Padding of windows is 0, and MaxPool's is no number.
  const auto is_inside = [](const Window& window) { return window.low == 0 && window.high == 0; };
  if (!pool || !std::ranges::all_of(pool->windows, is_inside)) return {};
  return write_pool(call, std::move(*pool), false);
}

/// The mean of all cells, padding included, times their number. Of tiles, ReduceSum is as fast.
std::optional<Name> write_sum_pool(const Call& call) {
  const Integers& axes = call.node.attributes.integers(Attr::kAxes);
  if (call.dtype() != DType::kF32) return {};
  std::optional<Pool> pool = pool_of_windows(call, axes);
  if (!pool) return {};
  double cells = 1;
  for (const Window& window : pool->windows) cells *= static_cast<double>(window.size);
  const auto mean = write_pool(call, std::move(*pool), true);
  if (!mean) return {};
  return call.w.add("Mul", {*mean, call.w.scalar(DType::kF32, cells)});
}

namespace {

/// Returns the operand of the reduction over the last axis that `value`, of `shape`, repeats along it.
std::optional<ir::Value> reduced_along_rows(const ir::Graph& graph, ir::Value value, const Shape& shape, Op reduction) {
  const ir::Node& repeated = graph.node(value);
  if (repeated.op != Op::kBroadcast || shape.rank() == 0) return {};
  const ir::Node& column = graph.node(repeated.operands[0]);
  Shape kept = shape;
  kept[shape.rank() - 1] = 1;
  if (column.op != Op::kReshape || column.types[0].shape != kept) return {};
  const ir::Node& reduced = graph.node(column.operands[0]);
  const bool fits = reduced.op == reduction && reduced.attributes.integers(Attr::kAxes) == Integers{shape.rank() - 1} &&
                    graph.type(reduced.operands[0]).shape == shape;
  return fits ? std::optional(reduced.operands[0]) : std::nullopt;
}

}  // namespace

/// exp(x - max(x)) / sum(exp(x - max(x))), by rows.
std::optional<Name> write_softmax(const Call& call) {
  const ir::Graph& graph = call.w.graph();
  const ir::Node& exponential = graph.node(call.operand());
  if (exponential.op != Op::kExp || !call.given.empty()) return {};
  const ir::Node& difference = graph.node(exponential.operands[0]);
  if (difference.op != Op::kSub) return {};
  const Shape& shape = call.shape();
  const ir::Value x = difference.operands[0];
  if (reduced_along_rows(graph, call.operand(1), shape, Op::kReduceSum) != call.operand() ||
      reduced_along_rows(graph, difference.operands[1], shape, Op::kReduceMax) != x)
    return {};
  return call.w.add("Softmax", {call.w[x]}, {{"axis", std::int64_t{shape.rank()} - 1}});
}

}  // namespace sluice::onnx_model
