#include "ir/windows.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "ir/infer.h"
#include "sluice/error.h"

namespace sluice::ir {

namespace {

/// So that no position overflows.
constexpr std::int64_t kMostOfWindow = std::int64_t{1} << 31;
/// The code of add_windows has each cell of a window.
constexpr std::int64_t kMostCells = 4096;

std::string_view name(const InferContext& c) { return info(c.op).name; }

/// The type of the windows over a value of type `from`.
Type type_of_windows(const InferContext& c, const Type& from) {
  const std::vector<Window> windows = windows_of(c.attributes);
  const std::int64_t first = c.attributes.integer(Attr::kAxis);
  const auto count = static_cast<std::int64_t>(windows.size());
  const int rank = from.shape.rank();
  if (first < 0 || first > rank - count)
    fail("{}: its {} sizes from axis {} on reach outside of {}", name(c), count, first, to_string(from));
  const std::int64_t end = first + count;
  std::vector<Dim> dims;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis < first || axis >= end) {
      dims.push_back(from.shape[axis]);
      continue;
    }
    try {
      dims.push_back(window_count(windows[static_cast<std::size_t>(axis - first)], from.shape[axis]));
    } catch (const Error& error) {
      fail("{}: axis {} of {}: {}", name(c), axis, to_string(from), error.message());
    }
  }
  std::vector<Dim> sizes;
  for (const Window& window : windows) sizes.emplace_back(window.size);
  dims.insert(dims.begin() + end, sizes.begin(), sizes.end());
  Type type{from.dtype, Shape(std::move(dims))};
  check_shape(name(c), type.shape);
  return type;
}

}  // namespace

std::vector<Window> windows_of(const Attributes& attributes) {
  const auto& sizes = attributes.integers(Attr::kSizes);
  const auto& strides = attributes.integers(Attr::kStrides);
  const auto& dilations = attributes.integers(Attr::kDilations);
  const auto& padding = attributes.integers(Attr::kPadding);
  const std::size_t count = sizes.size();
  if (count == 0) fail("windows: expected the size of at least one axis");
  if (strides.size() != count || dilations.size() != count || padding.size() != 2 * count) {
    fail(
        "windows: expected a stride and a dilation for each of the sizes [{}], and padding before and after, got [{}], "
        "[{}] and [{}]",
        fmt::join(sizes, ","), fmt::join(strides, ","), fmt::join(dilations, ","), fmt::join(padding, ","));
  }
  std::vector<Window> windows;
  std::int64_t cells = 1;
  for (std::size_t i = 0; i < count; ++i) {
    windows.push_back({sizes[i], strides[i], dilations[i], padding[2 * i], padding[2 * i + 1]});
    const Window& window = windows.back();
    for (const std::int64_t number : {window.size, window.stride, window.dilation}) {
      if (number < 1 || number > kMostOfWindow)
        fail("windows: sizes, strides and dilations are from 1 to 2^31, got {}", number);
    }
    cells = std::min(cells * window.size, 2 * kMostCells);
    if (cells > kMostCells)
      fail("windows: a window has at most {} cells, got sizes [{}]", kMostCells, fmt::join(sizes, ","));
    for (const std::int64_t number : {window.low, window.high}) {
      if (number < -kMostOfWindow || number > kMostOfWindow)
        fail("windows: padding is from -2^31 to 2^31, got {}", number);
    }
  }
  return windows;
}

Attributes window_attributes(std::int64_t axis, std::span<const Window> windows) {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> padding;
  for (const Window& window : windows) {
    sizes.push_back(window.size);
    strides.push_back(window.stride);
    dilations.push_back(window.dilation);
    padding.push_back(window.low);
    padding.push_back(window.high);
  }
  return {{Attr::kAxis, axis},
          {Attr::kDilations, dilations},
          {Attr::kPadding, padding},
          {Attr::kSizes, sizes},
          {Attr::kStrides, strides}};
}

Dim window_count(const Window& window, Dim size) {
  const Dim free = size + window.low + window.high - window.extent();
  if (!free.ever_at_least(0)) {
    fail("a window of {}{} does not fit {}{}", window.size,
         window.dilation == 1 ? "" : fmt::format(" with dilation {}", window.dilation), to_string(size),
         window.low == 0 && window.high == 0 ? "" : fmt::format(" padded by {} and {}", window.low, window.high));
  }
  if (!free.batch) return free.size / window.stride + 1;
  // Rounding down is exact for the multiples of the stride, and constant for the rest.
  const std::int64_t rest = free.where_all_are(0);
  const auto whole = divide(free - rest, window.stride);
  if (!whole) fail("the number of windows at stride {} is no sum of products of symbols", window.stride);
  const std::int64_t floor = rest >= 0 ? rest / window.stride : -((window.stride - 1 - rest) / window.stride);
  return *whole + floor + 1;
}

std::vector<bool> nodes_added(const Graph& body) {
  std::vector<bool> marks(body.nodes().size());
  for (std::size_t i = marks.size(); i-- > 0;) {
    const Node& node = body.nodes()[i];
    if (node.op != Op::kAddWindows && !(marks[i] && info(node.op).has(kElementwise))) continue;
    for (const Value operand : node.operands) marks[operand.node] = body.node(operand).op != Op::kParameter;
  }
  return marks;
}

Types infer_windows(const InferContext& c) { return {type_of_windows(c, c.operands[0])}; }

Types infer_add_windows(const InferContext& c) {
  const Type result{c.operands[0].dtype, c.attributes.shape()};
  check_shape(name(c), result.shape);
  const Type expected = type_of_windows(c, result);
  if (c.operands[0] != expected)
    fail("add_windows: the windows over {} are {}, got {}", to_string(result), to_string(expected),
         to_string(c.operands[0]));
  return {result};
}

}  // namespace sluice::ir
