#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "sluice/tensor.h"

namespace sluice {

/// Which axes a reduction folds: one, several, or (by default) all. Negative ones count from the last.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : list_(std::vector<std::int64_t>{axis}) {}  // NOLINT: an axis is a list of one
  Axes(std::initializer_list<std::int64_t> axes) : list_(std::vector(axes)) {}
  Axes(std::vector<std::int64_t> axes) : list_(std::move(axes)) {}  // NOLINT: reads as the list that it is

  /// Ascending, counted from the first axis. Throws Error, naming `op`, if one is outside of `type` or named twice.
  std::vector<std::int64_t> of(std::string_view op, const Type& type) const;

 private:
  std::optional<std::vector<std::int64_t>> list_;  ///< none: all
};

struct ReduceOptions {
  bool keepdims = false;  ///< leave the folded axes, with size 1
};

// Reductions, by TensorFlow's names; the rows of sluice/ir/ops.def say what they do with NaN. They throw Error at the
// user's line if an axis is not there. The result has the dtype of x, which is of numbers, and its shape without the
// axes.

Tensor reduce_sum(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_max(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_min(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of floats: the sum divided by the number of elements, B included; infinite where the sum is beyond the
/// dtype, as in NumPy and TensorFlow.
Tensor reduce_mean(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of the squared distances from the mean (divided by n, as TensorFlow's).
Tensor reduce_variance(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The i64 index of the maximum along `axis`, which vanishes: the first of equals.
Tensor argmax(const Arg& x, int axis);

}  // namespace sluice
