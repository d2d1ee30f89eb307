#include "sluice/norms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

using detail::Normalization;

Normalization::Normalization(std::string_view kind, double epsilon, const std::source_location& where)
    : Module(kind), epsilon_(epsilon) {
  const Scope scope(where);
  if (std::isfinite(epsilon) && epsilon >= 0) return;
  fail_at_user(fmt::format("{}: expected a finite epsilon of at least 0, got {}", kind, epsilon));
}

void Normalization::check_input(const Arg& x, int rank) const {
  if (x.dtype() == DType::kF32 && x.rank() >= rank) return;
  const char* const expected = rank < 2 ? "f32 with at least one axis" : "f32[batch,...,channels]";
  const char* const advice = x.dtype() != DType::kF32 ? "; cast(x, f32) converts it" : "";
  fail_at_user(fmt::format("{}: expected {}, got {}{}", kind(), expected, to_string(x.type()), advice),
               {&x.tensor(), 1});
}

std::vector<std::int64_t> Normalization::normalized_axes(const Arg& x, const Axes& axis) const {
  std::vector<std::int64_t> axes = axis.of(kind(), x.type());
  if (axes.empty()) fail_at_user(fmt::format("{}: expected at least one axis to normalize along", kind()));
  return axes;
}

Variable Normalization::variable_along(std::string_view name, const Arg& x, const std::vector<std::int64_t>& axes,
                                       float value, VariableOptions options) const {
  std::vector<std::int64_t> sizes;
  for (const std::int64_t axis : axes) {
    const Dim size = x.shape()[static_cast<int>(axis)];
    if (size.batch) {
      fail_at_user(fmt::format("{}: \"{}\" needs a size for each normalized axis, but axis {} of {} is symbolic",
                               kind(), name, axis, to_string(x.type())),
                   {&x.tensor(), 1});
    }
    sizes.push_back(size.size);
  }
  const Variable variable = lazy_variable(
      name,
      [&] {
        Array initial(DType::kF32, sizes);
        std::ranges::fill(initial.data<float>(), value);
        return initial;
      },
      options);
  const Shape& made = variable.type().shape;
  for (int i = 0; i < static_cast<int>(axes.size()); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (made.rank() == static_cast<int>(axes.size()) && made[i] == Dim(sizes[at])) continue;
    fail_at_user(fmt::format("{}: \"{}\" is {}, so axis {} of the input has size {}, got {}", kind(), variable.name(),
                             to_string(variable.type()), axes[at], made.rank() > i ? to_string(made[i]) : "1",
                             to_string(x.type())),
                 {&x.tensor(), 1});
  }
  return variable;
}

Tensor Normalization::shaped_along(const Variable& variable, const Arg& x, const std::vector<std::int64_t>& axes) {
  // Only axes from the first named one on: leading axes broadcast.
  Shape shape(std::vector<Dim>(static_cast<std::size_t>(x.rank() - axes.front()), Dim(1)));
  for (const std::int64_t axis : axes) shape[static_cast<int>(axis - axes.front())] = x.shape()[static_cast<int>(axis)];
  return reshape(variable, shape);
}

Tensor Normalization::scaled(const Tensor& normal, const Arg& x, const std::vector<std::int64_t>& axes, bool scale,
                             bool center) const {
  Tensor result = normal;
  if (scale) result = result * shaped_along(variable_along("gamma", x, axes, 1), x, axes);
  if (center) result = result + shaped_along(variable_along("beta", x, axes, 0), x, axes);
  return result;
}

namespace {

/// Returns (x - mean) / sqrt(variance + epsilon) along `axes`.
Tensor standardized(const Tensor& x, const std::vector<std::int64_t>& axes, double epsilon) {
  const Tensor centered = x - reduce_mean(x, axes, {.keepdims = true});
  return centered * rsqrt(reduce_mean(square(centered), axes, {.keepdims = true}) + epsilon);
}

}  // namespace

LayerNormalization::LayerNormalization(LayerNormalizationOptions options, std::source_location where)
    : Normalization("layer_normalization", options.epsilon, where), options_(std::move(options)) {}

Tensor LayerNormalization::operator()(const Arg& x) const {
  const Scope scope(x.where());
  check_input(x, 1);
  const std::vector<std::int64_t> axes = normalized_axes(x, options_.axis);
  return scaled(standardized(x, axes, epsilon()), x, axes, options_.scale, options_.center);
}

RMSNorm::RMSNorm(RMSNormOptions options, std::source_location where)
    : Normalization("rms_norm", options.epsilon, where), options_(std::move(options)) {}

Tensor RMSNorm::operator()(const Arg& x) const {
  const Scope scope(x.where());
  check_input(x, 1);
  const std::vector<std::int64_t> axes = normalized_axes(x, options_.axis);
  const Tensor normal = x * rsqrt(reduce_mean(square(x), axes, {.keepdims = true}) + epsilon());
  return normal * shaped_along(variable_along("scale", x, axes, 1), x, axes);
}

GroupNormalization::GroupNormalization(std::int64_t groups, GroupNormalizationOptions options,
                                       std::source_location where)
    : Normalization("group_normalization", options.epsilon, where), groups_(groups), options_(options) {
  const Scope scope(where);
  if (groups < 1 && groups != -1)
    fail_at_user(fmt::format("group_normalization: expected at least one group, or -1, got {}", groups));
}

Tensor GroupNormalization::operator()(const Arg& x) const {
  const Scope scope(x.where());
  check_input(x, 2);
  const int last = x.rank() - 1;
  const Dim channels = x.shape()[last];
  const Dim groups = groups_ == -1 ? channels : Dim(groups_);
  const std::optional<Dim> in_group = groups == Dim(0) ? Dim(1) : divide(channels, groups);
  if (channels.batch || !in_group || *in_group == Dim(0)) {
    fail_at_user(fmt::format("group_normalization: expected a number of channels, axis {}, that {} groups divide, "
                             "got {}",
                             last, to_string(groups), to_string(x.type())),
                 {&x.tensor(), 1});
  }
  Shape grouped(std::vector<Dim>(x.shape().begin(), x.shape().end() - 1));
  grouped.push_back(groups);
  grouped.push_back(*in_group);
  std::vector<std::int64_t> axes(static_cast<std::size_t>(last - 1));  // between the batch and the channels
  std::iota(axes.begin(), axes.end(), 1);
  axes.push_back(last + 1);
  const Tensor normal = reshape(standardized(reshape(x, grouped), axes, epsilon()), x.shape());
  return scaled(normal, x, {last}, options_.scale, options_.center);
}

BatchNormalization::BatchNormalization(BatchNormalizationOptions options, std::source_location where)
    : Normalization("batch_normalization", options.epsilon, where), options_(options) {
  const Scope scope(where);
  if (!(options.momentum >= 0 && options.momentum <= 1))
    fail_at_user(fmt::format("batch_normalization: expected a momentum from 0 to 1, got {}", options.momentum));
}

Tensor BatchNormalization::by_batch(const Arg& x, const Variable& moving_mean, const Variable& moving_variance) const {
  const int last = x.rank() - 1;
  std::vector<std::int64_t> axes(static_cast<std::size_t>(last));
  std::iota(axes.begin(), axes.end(), 0);
  const Tensor mean = reduce_mean(x, axes);
  const Tensor centered = x - mean;
  const Tensor variance = reduce_mean(square(centered), axes);
  Dim elements = 1;
  for (int axis = 0; axis < last; ++axis) elements = elements * x.shape()[axis];
  const auto move = [&](const Variable& moving, const Tensor& statistic) {
    Tensor moved = options_.momentum * moving + (1 - options_.momentum) * statistic;
    // Of no elements, as in an axis of T - 1, the statistics are NaN.
    if (!elements.always_at_least(1)) moved = select(detail::number_of(elements) > 0, moved, moving);
    moving.assign(moved);
  };
  if (elements != Dim(0)) {
    move(moving_mean, mean);
    move(moving_variance, variance);
  }
  return centered * rsqrt(variance + epsilon());
}

Tensor BatchNormalization::operator()(const Arg& x, Mode mode) const {
  const Scope scope(x.where());
  check_input(x, 2);
  const std::vector<std::int64_t> channels{x.rank() - 1};
  std::vector<Variable> weights;  // created first: they come first among its variables
  if (options_.scale) weights.push_back(variable_along("gamma", x, channels, 1));
  if (options_.center) weights.push_back(variable_along("beta", x, channels, 0));
  const VariableOptions statistic{.trainable = false, .range = ir::Range{0, 2}};
  const Variable moving_mean = variable_along("moving_mean", x, channels, 0, {.trainable = false});
  const Variable moving_variance = variable_along("moving_variance", x, channels, 1, statistic);
  const auto trainable = [](const Variable& weight) { return weight.trainable(); };
  const bool trains = mode == Mode::kTrain && (weights.empty() || std::ranges::any_of(weights, trainable));
  const Tensor normal =
      trains ? by_batch(x, moving_mean, moving_variance) : (x - moving_mean) * rsqrt(moving_variance + epsilon());
  return scaled(normal, x, channels, options_.scale, options_.center);
}

}  // namespace sluice
