// Convolutions: several nodes here that are one node of ONNX, which has channels second. Runtimes cancel the
// transpositions between such nodes.
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

}  // namespace sluice::onnx_model
