// windows and add_windows for any padding, stride and dilation, axis by axis. native.cpp writes those of convolutions.
#include <algorithm>

#include "ir/windows.h"
#include "runtime/onnx/rules.h"

namespace sluice::onnx_model {

using ir::Attr;
using ir::Window;

namespace {

/// Pads `axis` by zeros; sizes may not be negative.
Name pad_axis(Writer& w, const Name& x, int rank, int axis, Dim low, Dim high) {
  if (low == Dim(0) && high == Dim(0)) return x;
  std::vector<Dim> pads(2 * static_cast<std::size_t>(rank));
  pads[static_cast<std::size_t>(axis)] = low;
  pads[static_cast<std::size_t>(rank + axis)] = high;
  return w.add("Pad", {x, w.sizes(pads)});
}

/// Returns the positions [windows, cells] of the cells of all windows along an axis.
Name positions(Writer& w, const Window& window, Dim count) {
  constexpr std::int64_t kMostOfConstant = 1024;
  const std::int64_t first = std::max<std::int64_t>(-window.low, 0);
  if (!count.batch && count.size * window.size <= kMostOfConstant) {
    Array places(DType::kI64, {count.size, window.size});
    auto at = places.data<std::int64_t>().begin();
    for (std::int64_t o = 0; o < count.size; ++o) {
      for (std::int64_t k = 0; k < window.size; ++k) *at++ = first + o * window.stride + k * window.dilation;
    }
    return w.constant(places);
  }
  Integers cells;
  for (std::int64_t k = 0; k < window.size; ++k) cells.push_back(first + k * window.dilation);
  const Name end = w.add("Squeeze", {w.sizes({count * window.stride})});
  const Name starts = w.add("Range", {w.scalar(DType::kI64, 0), end, w.constant(Array::scalar(window.stride))});
  return w.add("Add", {w.add("Unsqueeze", {starts, w.integers({1})}), w.integers(cells)});
}

/// Returns the order of axes that moves the cells of each axis, which follow its windows, behind all windows; or back.
Integers interleaving(int rank, int first, int count, bool back) {
  Integers order;
  for (int axis = 0; axis < rank; ++axis) {
    const int i = axis - first;
    if (i < 0 || i >= 2 * count) {
      order.push_back(axis);
    } else if (back) {
      order.push_back(first + (i % 2 == 0 ? i / 2 : count + i / 2));
    } else {
      order.push_back(first + (i < count ? 2 * i : 2 * (i - count) + 1));
    }
  }
  return order;
}

/// Adds [..., windows, cells, ...] at `axis` to an axis of `size`, as a part for each cell of a window.
Name add_axis(Writer& w, const Name& x, Shape& shape, int axis, const Window& window, Dim size, DType dtype) {
  const Dim count = shape[axis];
  std::vector<Dim> dims = shape.dims();
  dims.erase(dims.begin() + axis + 1);
  const int rank = shape.rank() - 1;
  const Dim spread_size = count * window.stride;
  Shape parts(dims);
  parts[axis] = spread_size;
  Shape result(dims);
  result[axis] = size;
  const Shape apart = shape;
  shape = result;
  Name sum;
  const bool are_tiles = window.stride == window.size && window.dilation == 1;
  for (std::int64_t k = 0; k < (are_tiles ? 1 : window.size); ++k) {
    Name part;
    if (are_tiles) {  // the windows lie next to each other
      part = w.reshape(x, apart, parts);
    } else {
      part = w.add("Gather", {x, w.constant(Array::scalar(k))}, {{"axis", std::int64_t{axis} + 1}});
      if (window.stride > 1) {
        Shape cells(dims);
        std::vector<Dim> with_gaps = dims;
        with_gaps.insert(with_gaps.begin() + axis + 1, Dim(window.stride));
        part = w.add("Unsqueeze", {part, w.integers({axis + 1})});
        part = pad_axis(w, part, rank + 1, axis + 1, 0, window.stride - 1);
        part = w.reshape(part, Shape(with_gaps), parts);
      }
    }
    // Element i of the part belongs to element begin + i of the axis.
    const std::int64_t begin = k * window.dilation - window.low;
    const std::int64_t low = std::max<std::int64_t>(begin, 0);
    const std::int64_t cropped = std::max<std::int64_t>(-begin, 0);
    const Name axes = w.integers({axis});
    if (spread_size.batch || size.batch) {
      // Long enough to have all of the axis behind what is cropped.
      part = pad_axis(w, part, rank, axis, low, size + cropped);
      part = w.add("Slice", {part, w.integers({cropped}), w.sizes({size + cropped}), axes});
    } else {
      const std::int64_t end = std::min(spread_size.size, size.size - begin);
      if (end <= cropped) continue;
      if (cropped > 0 || end < spread_size.size)
        part = w.add("Slice", {part, w.integers({cropped}), w.integers({end}), axes});
      part = pad_axis(w, part, rank, axis, low, size.size - low - (end - cropped));
    }
    sum = sum.empty() ? part : w.add("Add", {sum, part});
  }
  return sum.empty() ? w.expand(w.scalar(dtype, 0), {}, result) : sum;
}

}  // namespace

Name write_windows(const Call& call) {
  Writer& w = call.w;
  const std::vector<Window> windows = ir::windows_of(call.node.attributes);
  const auto first = static_cast<int>(call.node.attributes.integer(Attr::kAxis));
  const auto count = static_cast<int>(windows.size());
  const int rank = call.type().shape.rank();
  Name x = call.x();
  for (int i = count - 1; i >= 0; --i) {
    const Window& window = windows[static_cast<std::size_t>(i)];
    x = pad_axis(w, x, rank + count - 1 - i, first + i, std::max<std::int64_t>(window.low, 0),
                 std::max<std::int64_t>(window.high, 0));
    x = w.add("Gather", {x, positions(w, window, call.shape()[first + i])}, {{"axis", std::int64_t{first} + i}});
  }
  return w.transpose(x, interleaving(rank + count, first, count, false));
}

Name write_add_windows(const Call& call) {
  if (const auto conv = write_conv_transpose(call)) return *conv;
  Writer& w = call.w;
  const std::vector<Window> windows = ir::windows_of(call.node.attributes);
  const auto first = static_cast<int>(call.node.attributes.integer(Attr::kAxis));
  const auto count = static_cast<int>(windows.size());
  const bool is_u8 = call.dtype() == DType::kU8;
  const DType dtype = is_u8 ? DType::kI32 : call.dtype();
  const Integers order = interleaving(call.type().shape.rank(), first, count, true);
  Shape shape;
  for (const std::int64_t axis : order) shape.push_back(call.type().shape[static_cast<int>(axis)]);
  Name x = w.transpose(is_u8 ? w.cast(call.x(), dtype) : call.x(), order);
  for (int i = 0; i < count; ++i) {
    x = add_axis(w, x, shape, first + i, windows[static_cast<std::size_t>(i)], call.shape()[first + i], dtype);
  }
  return is_u8 ? w.cast(x, DType::kU8) : x;
}

}  // namespace sluice::onnx_model
