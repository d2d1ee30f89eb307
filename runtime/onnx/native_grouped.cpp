// Depthwise convolutions, which are sums of products, and those of groups, which are products with a batch axis.
#include "runtime/onnx/native.h"

namespace sluice::onnx_model {

using ir::Attr;
using ir::Op;
using ir::Window;

namespace {

/// The windows that a convolution reads.
struct Windowed {
  ir::Value images;
  std::vector<Window> windows;
  Shape counts;  ///< [images, windows...]
  Dim pixels;    ///< all of them
  Dim taps;      ///< cells of a window
};

/// Returns the windows of which `value` is a reshape, if they are over images of f32.
std::optional<Windowed> windows_in(const ir::Graph& graph, ir::Value value) {
  const ir::Node& node = graph.node(without_reshapes(graph, value));
  if (node.op != Op::kWindows || node.types[0].dtype != DType::kF32) return {};
  Windowed seen{node.operands[0], ir::windows_of(node.attributes), {}, 1, 1};
  const Shape& images = graph.type(seen.images).shape;
  if (!are_over_images(node, images, seen.windows)) return {};
  for (int axis = 0; axis + 1 < images.rank(); ++axis) {
    seen.counts.push_back(node.types[0].shape[axis]);
    seen.pixels = seen.pixels * seen.counts[axis];
  }
  for (const Window& window : seen.windows) seen.taps = seen.taps * window.size;
  return seen;
}

ir::Value without_broadcast(const ir::Graph& graph, ir::Value value) {
  return graph.node(value).op == Op::kBroadcast ? graph.node(value).operands[0] : value;
}

/// Returns the convolution by filters [out, in / groups, kernel...] and notes its shape as that of the call's result.
Name grouped(const Call& call, const Windowed& seen, const Name& filters, std::int64_t groups, Dim out) {
  Writer& w = call.w;
  const int rank = w.type(seen.images).shape.rank();
  std::vector<Setting> settings = settings_of(seen.windows);
  settings.push_back({"group", groups});
  const Name x = w.transpose(w[seen.images], channels_first(rank));
  const Name y = w.transpose(w.add("Conv", {x, filters}, settings), channels_last(rank));
  Shape result = seen.counts;
  result.push_back(out);
  w.set_source(call.result, {y, result, true});
  return w.reshape(y, result, call.shape());
}

}  // namespace

/// reduce_sum of windows times filters [kernel..., channels] over the cells of the windows.
std::optional<Name> write_depthwise_conv(const Call& call) {
  Writer& w = call.w;
  const ir::Graph& graph = w.graph();
  const ir::Node& product = graph.node(call.operand());
  if (product.op != Op::kMul) return {};
  for (const bool swapped : {false, true}) {
    const ir::Value lhs = product.operands[swapped ? 1 : 0];
    const ir::Value rhs = without_broadcast(graph, product.operands[swapped ? 0 : 1]);
    const auto seen = graph.node(lhs).op == Op::kWindows ? windows_in(graph, lhs) : std::nullopt;
    if (!seen) continue;
    const Shape& images = w.type(seen->images).shape;
    const Dim channels = images[images.rank() - 1];
    const auto count = static_cast<std::int64_t>(seen->windows.size());
    Integers cells;
    for (std::int64_t axis = 0; axis < count; ++axis) cells.push_back(1 + count + axis);
    Shape of_filters;
    for (const Window& window : seen->windows) of_filters.push_back(window.size);
    of_filters.push_back(channels);
    const bool fits = call.node.attributes.integers(Attr::kAxes) == cells && w.type(rhs).shape == of_filters;
    if (!fits) continue;
    Shape stacked{channels, 1};
    for (const Window& window : seen->windows) stacked.push_back(window.size);
    Integers order{count};
    Shape moved{channels};
    for (std::int64_t axis = 0; axis < count; ++axis) {
      order.push_back(axis);
      moved.push_back(of_filters[static_cast<int>(axis)]);
    }
    const Name f = w.reshape(w.transpose(w[rhs], order), moved, stacked);
    return grouped(call, *seen, f, channels.size, channels);
  }
  return {};
}

/// [groups, pixels, taps * in] by [groups, taps * in, out] with the groups moved back behind the pixels.
std::optional<Name> write_grouped_conv(const Call& call) {
  Writer& w = call.w;
  const ir::Graph& graph = w.graph();
  const ir::Node& matmul = graph.node(call.operand());
  const bool is_plain = matmul.op == Op::kMatmul && call.shape().rank() == 3 &&
                        call.node.attributes.integers(Attr::kPermutation) == Integers{1, 0, 2} &&
                        !matmul.attributes.flag(Attr::kTransposeA) && !matmul.attributes.flag(Attr::kTransposeB);
  if (!is_plain) return {};
  const ir::Node& lhs = graph.node(without_reshapes(graph, matmul.operands[0]));
  const ir::Node& rhs = graph.node(matmul.operands[1]);
  if (lhs.op != Op::kTranspose || rhs.op != Op::kTranspose) return {};
  const auto seen = windows_in(graph, lhs.operands[0]);
  if (!seen) return {};
  const Shape& images = w.type(seen->images).shape;
  const Dim groups = call.shape()[1];
  const Dim out = call.shape()[2];
  const auto in = groups.batch || groups.size == 0 ? std::nullopt : divide(images[images.rank() - 1], groups);
  const bool fits = in && w.type(lhs.operands[0]).shape == Shape{seen->pixels, seen->taps, groups, *in} &&
                    lhs.attributes.integers(Attr::kPermutation) == Integers{2, 0, 1, 3} &&
                    w.type(matmul.operands[0]).shape == Shape{groups, seen->pixels, seen->taps * *in} &&
                    w.type(rhs.operands[0]).shape == Shape{seen->taps * *in, groups, out} &&
                    rhs.attributes.integers(Attr::kPermutation) == Integers{1, 0, 2} && out.size > 0;
  if (!fits) return {};
  Shape filters;
  for (const Window& window : seen->windows) filters.push_back(window.size);
  filters.push_back(*in);
  filters.push_back(groups * out);
  const Name f = w.transpose(under(w, rhs.operands[0], filters), filters_first(filters.rank()));
  return grouped(call, *seen, f, groups.size, groups * out);
}

}  // namespace sluice::onnx_model
