#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ir/windows.h"
#include "sluice/conv.h"

// What convolutions and pooling share. Internal to the frontend.
namespace sluice::detail {

/// Returns one number of `numbers` for each of `count` axes. Throws Error at the user's line, naming `op` and `what`,
/// unless there are as many, or one, and all are at least 1.
std::vector<std::int64_t> per_axis(std::string_view op, std::string_view what, std::span<const std::int64_t> numbers,
                                   std::size_t count);

/// How windows of `sizes` slide over the axes of x from 1 on.
struct Sliding {
  std::string_view op;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
};

/// Returns a window for each axis of `sliding` with its padding of an image of type `x`. Throws Error at the user's
/// line if the padding does not fit, or a window does not fit the axis.
std::vector<ir::Window> place_windows(const Sliding& sliding, const Padding& padding, const Type& x);

/// Returns the windows over the axes of x from `axis` on.
Tensor slide(const Tensor& x, std::int64_t axis, std::span<const ir::Window> windows);
/// Returns its transpose, of `shape`.
Tensor add_back(const Tensor& x, const Shape& shape, std::int64_t axis, std::span<const ir::Window> windows);

/// Throws Error at the user's line unless x is floats [batch, `spatial` axes, channels] with a static number of
/// channels.
void check_image(std::string_view op, const Arg& x, int spatial);

}  // namespace sluice::detail
