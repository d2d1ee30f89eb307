#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "frontend/windows.h"
#include "sluice/custom_gradient.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

// Windows of few cells are pooled at once. Others go axis by axis, the last one first, so that a window costs the sum
// of its sizes and not their product; the first of equal maxima in row-major order is the first one of the first row
// that has it.
namespace sluice {

using detail::Sliding;
using ir::Window;

namespace {

/// Each of so few cells may be compared with all others.
constexpr std::int64_t kFewCells = 9;

/// Returns whether the windows lie next to each other, so that they are a reshape.
bool tiles(const Window& window) { return window.stride == window.size && window.low == 0 && window.high == 0; }

/// Returns x with windows along `axis`: [..., windows, cells, ...].
Tensor windows_along(const Tensor& x, int axis, const Window& window) {
  if (!tiles(window)) return detail::slide(x, axis, {&window, 1});
  const Dim count = ir::window_count(window, x.shape()[axis]);
  Shape begin;
  Shape size;
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    begin.push_back(0);
    size.push_back(i == axis ? count * window.size : x.shape()[i]);
    shape.push_back(i == axis ? count : x.shape()[i]);
    if (i == axis) shape.push_back(window.size);
  }
  return reshape(slice(x, begin, size), shape);
}

/// Returns whether a window has so few cells that each of them is looked at for each window.
bool are_few(const std::vector<Window>& windows) {
  constexpr std::int64_t kFew = 16;
  std::int64_t cells = 1;
  for (const Window& window : windows) cells = std::min(cells * window.size, kFew + 1);
  return cells <= kFew || std::ranges::all_of(windows, tiles);
}

/// Returns x with the cells of the windows along the axes from 1 on, and the axes that these are.
std::pair<Tensor, std::vector<std::int64_t>> cells_at_once(const Tensor& x, const std::vector<Window>& windows) {
  const auto count = static_cast<std::int64_t>(windows.size());
  Tensor y = x;
  std::vector<std::int64_t> axes;
  if (std::ranges::all_of(windows, tiles)) {
    for (std::int64_t axis = count; axis > 0; --axis)
      y = windows_along(y, static_cast<int>(axis), windows[static_cast<std::size_t>(axis) - 1]);
    for (std::int64_t i = 1; i <= count; ++i) axes.push_back(2 * i);
  } else {
    y = detail::slide(x, 1, windows);
    for (std::int64_t i = 1; i <= count; ++i) axes.push_back(count + i);
  }
  return {y, axes};
}

/// Returns the number of the cells of x, in row-major order of the static `axes`.
std::int64_t cells_of(const Tensor& x, const std::vector<std::int64_t>& axes) {
  std::int64_t cells = 1;
  for (const std::int64_t axis : axes) cells *= x.shape()[static_cast<int>(axis)].size;
  return cells;
}

/// Returns whether each element of x is the first, in row-major order of the static `axes`, that attains `maximum`
/// over them. Of windows of an image, only the number of that cell is kept in memory, in a byte if they are few.
Tensor is_first(const Tensor& x, const Tensor& maximum, const std::vector<std::int64_t>& axes) {
  const std::int64_t cells = cells_of(x, axes);
  const DType dtype = cells < 256 ? DType::kU8 : DType::kI32;
  Tensor number = full(x.shape(), 0, dtype);
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<int>(axis);
    number = number * x.shape()[at].size + iota(x.shape(), at, dtype);
  }
  const Tensor attains = logical_or(x == maximum, x != x);
  const Tensor first = reduce_min(select(attains, number, cells - 1), axes);
  return number == reshape(first, maximum.shape());
}

/// Returns the maximum over `axes`, with a gradient that goes to the first one.
Tensor first_maximum(const Tensor& x, const std::vector<std::int64_t>& axes, bool of_tiles) {
  const auto maximum = custom_gradient(
      "max_pool", [=](Tensor t) { return reduce_max(t, axes); },
      [=](Tensor t, Tensor y, Tensor dy) {
        Shape kept = t.shape();
        for (const std::int64_t axis : axes) kept[static_cast<int>(axis)] = 1;
        const bool compares_all = of_tiles && cells_of(t, axes) <= kFewCells;
        const Tensor goes_to =
            compares_all ? Trace::required("max_pool").add(ir::Op::kIsFirstMax, {t}, {{ir::Attr::kAxes, axes}})
                         : is_first(t, reshape(y, kept), axes);
        return select(goes_to, reshape(dy, kept), 0);
      });
  return maximum(x);
}

std::vector<Window> windows_of_pool(std::string_view op, const Arg& x, int spatial, const PerAxis& window,
                                    const PoolOptions& options) {
  detail::check_image(op, x, spatial);
  const auto count = static_cast<std::size_t>(spatial);
  const std::vector<std::int64_t> sizes = detail::per_axis(op, "a window", window.numbers(), count);
  const std::vector<std::int64_t> strides =
      options.strides.empty() ? sizes : detail::per_axis(op, "a stride", options.strides, count);
  const std::vector<Window> windows =
      detail::place_windows({op, sizes, strides, std::vector<std::int64_t>(count, 1)}, options.padding, x.type());
  for (std::size_t i = 0; i < count; ++i) {
    if (windows[i].low < windows[i].size && windows[i].high < windows[i].size) continue;
    fail_at_user(fmt::format("{}: padding of {} and {} along axis {} leaves a window of {} without a cell", op,
                             windows[i].low, windows[i].high, i + 1, windows[i].size));
  }
  return windows;
}

/// Returns x with its padding, which the windows then no longer have, filled with minus infinity.
Tensor padded_for_maximum(const Tensor& x, std::vector<Window>& windows) {
  std::vector<std::pair<std::int64_t, std::int64_t>> cells(static_cast<std::size_t>(x.rank()));
  Shape inside(std::vector<Dim>(static_cast<std::size_t>(x.rank()), Dim(1)));
  bool is_padded = false;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    Window& window = windows[i];
    is_padded = is_padded || window.low > 0 || window.high > 0;
    cells[i + 1] = {window.low, window.high};
    inside[static_cast<int>(i) + 1] = x.shape()[static_cast<int>(i) + 1];
    window.low = 0;
    window.high = 0;
  }
  if (!is_padded) return x;
  return select(pad(full(inside, true, DType::kBool), cells), pad(x, cells), -std::numeric_limits<double>::infinity());
}

Tensor max_pool(std::string_view op, const Arg& x, int spatial, const PerAxis& window, const PoolOptions& options) {
  const Scope scope(x.where());
  std::vector<Window> windows = windows_of_pool(op, x, spatial, window, options);
  Tensor y = padded_for_maximum(x, windows);
  if (are_few(windows)) {
    const auto [cells, axes] = cells_at_once(y, windows);
    return first_maximum(cells, axes, std::ranges::all_of(windows, tiles));
  }
  for (int axis = spatial; axis > 0; --axis) {
    const Window& along = windows[static_cast<std::size_t>(axis) - 1];
    y = first_maximum(windows_along(y, axis, along), {axis + 1}, tiles(along));
  }
  return y;
}

Tensor avg_pool(std::string_view op, const Arg& x, int spatial, const PerAxis& window, const PoolOptions& options) {
  const Scope scope(x.where());
  Tensor y = x;
  double cells = 1;
  const std::vector<Window> windows = windows_of_pool(op, x, spatial, window, options);
  const bool at_once = are_few(windows);
  if (at_once) {
    const auto [all, axes] = cells_at_once(y, windows);
    y = reduce_sum(all, axes);
  }
  for (int axis = spatial; axis > 0; --axis) {
    const Window& along = windows[static_cast<std::size_t>(axis) - 1];
    const Dim size = x.shape()[axis];
    if (!at_once) y = reduce_sum(windows_along(y, axis, along), axis + 1);
    if (along.stays_inside()) {
      cells *= static_cast<double>(along.size);
      continue;
    }
    const Tensor counts = reduce_sum(windows_along(full({size}, 1, x.dtype()), 0, along), 1);
    Shape column(std::vector<Dim>(static_cast<std::size_t>(y.rank() - axis), Dim(1)));
    column[0] = counts.shape()[0];
    y = y / reshape(counts, column);
  }
  return cells == 1 ? y : y / cells;
}

/// Returns x with each cell along `axis` replaced by `factor` of it.
Tensor repeated(const Tensor& x, int axis, std::int64_t factor) {
  std::vector<Dim> apart = x.shape().dims();
  apart.insert(apart.begin() + axis + 1, Dim(1));
  std::vector<Dim> together = apart;
  together[static_cast<std::size_t>(axis) + 1] = factor;
  Shape shape = x.shape();
  shape[axis] = shape[axis] * factor;
  return reshape(broadcast_to(reshape(x, Shape(std::move(apart))), Shape(std::move(together))), shape);
}

/// Returns x moved by one cell along `axis`: towards its end, or its beginning. The cell at the edge is repeated.
Tensor moved(const Tensor& x, int axis, bool towards_end) {
  const Dim size = x.shape()[axis];
  if (size == Dim(1)) return x;
  const auto part = [&](Dim begin, Dim count) {
    Shape from(std::vector<Dim>(static_cast<std::size_t>(x.rank()), Dim(0)));
    Shape counts = x.shape();
    from[axis] = begin;
    counts[axis] = count;
    return slice(x, from, counts);
  };
  if (towards_end) return concat({part(0, 1), part(0, size - 1)}, axis);
  return concat({part(1, size - 1), part(size - 1, 1)}, axis);
}

/// Returns x interpolated along `axis`: cell i * factor + r lies at i + (r + 1/2) / factor - 1/2 of the cells of x.
Tensor interpolated(const Tensor& x, int axis, std::int64_t factor) {
  if (factor == 1) return x;
  const Tensor before = moved(x, axis, true);
  const Tensor after = moved(x, axis, false);
  Shape apart = x.shape();
  std::vector<Dim> dims = apart.dims();
  dims.insert(dims.begin() + axis + 1, Dim(1));
  std::vector<Tensor> phases;
  for (std::int64_t r = 0; r < factor; ++r) {
    const double at = (static_cast<double>(r) + 0.5) / static_cast<double>(factor) - 0.5;
    const Tensor phase = at < 0 ? x + (before - x) * -at : x + (after - x) * at;
    phases.push_back(reshape(phase, Shape(dims)));
  }
  apart[axis] = apart[axis] * factor;
  return reshape(concat(phases, axis + 1), apart);
}

}  // namespace

Tensor max_pool2d(const Arg& x, const PerAxis& window, const PoolOptions& options) {
  return max_pool("max_pool2d", x, 2, window, options);
}

Tensor max_pool1d(const Arg& x, const PerAxis& window, const PoolOptions& options) {
  return max_pool("max_pool1d", x, 1, window, options);
}

Tensor avg_pool2d(const Arg& x, const PerAxis& window, const PoolOptions& options) {
  return avg_pool("avg_pool2d", x, 2, window, options);
}

Tensor avg_pool1d(const Arg& x, const PerAxis& window, const PoolOptions& options) {
  return avg_pool("avg_pool1d", x, 1, window, options);
}

Tensor global_average_pool(const Arg& x) {
  const Scope scope(x.where());
  detail::check_image("global_average_pool", x, 2);
  return reduce_mean(x, {1, 2});
}

Tensor upsample2d(const Arg& x, const PerAxis& factor, Resize resize) {
  const Scope scope(x.where());
  detail::check_image("upsample2d", x, 2);
  const std::vector<std::int64_t> factors = detail::per_axis("upsample2d", "a factor", factor.numbers(), 2);
  Tensor y = x;
  for (int axis = 2; axis > 0; --axis) {
    const std::int64_t times = factors[static_cast<std::size_t>(axis) - 1];
    y = resize == Resize::kNearest ? repeated(y, axis, times) : interpolated(y, axis, times);
  }
  return y;
}

}  // namespace sluice
