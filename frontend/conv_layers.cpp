#include "sluice/conv_layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "frontend/windows.h"
#include "sluice/detail/trace.h"
#include "sluice/random.h"

namespace sluice {

Array glorot_uniform_filters(std::vector<std::int64_t> sizes, std::int64_t in, std::int64_t out) {
  const double limit = std::sqrt(6.0 / static_cast<double>(in + out));
  return initial_uniform(std::move(sizes), -limit, limit);
}

Array he_normal_filters(std::vector<std::int64_t> sizes, std::int64_t in, std::int64_t /*out*/) {
  return initial_normal(std::move(sizes), 0, std::sqrt(2.0 / static_cast<double>(in)));
}

namespace detail {

ConvLayer::ConvLayer(std::string_view name, std::int64_t channels, PerAxis kernel, ConvLayerOptions options)
    : Module(std::string(name)),
      name_(name),
      channels_(channels),
      kernel_(std::move(kernel)),
      options_(std::move(options)) {
  if (channels < 1) fail("{}: expected at least 1 channel for the result, got {}", name, channels);
  if (!options_.activation) fail("{}: the activation is empty; pass identity for none", name);
  if (!options_.weights) fail("{}: the initializer of the filters is empty", name);
}

Variable ConvLayer::filters(const Arg& x, std::size_t spatial, const std::vector<std::int64_t>& last) const {
  if (x.dtype() != DType::kF32)
    fail_at_user(fmt::format("{}: expected f32, got {}; cast(x, f32) converts it", name_, to_string(x.type())),
                 {&x.tensor(), 1});
  std::vector<std::int64_t> sizes = per_axis(name_, "a kernel size", kernel_.numbers(), spatial);
  std::int64_t taps = 1;
  for (const std::int64_t size : sizes) taps *= size;
  sizes.insert(sizes.end(), last.begin(), last.end());
  const Type expected{DType::kF32, Shape::of(sizes)};
  const Variable w = lazy_variable("w", [&] {
    Array initial = options_.weights(sizes, taps * last[0], taps * last[1]);
    if (initial.type() == expected) return initial;
    fail_at_user(fmt::format("{}: the initial filters are {}, expected {}", name_, to_string(initial.type()),
                             to_string(expected)));
  });
  if (w.type() == expected) return w;
  fail_at_user(fmt::format("{}: \"{}\" is {}, expected {} for {}", name_, w.name(), to_string(w.type()),
                           to_string(expected), to_string(x.type())),
               {&x.tensor(), 1});
}

Tensor ConvLayer::finished(const Tensor& x, std::int64_t channels) const {
  if (!options_.bias) return options_.activation(x);
  const Variable b = lazy_variable("b", [&] { return Array(DType::kF32, {channels}); });
  return options_.activation(x + b);
}

void ConvLayer::refuse_groups() const {
  if (options_.groups != 1) fail("{}: has no groups, got {}", name_, options_.groups);
}

namespace {

/// The channels of x, which has `spatial` axes before them.
std::int64_t channels_of(std::string_view name, const Arg& x, int spatial) {
  check_image(name, x, spatial);
  return x.shape()[spatial + 1].size;
}

/// The channels of each group of x.
std::int64_t channels_per_group(std::string_view name, const Arg& x, int spatial, std::int64_t groups) {
  const std::int64_t channels = channels_of(name, x, spatial);
  if (groups >= 1 && channels % groups == 0) return channels / groups;
  fail_at_user(fmt::format("{}: {} channels are not divided by {} groups", name, channels, groups), {&x.tensor(), 1});
}

}  // namespace

Tensor ConvLayer::convolved(const Arg& x, int spatial, Convolution convolution) const {
  const Scope scope(x.where());
  const std::int64_t in = channels_per_group(name_, x, spatial, options_.groups);
  const Variable w = filters(x, static_cast<std::size_t>(spatial), {in, channels_});
  return finished(convolution(x, w,
                              {.strides = options_.strides,
                               .padding = options_.padding,
                               .dilations = options_.dilations,
                               .groups = options_.groups}),
                  channels_);
}

}  // namespace detail

Tensor DepthwiseConv2D::operator()(const Arg& x) const {
  const Scope scope(x.where());
  const std::int64_t in = detail::channels_of(name_, x, 2);
  const Variable w = filters(x, 2, {in, channels_});
  return finished(
      depthwise_conv2d(x, w,
                       {.strides = options_.strides, .padding = options_.padding, .dilations = options_.dilations}),
      in * channels_);
}

Tensor Conv2DTranspose::operator()(const Arg& x) const {
  const Scope scope(x.where());
  const std::int64_t in = detail::channels_of(name_, x, 2);
  const Variable w = filters(x, 2, {channels_, in});
  return finished(
      conv2d_transpose(x, w,
                       {.strides = options_.strides, .padding = options_.padding, .dilations = options_.dilations}),
      channels_);
}

}  // namespace sluice
