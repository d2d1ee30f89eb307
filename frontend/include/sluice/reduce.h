#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

namespace sluice {

/// Which axes a reduction folds: one, several, or (by default) all. Negative ones count from the end.
class Axes {
 public:
  Axes() = default;
  /// Not a list constructor, in which GCC would take {.keepdims = true} for axis 1.
  template <detail::Integer... T>
  requires(sizeof...(T) > 0) Axes(T... axes)  // NOLINT: an axis is a list of one
      : list_(std::vector<std::int64_t>{static_cast<std::int64_t>(axes)...}) {}
  Axes(std::vector<std::int64_t> axes) : list_(std::move(axes)) {}  // NOLINT: reads as the list that it is

  /// Returns the axes in ascending order, counted from the first axis. Throws Error, naming `op`, if one is out of
  /// range for `type` or named twice.
  std::vector<std::int64_t> of(std::string_view op, const Type& type) const;

 private:
  std::optional<std::vector<std::int64_t>> list_;  ///< none: all
};

struct ReduceOptions {
  bool keepdims = false;  ///< keep the folded axes, with size 1
};

// Reductions, by TensorFlow's names; the rows of sluice/ir/ops.def define what they do with NaN. They throw Error at
// the user's line for an axis out of range. The result has the dtype of x, which is numeric, and its shape without the
// axes. Options without axes, as in reduce_sum(x, {.keepdims = true}), fold all of them.

Tensor reduce_sum(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_max(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_min(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of floats: the sum divided by the number of elements, including B; infinite if the sum overflows the dtype,
/// as in NumPy and TensorFlow.
Tensor reduce_mean(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of the squared distances from the mean (divided by n, as in TensorFlow).
Tensor reduce_variance(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

// Templates, which lose against the functions above where both fit: {} and {0} are axes.
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_sum(const Arg& x, Options options) {
  return reduce_sum(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_max(const Arg& x, Options options) {
  return reduce_max(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_min(const Arg& x, Options options) {
  return reduce_min(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_mean(const Arg& x, Options options) {
  return reduce_mean(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_variance(const Arg& x, Options options) {
  return reduce_variance(x, Axes(), options);
}

/// The i64 index of the maximum along `axis`, which is removed; ties go to the lower index.
Tensor argmax(const Arg& x, int axis);

}  // namespace sluice
