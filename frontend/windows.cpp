#include "frontend/windows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "ir/counted.h"
#include "sluice/detail/trace.h"

namespace sluice {

Padding::Padding(const char* name) : kind_(Kind::kValid) {
  const std::string_view given = name == nullptr ? "" : name;
  const auto is = [&](std::string_view known) {
    return std::ranges::equal(given, known, {}, [](unsigned char c) { return std::tolower(c); });
  };
  if (is("same"))
    kind_ = Kind::kSame;
  else if (!is("valid"))
    fail_at_user(fmt::format("expected the padding \"valid\" or \"same\", got \"{}\"", given));
}

namespace detail {

using ir::Attr;
using ir::Op;
using ir::Window;

namespace {

/// Returns the cells of "same" padding in all: as many as ceil(size / stride) windows need.
std::int64_t same_padding(const Sliding& sliding, const Window& window, int axis, const Type& x) {
  const Dim size = x.shape[axis];
  if (!size.batch) {
    const std::int64_t count = (size.size + window.stride - 1) / window.stride;
    return std::max<std::int64_t>((count - 1) * window.stride + window.extent() - size.size, 0);
  }
  if (!divide(size, window.stride)) {
    fail_at_user(fmt::format("{}: \"same\" padding of axis {} of {} needs a stride that divides {}, got {}", sliding.op,
                             axis, to_string(x), to_string(size), window.stride));
  }
  return std::max<std::int64_t>(window.extent() - window.stride, 0);
}

}  // namespace

std::vector<std::int64_t> per_axis(std::string_view op, std::string_view what, std::span<const std::int64_t> numbers,
                                   std::size_t count) {
  if (numbers.size() != 1 && numbers.size() != count)
    fail_at_user(fmt::format("{}: expected {} for each of {}, or one for all, got [{}]", op, what,
                             fmt::format("{} axes", count), fmt::join(numbers, ",")));
  for (const std::int64_t number : numbers) {
    if (number < 1) fail_at_user(fmt::format("{}: expected {} of at least 1, got {}", op, what, number));
  }
  if (numbers.size() == count) return {numbers.begin(), numbers.end()};
  return std::vector(count, numbers[0]);
}

std::vector<Window> place_windows(const Sliding& sliding, const Padding& padding, const Type& x) {
  const std::size_t count = sliding.sizes.size();
  const Padding::Pairs cells_of_axes = padding.cells(count);
  if (!padding.is_same() && !padding.is_valid() && cells_of_axes.size() != count) {
    fail_at_user(fmt::format("{}: expected the padding before and after each of {}, got {}", sliding.op,
                             fmt::format("{} axes", count), counted(cells_of_axes.size(), "pair")));
  }
  std::vector<Window> windows;
  for (std::size_t i = 0; i < count; ++i) {
    const int axis = static_cast<int>(i) + 1;
    Window window{sliding.sizes[i], sliding.strides[i], sliding.dilations[i], 0, 0};
    if (padding.is_same()) {
      const std::int64_t cells = same_padding(sliding, window, axis, x);
      window.low = cells / 2;
      window.high = cells - window.low;
    } else if (!padding.is_valid()) {
      std::tie(window.low, window.high) = cells_of_axes[i];
      if (window.low < 0 || window.high < 0)
        fail_at_user(fmt::format("{}: expected padding of at least 0, got {} and {} for axis {}", sliding.op,
                                 window.low, window.high, axis));
    }
    try {
      ir::window_count(window, x.shape[axis]);
    } catch (const Error& error) {
      fail_at_user(fmt::format("{}: axis {} of {}: {}", sliding.op, axis, to_string(x), error.message()));
    }
    windows.push_back(window);
  }
  return windows;
}

Tensor slide(const Tensor& x, std::int64_t axis, std::span<const Window> windows) {
  return Trace::required("windows").add(Op::kWindows, {x}, ir::window_attributes(axis, windows));
}

Tensor add_back(const Tensor& x, const Shape& shape, std::int64_t axis, std::span<const Window> windows) {
  ir::Attributes attributes = ir::window_attributes(axis, windows);
  attributes.set(Attr::kShape, shape);
  return Trace::required("add_windows").add(Op::kAddWindows, {x}, std::move(attributes));
}

void check_image(std::string_view op, const Arg& x, int spatial) {
  if (is_float(x.dtype()) && x.rank() == spatial + 2 && !x.shape()[spatial + 1].batch) return;
  const std::string_view axes = spatial == 1 ? "length" : "height,width";
  fail_at_user(fmt::format("{}: expected floats [batch,{},channels] with a static number of channels, got {}", op, axes,
                           to_string(x.type())),
               {&x.tensor(), 1});
}

}  // namespace detail

}  // namespace sluice
