#include "sluice/conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontend/windows.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

// A convolution is the product of the windows over the images, a row for each window, with the filters, a column for
// each; its gradients follow from those of matmul and windows.
namespace sluice {

using detail::Sliding;
using ir::Window;

namespace {

Dim product_of(std::span<const Dim> dims) {
  Dim product = 1;
  for (const Dim dim : dims) product = product * dim;
  return product;
}

Shape with_spatial(Dim rows, std::span<const Dim> spatial, Dim channels) {
  Shape shape{rows};
  for (const Dim dim : spatial) shape.push_back(dim);
  shape.push_back(channels);
  return shape;
}

[[noreturn]] void fail_for(std::string_view op, const std::string& message, const Arg& x, const Arg& w) {
  fail_at_user(fmt::format("{}: {}", op, message), std::array{x.tensor(), w.tensor()});
}

/// Throws Error at the user's line unless w has a static size for `spatial` axes and two of channels, in x's dtype.
void check_filters(std::string_view op, const Arg& x, const Arg& w, int spatial, std::string_view channels) {
  const bool fits =
      w.dtype() == x.dtype() && w.rank() == spatial + 2 && w.shape().is_static() && w.shape().element_count().size > 0;
  if (fits) return;
  const std::string_view axes = spatial == 1 ? "kernel length" : "kernel height,kernel width";
  fail_for(op,
           fmt::format("expected filters {}[{},{}] of static sizes of at least 1, got {}", to_string(x.dtype()), axes,
                       channels, to_string(w.type())),
           x, w);
}

Sliding sliding_of(std::string_view op, const Arg& w, std::size_t spatial, const PerAxis& strides,
                   const PerAxis& dilations) {
  Sliding sliding{op,
                  {},
                  detail::per_axis(op, "a stride", strides.numbers(), spatial),
                  detail::per_axis(op, "a dilation", dilations.numbers(), spatial)};
  for (std::size_t i = 0; i < spatial; ++i) sliding.sizes.push_back(w.shape()[static_cast<int>(i)].size);
  return sliding;
}

/// The windows over x, [batch, windows..., kernel..., channels], or x itself where each window is one cell.
Tensor windows_over(const Tensor& x, std::span<const Window> windows) {
  const bool are_cells = std::ranges::all_of(
      windows, [](const Window& w) { return w.size == 1 && w.stride == 1 && w.low == 0 && w.high == 0; });
  return are_cells ? x : detail::slide(x, 1, windows);
}

/// The spatial sizes of the windows over x.
std::vector<Dim> counts_of(const Shape& x, std::span<const Window> windows) {
  std::vector<Dim> counts;
  for (std::size_t i = 0; i < windows.size(); ++i)
    counts.push_back(ir::window_count(windows[i], x[static_cast<int>(i) + 1]));
  return counts;
}

/// The windows that filters w see of images x.
struct Seen {
  Tensor windows;           ///< [batch, windows..., kernel..., channels]
  std::vector<Dim> counts;  ///< of the windows along each axis
  Dim pixels;               ///< all windows of all images
  Dim taps;                 ///< cells of a window

  /// Returns [pixels, channels] as [batch, windows..., channels].
  Tensor as_images(const Tensor& rows, Dim batch_size) const {
    return reshape(rows, with_spatial(batch_size, counts, rows.shape()[1]));
  }
};

Seen see(const Arg& x, const Sliding& sliding, const Padding& padding) {
  const std::vector<Window> places = detail::place_windows(sliding, padding, x.type());
  Seen seen{windows_over(x, places), counts_of(x.shape(), places), x.shape()[0], 1};
  seen.pixels = seen.pixels * product_of(seen.counts);
  for (const Window& window : places) seen.taps = seen.taps * window.size;
  return seen;
}

/// Products of each group's windows, [pixels, taps, in], with its filters, [taps, in / groups, out]: [pixels, out].
Tensor grouped_product(const Tensor& windows, const Tensor& w, std::int64_t groups) {
  const Dim pixels = windows.shape()[0];
  const Dim taps = windows.shape()[1];
  const Dim in = w.shape()[1];
  const Dim out = *divide(w.shape()[2], groups);
  const Tensor lhs = transpose(reshape(windows, {pixels, taps, groups, in}), {2, 0, 1, 3});
  const Tensor rhs = transpose(reshape(w, {taps * in, groups, out}), {1, 0, 2});
  const Tensor products = matmul(reshape(lhs, {groups, pixels, taps * in}), rhs);
  return reshape(transpose(products, {1, 0, 2}), {pixels, out * groups});
}

/// Convolves each channel of x by the next filters of w, which has as many elements as [kernel..., in, multiplier].
Tensor depthwise(const Tensor& x, const Tensor& w, const std::vector<Window>& places) {
  const auto count = static_cast<std::int64_t>(places.size());
  const int last = x.rank() - 1;
  Dim filter_count = w.shape().element_count();
  Shape of_filters;
  std::vector<std::int64_t> cells;
  for (std::int64_t i = 0; i < count; ++i) {
    const Dim size = places[static_cast<std::size_t>(i)].size;
    of_filters.push_back(size);
    filter_count = *divide(filter_count, size);
    cells.push_back(1 + count + i);
  }
  of_filters.push_back(filter_count);
  Tensor images = x;
  if (filter_count != x.shape()[last]) {  // channels are repeated, which takes less memory than windows
    Shape apart = x.shape();
    apart.push_back(1);
    Shape repeated = x.shape();
    repeated.push_back(*divide(filter_count, x.shape()[last]));
    Shape together = x.shape();
    together[last] = filter_count;
    images = reshape(broadcast_to(reshape(x, apart), repeated), together);
  }
  return reduce_sum(detail::slide(images, 1, places) * reshape(w, of_filters), cells);
}

Tensor convolve(std::string_view op, const Arg& x, const Arg& w, int spatial, const ConvOptions& options) {
  const Scope scope(x.where());
  detail::check_image(op, x, spatial);
  check_filters(op, x, w, spatial, "in,out");
  const Dim in = x.shape()[spatial + 1];
  const Dim per_group = w.shape()[spatial];
  const Dim out = w.shape()[spatial + 1];
  const std::int64_t groups = options.groups;
  if (groups < 1 || in.size % groups != 0 || out.size % groups != 0 || per_group.size * groups != in.size) {
    fail_for(op,
             fmt::format("{} of {} channels do not fit filters of {} to {} channels, got {} and {}",
                         groups == 1 ? "images" : fmt::format("{} groups", groups), to_string(in), to_string(per_group),
                         to_string(out), to_string(x.type()), to_string(w.type())),
             x, w);
  }
  const Sliding sliding = sliding_of(op, w, static_cast<std::size_t>(spatial), options.strides, options.dilations);
  if (groups > 1 && per_group == Dim(1))
    return depthwise(x, w, detail::place_windows(sliding, options.padding, x.type()));
  const Seen seen = see(x, sliding, options.padding);
  const auto& [windows, counts, pixels, taps] = seen;
  const Tensor product =
      groups == 1 ? matmul(reshape(windows, {pixels, taps * in}), reshape(w, {taps * in, out}))
                  : grouped_product(reshape(windows, {pixels, taps, in}), reshape(w, {taps, per_group, out}), groups);
  return seen.as_images(product, x.shape()[0]);
}

/// Returns the size whose convolution by `window`, as `padding` places it, has `count` windows, as Keras and PyTorch
/// choose it.
Dim transposed_size(const ConvTransposeOptions& options, std::size_t i, const Window& window, Dim count) {
  const Dim steps = count * window.stride;
  if (options.padding.is_same()) return steps;
  if (options.padding.is_valid()) return steps + std::max<std::int64_t>(window.extent() - window.stride, 0);
  const Padding::Pairs cells = options.padding.cells(2);
  const auto [low, high] = i < cells.size() ? cells[i] : std::pair<std::int64_t, std::int64_t>();
  return steps - window.stride + window.extent() - low - high;
}

}  // namespace

Tensor conv2d(const Arg& x, const Arg& w, const ConvOptions& options) { return convolve("conv2d", x, w, 2, options); }

Tensor conv1d(const Arg& x, const Arg& w, const ConvOptions& options) { return convolve("conv1d", x, w, 1, options); }

Tensor depthwise_conv2d(const Arg& x, const Arg& w, const DepthwiseOptions& options) {
  const Scope scope(x.where());
  constexpr std::string_view kName = "depthwise_conv2d";
  detail::check_image(kName, x, 2);
  check_filters(kName, x, w, 2, "in,multiplier");
  const Dim in = x.shape()[3];
  if (w.shape()[2] != in) {
    fail_for(kName,
             fmt::format("images of {} channels do not fit filters of {}, got {} and {}", to_string(in),
                         to_string(w.shape()[2]), to_string(x.type()), to_string(w.type())),
             x, w);
  }
  const Sliding sliding = sliding_of(kName, w, 2, options.strides, options.dilations);
  const std::vector<Window> places = detail::place_windows(sliding, options.padding, x.type());
  return depthwise(x, w, places);
}

Tensor conv2d_transpose(const Arg& x, const Arg& w, const ConvTransposeOptions& options) {
  const Scope scope(x.where());
  constexpr std::string_view kName = "conv2d_transpose";
  detail::check_image(kName, x, 2);
  check_filters(kName, x, w, 2, "in,out");
  const Dim out = x.shape()[3];
  if (w.shape()[3] != out) {
    fail_for(
        kName,
        fmt::format("images of {} channels do not fit filters from {} to {} channels, got {} and {}", to_string(out),
                    to_string(w.shape()[2]), to_string(w.shape()[3]), to_string(x.type()), to_string(w.type())),
        x, w);
  }
  const Sliding sliding = sliding_of(kName, w, 2, options.strides, options.dilations);
  std::vector<Dim> sizes = options.output_size;
  if (!sizes.empty() && sizes.size() != 2)
    fail_at_user(fmt::format("{}: expected an output size of height and width, got {} numbers", kName, sizes.size()));
  for (std::size_t i = 0; sizes.size() < 2; ++i) {
    const Window window{sliding.sizes[i], sliding.strides[i], sliding.dilations[i], 0, 0};
    sizes.push_back(transposed_size(options, i, window, x.shape()[static_cast<int>(i) + 1]));
  }
  const Dim in = w.shape()[2];
  const Shape shape = with_spatial(x.shape()[0], sizes, in);
  const std::vector<Window> places = detail::place_windows(sliding, options.padding, {x.dtype(), shape});
  const std::vector<Dim> counts = counts_of(shape, places);
  for (std::size_t i = 0; i < 2; ++i) {
    if (counts[i] == x.shape()[static_cast<int>(i) + 1]) continue;
    fail_for(kName,
             fmt::format("a convolution of {} gives {} along axis {}, not the {} of {}; choose another output_size",
                         to_string(shape), to_string(counts[i]), i + 1, to_string(x.shape()[static_cast<int>(i) + 1]),
                         to_string(x.type())),
             x, w);
  }
  const Dim taps = w.shape()[0] * w.shape()[1];
  const Dim pixels = x.shape()[0] * product_of(counts);
  const Tensor products = matmul(reshape(x, {pixels, out}), reshape(w, {taps * in, out}), {.transpose_b = true});
  Shape of_windows = with_spatial(x.shape()[0], counts, w.shape()[0]);
  of_windows.push_back(w.shape()[1]);
  of_windows.push_back(in);
  return detail::add_back(reshape(products, of_windows), shape, 1, places);
}

}  // namespace sluice
