#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "sluice/tensor.h"

namespace sluice {

/// Which axes a reduction folds: one, several, or (by default) all. Negative ones count from the end.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : list_(std::vector<std::int64_t>{axis}) {}  // NOLINT: an axis is a list of one
  Axes(std::initializer_list<std::int64_t> axes) : list_(std::vector(axes)) {}
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
// axes.

Tensor reduce_sum(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_max(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
Tensor reduce_min(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of floats: the sum divided by the number of elements, including B; infinite if the sum overflows the dtype,
/// as in NumPy and TensorFlow.
Tensor reduce_mean(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean of the squared distances from the mean (divided by n, as in TensorFlow).
Tensor reduce_variance(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The i64 index of the maximum along `axis`, which is removed; ties go to the lower index.
Tensor argmax(const Arg& x, int axis);

}  // namespace sluice
